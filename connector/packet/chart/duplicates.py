"""The same record under two ids, and the same note as two records: recognised by their content.

Two records are the same if they are equal in everything but `id` and `meta` and say themselves
which one event they are about: by a business identifier, or by a date with its time of day. Less
than that (two equal findings of one day) may be two events.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ...fhir.equality import comparable
from ...fhir.lossless import UndecodableError, canonical, sha256
from ...fhir.references import objects
from ...fhir.shapes import objects_in
from ...store.case.casefile import CaseFile
from ...store.mapped.packet import Decision
from ..record.links import Links
from .index import Row, body

_APART = frozenset({"Patient", "Provenance", "Binary"})
# Two equal ones of one instant may be two, and their amounts add up: only an identifier tells.
_AMOUNTS = frozenset({
    "MedicationRequest", "MedicationDispense", "MedicationAdministration", "Immunization",
    "SupplyRequest", "SupplyDelivery", "DeviceRequest", "ServiceRequest", "NutritionOrder",
})  # fmt: skip
_MERGED = ("same-record", "another record of the chart is equal to it in all content")


class Twin(NamedTuple):
    """Where the content of a DiagnosticReport travels. `contents`: its names, see `Links`."""

    documents: tuple[str, ...]
    contents: frozenset[str]


Groups = list[tuple[str, ...]]  # keys of records that are the same; each group sorted


def same_records(case: CaseFile, links: Links, rows: Mapping[str, Row]) -> Groups:
    """Groups of two and more records that are the same.

    Each round reads only records that look alike and refer to records found to be the same, so
    the cost is that of reading the alike ones once for each step of their longest chain.
    """
    alike: dict[object, list[str]] = defaultdict(list)
    for row in rows.values():
        if row.type not in _APART:
            alike[_looks(row)].append(row.key)
    waiting = [tuple(sorted(keys)) for keys in alike.values() if len(keys) > 1]
    stands_for: dict[str, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    while waiting:
        news: set[str] = set()
        for keys in waiting:
            for group in _equal(case, links, [rows[key] for key in keys], stands_for):
                if found.get(group[0]) != group:
                    news |= {k for k in group[1:] if stands_for.get(k) != group[0]}
                    found[group[0]] = group
                    stands_for |= dict.fromkeys(group[1:], group[0])
        waiting = [
            keys for keys in waiting if any(not news.isdisjoint(rows[key].refers) for key in keys)
        ]
    return [group for key, group in sorted(found.items()) if key not in stands_for]


class Copies:
    """The records of a chart that say the same as another, be they one event or two.

    What is withheld is told by an equal record, also where two equal ones are not merged; not by
    one that has no code and no date: of an encounter's class alone there are many.
    """

    def __init__(self, case: CaseFile, links: Links, rows: Mapping[str, Row]) -> None:
        self._case, self._links, self._rows = case, links, rows
        self._alike: dict[object, list[str]] = defaultdict(list)
        for row in rows.values():
            if row.type not in _APART and (row.codes or row.written):
                self._alike[_looks(row)].append(row.key)
        self._groups: dict[str, list[str]] = {}  # key → all that say the same, itself too

    def of(self, key: str) -> list[str]:
        """Keys of the others that are equal to a record but for ids, numbers, `meta`, narrative."""
        alike = self._alike.get(_looks(self._rows[key]), [])
        if len(alike) > 1 and key not in self._groups:
            by_content: dict[str | None, list[str]] = defaultdict(list)
            for other in alike:
                by_content[self._content(other)].append(other)
            by_content.pop(None, None)
            self._groups |= {k: group for group in by_content.values() for k in group}
        return self._groups.get(key, [])

    def _content(self, key: str) -> str | None:
        resource = body(self._case, key) or {}
        said = {name: v for name, v in resource.items() if name not in ("identifier", "text")}
        return _hash(said, self._links, {}) if said else None


def merge(
    groups: Groups, rows: dict[str, Row], barred: dict[str, Decision], named: Iterable[str]
) -> dict[str, str]:
    """Keep one record of each group, decide on the others in `barred`. Returns key → key kept.

    The one kept is one that the request names, else the first by key. Records with other labels
    are not merged, nor is one that may not travel, nor one that the request names. References
    in `rows` to the others are turned to the one kept.
    """
    wanted = frozenset(named)
    kept_by: dict[str, str] = {}
    for group in groups:
        by_labels: dict[frozenset[str], list[str]] = defaultdict(list)
        for key in group:
            if key not in barred:
                by_labels[rows[key].labels].append(key)
        for keys in by_labels.values():
            kept = min(keys, key=lambda key: (key not in wanted, key))
            kept_by |= {key: kept for key in keys if key != kept and key not in wanted}
    if kept_by:
        for row in list(rows.values()):
            if not kept_by.keys().isdisjoint((*row.refers, *row.targets)):
                rows[row.key] = replace(
                    row,
                    refers=tuple(dict.fromkeys(kept_by.get(key, key) for key in row.refers)),
                    targets=frozenset(kept_by.get(key, key) for key in row.targets),
                )
    for key in kept_by:
        barred[key] = Decision(rows[key].type, rows[key].id, "merged", *_MERGED)
    return kept_by


def same_notes(rows: Iterable[Row]) -> dict[str, Twin]:
    """The DiagnosticReports among `rows` whose attachment a DocumentReference among them has.

    US Core wants the same note as both (clinical-notes.html): two descriptions, one content.
    """
    carried: dict[str, str] = {}
    reports = []
    for row in rows:
        if row.type == "DocumentReference":
            carried |= dict.fromkeys(row.contents - carried.keys(), row.key)
        elif row.type == "DiagnosticReport":
            reports.append(row)
    shared = {row.key: row.contents & carried.keys() for row in reports}
    return {
        key: Twin(tuple(sorted({carried[name] for name in names})), names)
        for key, names in shared.items()
        if names
    }


def _looks(row: Row) -> object:
    """What equal records have in common, told without reading them."""
    return (row.type, row.status, row.codes, row.categories, row.written, row.title)


def _equal(
    case: CaseFile, links: Links, rows: Iterable[Row], stands_for: Mapping[str, str]
) -> Iterable[tuple[str, ...]]:
    by_content: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if content := _content(case, links, row, stands_for):
            by_content[content].append(row.key)
    return [tuple(group) for group in by_content.values() if len(group) > 1]


def _content(case: CaseFile, links: Links, row: Row, stands_for: Mapping[str, str]) -> str | None:
    """Hash of what a record says, references by what they point to; None if it is not one event."""
    resource = body(case, row.key)
    if resource is None or not _one_event(resource, row):
        return None
    return _hash(resource, links, stands_for)


def _hash(resource: dict[str, Any], links: Links, stands_for: Mapping[str, str]) -> str | None:
    resource.pop("meta", None)
    try:
        for node in objects(resource):
            if isinstance(reference := node.get("reference"), str):
                target = links.key(reference)
                node["reference"] = stands_for.get(target, target) if target else reference
        return sha256(canonical(comparable(resource)))
    except UndecodableError:
        return None


def _one_event(resource: dict[str, Any], row: Row) -> bool:
    timed = "T" in row.written and row.type not in _AMOUNTS
    named = objects_in(resource.get("identifier"))
    return timed or any(item.get("system") and item.get("value") for item in named)
