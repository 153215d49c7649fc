"""Reports, documents and images that no kind knows: counted, named, and taken by their number."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ...errors import UsageError
from ...fhir.attachments import attachment_nodes
from ...fhir.lossless import decode
from ...fhir.shapes import as_dict, dicts, items
from ...gap import ItemKind
from ...request import Request
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ..chart.index import Row
from ..record.endpoint_secrets import Secrets
from ..record.words import concept, person, plain
from ..ruleset.mappings import Mappings
from .assess import presence

_TYPES = ("Composition", "DiagnosticReport", "DocumentReference", "ImagingStudy", "Media")
_AUTHORS = ("author", "performer", "resultsInterpreter", "interpreter", "operator")


def unknown(rows: Iterable[Row], mappings: Mappings) -> list[Row]:
    """Those of `rows` that have content, and of which no kind is known, or none that says much."""
    vague = mappings.vague
    return [
        row
        for row in rows
        if row.type in _TYPES
        and vague.issuperset(row.known)
        and presence(row, mappings.status) is ItemKind.PRESENT
    ]


def groups(
    case: CaseFile, rows: Sequence[Row], secrets: Secrets, leaving: Collection[str] = ()
) -> list[dict[str, Any]]:
    """Those that are called the same and have the same author, the newest group first.

    Of each: `number` (what `include` takes: a position, and as much of a digest of what the group
    is as tells it from the others, so that a list that has changed takes no other record), `type`,
    `title`, `author`, `codes` (`system|code`), `first` and `last` day, `records` (keys) and how
    many of them `leave`.
    """
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.type, *_seen(case, row, secrets)), []).append(row)
    listed = sorted(found.items(), key=lambda item: (max(row.last for row in item[1]), item[0]))
    digests = {group: _digest(*group) for group in found}
    length = _apart(digests.values())
    return [
        {
            "number": f"{position}-{digests[group][:length]}",
            "type": group[0],
            "title": group[1],
            "author": group[2],
            "codes": sorted({code for row in members for code in row.codes if _whole(code)}),
            "first": min(days),
            "last": max(days),
            "records": sorted(row.key for row in members),
            "leave": sum(row.key in leaving for row in members),
        }
        for position, (group, members) in enumerate(reversed(listed), 1)
        for days in [[row.written[:10] for row in members]]
    ]


def with_included(
    request: Request,
    case: CaseFile,
    rows: Mapping[str, Row],
    mappings: Mappings,
    secrets: Secrets,
) -> Request:
    """The request with the records in place of the numbers that `include` names.

    `rows`: those that may travel, as the list has them. The position in a number is for the eye: a
    group is known by its digest. `UsageError` for a number that is not on the list, or that may
    mean several groups of it.
    """
    numbers = [each for each in request.include if "/" not in each]
    if not numbers:
        return request
    found = groups(case, unknown(rows.values(), mappings), secrets)
    records: list[str] = []
    for position, each in enumerate(request.include, 1):
        if "/" in each:
            records.append(each)
            continue
        digest = each.partition("-")[2]
        meant = [
            group
            for group in found
            if _digest(group["type"], group["title"], group["author"]).startswith(digest)
        ]
        if len(meant) != 1:
            what = "may mean several groups of" if meant else "is not on"
            raise UsageError(
                f"include, number {position}: {each} {what} the list of reports and documents of"
                " unknown kind",
                "Take the number from the list of today: `connector transfer REQUEST --dry-run`.",
            )
        records += meant[0]["records"]
    return request.model_copy(update={"include": tuple(dict.fromkeys(records))})


def _seen(case: CaseFile, row: Row, secrets: Secrets) -> tuple[str, str]:
    """What a person knows a record by: its title, or how it is described, and its author."""
    record = chart.record(case, row.type, row.id)
    resource = as_dict(decode(record.body)) if record else {}
    if record and secrets.may_be_in(record.body):
        secrets.mask(resource)
    title = row.title
    if title == row.type:
        attached = (node.get("title") for node in attachment_nodes(resource))
        described = [text for text in (resource.get("description"), *attached) if text]
        title = next((text for text in described if isinstance(text, str)), title)
    return _line(title), _line(_author(resource))


def _author(resource: dict[str, Any]) -> str:
    contained = {f"#{c.get('id')}": c for c in dicts(resource.get("contained"))}
    for name in _AUTHORS:
        for node in map(as_dict, items(resource.get(name))):
            inside = contained.get(str(node.get("reference")), {})
            if text := concept(node) or person(inside.get("name")):
                return text
    return ""


def _line(text: str) -> str:
    return " ".join(plain(text).split())


def _whole(code: str) -> bool:
    system, _, value = code.partition("|")
    return bool(system and value)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _apart(digests: Collection[str]) -> int:
    """How many digits it takes to tell digests apart: four, if that is enough."""
    return next(n for n in range(4, 65) if len({each[:n] for each in digests}) == len(digests))
