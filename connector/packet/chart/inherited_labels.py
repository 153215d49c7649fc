"""Security labels that a record has from what it belongs to, to a fixpoint over the chart."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from .index import Row


def resolved(rows: Mapping[str, Row]) -> dict[str, tuple[str, ...]]:
    """Key of a record → keys of the encounters and episodes of the chart that it belongs to."""
    called: dict[str, set[str]] = defaultdict(set)
    for row in rows.values():
        for name in row.own_names:
            called[name].add(row.key)
    found = {}
    for row in rows.values():
        keys = {n for n in row.places if n in rows}.union(*(called.get(n, ()) for n in row.places))
        if keys - {row.key}:
            found[row.key] = tuple(sorted(keys - {row.key}))
    return found


def inherit(rows: dict[str, Row], places: Mapping[str, Iterable[str]]) -> dict[str, dict[str, str]]:
    """Give each record in `rows` the labels of what it belongs to, to a fixpoint.

    Returns, by key, the key of the container from which each label came that is not its own.
    """
    origins: dict[str, dict[str, str]] = {}
    members: dict[str, list[str]] = defaultdict(list)
    for key, containers in places.items():
        for container in containers:
            members[container].append(key)
    for row in rows.values():  # what is in a part of a document that has a label
        for key in row.labelled_parts:
            members[row.key].append(key)
    fresh = [key for key in members if key in rows and rows[key].labels]
    while fresh:
        key = fresh.pop()
        labels = rows[key].labels
        for member in members[key]:
            there = rows.get(member)
            if there and there.type != "Patient" and not labels <= there.labels:
                came = dict.fromkeys(labels - there.labels, key)
                origins[member] = came | origins.get(member, {})
                rows[member] = replace(there, labels=there.labels | labels)
                fresh.append(member)
    return origins
