"""Puts charts into a FHIR server, under the ids of their files or under ids of its own."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import requests

from connector.fhir import lossless
from tests.real.charts import Chart, Resource, decode, key, map_nodes, references

# HAPI takes about 200 entries a second in transactions of this size; larger ones gain nothing.
BATCH = 200


def load(base_url: str, chart: Chart) -> None:
    """The chart and the shared resources of its folder, by PUT in transactions.

    Raises AssertionError with the server's answer when an entry is refused.
    """
    put_all(base_url, [*chart.shared, *chart.records])


def put_all(base_url: str, resources: Iterable[Resource]) -> None:
    """Each resource by PUT under its own id, referenced ones before those that refer to them."""
    with requests.Session() as session:
        for batch in _batches(resources):
            _transaction(
                session,
                base_url,
                [{"resource": r, "request": {"method": "PUT", "url": key(r)}} for r in batch],
            )


def post_all(base_url: str, resources: Iterable[Resource]) -> Mapping[str, str]:
    """Each resource by POST: `Type/id` of the file → `Type/id` that the server gave it."""
    placed: dict[str, str] = {}
    with requests.Session() as session:
        for batch in _batches(resources):
            here = {key(r): f"urn:uuid:{r['id']}" for r in batch}
            names = {**placed, **here}
            entry = [
                {
                    "fullUrl": here[key(r)],
                    "resource": renamed(r, names),
                    "request": {"method": "POST", "url": r["resourceType"]},
                }
                for r in batch
            ]
            answers = _transaction(session, base_url, entry)["entry"]
            for resource, answer in zip(batch, answers, strict=True):
                placed[key(resource)] = answer["response"]["location"].partition("/_history")[0]
    return placed


def renamed(resource: Resource, names: Mapping[str, str]) -> Resource:
    """A copy of `resource` with its literal references as `names` calls them, where known."""

    def rename(node: dict[str, Any]) -> dict[str, Any]:
        target = node.get("reference")
        known = isinstance(target, str) and target in names
        return {**node, "reference": names[str(target)]} if known else node

    copy: Resource = map_nodes(resource, rename)
    return copy


def _batches(resources: Iterable[Resource]) -> Iterator[list[Resource]]:
    """What one transaction takes. Circles of references have to fit into one."""
    # HAPI checks that targets exist when a transaction ends, not across transactions.
    by_key = {key(resource): resource for resource in resources}
    graph = {k: [t for t in references(r) if t in by_key] for k, r in by_key.items()}
    try:
        names = iter(list(TopologicalSorter(graph).static_order()))
    except CycleError:
        assert len(by_key) <= BATCH
        names = iter(by_key)
    while batch := [by_key[name] for name in itertools.islice(names, BATCH)]:
        yield batch


def _transaction(session: requests.Session, base_url: str, entry: list[Resource]) -> Resource:
    answer = session.post(
        base_url,
        data=lossless.encode({"resourceType": "Bundle", "type": "transaction", "entry": entry}),
        headers={"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"},
        timeout=600,
    )
    assert answer.status_code == 200, answer.text[:2000]
    done: Resource = decode(answer.content)
    return done
