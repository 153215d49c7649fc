"""The resources in one JSON value, however it wraps them: Bundles, arrays, Parameters, answers.

What wraps is opened, to a limited depth; what is no record is passed over where its sense is
known (an export's manifest, its log, its parameters), else told.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ...fhir import bundle, salvage
from ...fhir.lossless import UndecodableError, decode, elements, encode, members
from ...fhir.record import labelled, peek
from ...fhir.references import parse
from ...fhir.types import TYPES
from ...gap import FILES, GapKind
from ..bases import base_of
from ..operation_outcome import missing
from ..records import Problem
from .history import Deleted, Json, latest, said_of
from .not_taken import Place, Untaken

_DEPTH_MAX = 8  # of Bundles and Parameters inside one another
_UUID = "urn:uuid:"
_ID = re.compile(r"[A-Za-z0-9\-._~]{1,255}")

MALFORMED = Problem(GapKind.FAILED, "not JSON that can be read")
_NO_ID = Problem(GapKind.FAILED, "without an id, and no fullUrl that tells one")
_NO_ID_AT_ALL = Problem(GapKind.FAILED, "its id is empty, or nothing that can be an id")
_NESTED = Problem(GapKind.FAILED, f"nested in more than {_DEPTH_MAX} Bundles or Parameters")
_ENVELOPE = Problem(
    GapKind.REFUSED, "JSON of an unknown sort that holds resources: only FHIR is read"
)
_OTHER_JSON = Problem(GapKind.NOT_ASKED, "JSON of an unknown sort, without resources")
_EMPTY = Problem(GapKind.FAILED, "an entry of a Bundle without a resource")
_BY_SEARCH = Problem(GapKind.FAILED, "a deletion that names no record by its id")
_LOG_ERROR = Problem(
    GapKind.FAILED, "the log of an export tells an error: something may be missing"
)


class Given(NamedTuple):
    """One resource as it stands in a file. `full_url`: what its Bundle calls it, or nothing."""

    full_url: str
    body: bytes
    place: Place

    @property
    def type(self) -> str | None:
        """None if it can't be read, or has no type or id."""
        try:
            return peek(self.body).type
        except UndecodableError:
            return None


Part = Given | Deleted | Untaken


def parts(data: bytes, place: Place) -> Iterator[Part]:
    """Everything in one JSON value."""
    yield from _value(data, place, 0)


def _value(data: Json, place: Place, depth: int) -> Iterator[Part]:
    if depth > _DEPTH_MAX:
        yield Untaken(_NESTED, place)
        return
    body = bytes(data)
    if body.startswith(b"["):
        for number, element in enumerate(_elements(body), 1):
            yield from _value(element, place.within("element", number), depth + 1)
        return
    try:
        top = members(body)
        kind = decode(top["resourceType"]) if "resourceType" in top else None
    except UndecodableError:
        yield from _broken(body, place, depth)
        return
    if kind == "Bundle":
        yield from _bundle(body, place, depth)
    elif kind is None and "resource" in top:  # an entry without its Bundle
        yield from _entry(top, place, depth)
    elif kind is None:
        if (problem := _unknown(body, top)) is not None:
            yield Untaken(problem, place)
    else:
        yield from _resource("", body, top, kind, place, depth)


def _broken(body: bytes, place: Place, depth: int) -> Iterator[Part]:
    """A Bundle with something broken in it is cut roughly, so that only that is lost."""
    try:
        whole = salvage.members(body).get("resourceType", b"").strip() == b'"Bundle"'
    except UndecodableError:
        whole = False
    if whole:
        yield from _bundle(body, place, depth)
    else:
        yield Untaken(MALFORMED, place)


def _resource(
    full_url: str,
    body: bytes,
    top: Mapping[str, msgspec.Raw],
    kind: Any,
    place: Place,
    depth: int,
) -> Iterator[Part]:
    if kind == "Bundle":
        yield from _bundle(body, place, depth + 1)
    elif kind == "Parameters":
        yield from _parameters(top, place, depth + 1)
    elif kind == "OperationOutcome":
        if (problem := missing(body)) is not None:
            yield Untaken(problem, place)
    elif not isinstance(kind, str):
        yield Untaken(MALFORMED, place)
    elif "id" in top and not _is_id(decode(top["id"])):
        yield Untaken(_NO_ID_AT_ALL, place, kind if kind in TYPES else FILES, body)
    elif "id" in top:
        yield Given(full_url, body, place)
    elif id_ := _id_of(full_url, kind):
        named = b'{"id":' + encode(id_) + b"," + body.lstrip()[1:]
        yield Given(full_url, named, place)
    else:
        yield Untaken(_NO_ID, place, kind if kind in TYPES else FILES, body)


def _is_id(value: Any) -> bool:
    """Whether a server could have given this id: R4's letters, and those that some use beside."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _id_of(full_url: str, kind: str) -> str:
    """The id that a Bundle tells of an entry's resource (bundle.html#Bundle.entry.fullUrl)."""
    if full_url.startswith(_UUID):
        return full_url.removeprefix(_UUID)
    base = base_of(full_url)
    target = parse(full_url, base) if base is not None else None
    return target.id if target is not None and target.type == kind else ""


def _bundle(body: bytes, place: Place, depth: int) -> Iterator[Part]:
    if depth > _DEPTH_MAX:
        yield Untaken(_NESTED, place)
        return
    try:
        top, entries = bundle.cut(body)
    except UndecodableError:
        yield Untaken(MALFORMED, place)
        return
    labels = bundle.labels_of(top)
    numbers: Sequence[int] = range(len(entries))
    if bytes(top.get("type", b"")).strip() == b'"history"':
        numbers = latest(entries)
    for number in numbers:
        inside = place.within("entry", number + 1)
        try:
            entry = members(entries[number])
        except UndecodableError:
            yield Untaken(MALFORMED, inside)
            continue
        for part in _entry(entry, inside, depth):
            yield _under(part, labels, inside)


def _under(part: Part, labels: list[Any], place: Place) -> Part:
    """A label of a Bundle is one of every record in it (R4 security-labels.html)."""
    if not labels or not isinstance(part, Given):
        return part
    try:
        return part._replace(body=labelled(part.body, labels))
    except UndecodableError:
        return Untaken(MALFORMED, place)


def _entry(entry: Mapping[str, msgspec.Raw], place: Place, depth: int) -> Iterator[Part]:
    try:
        said = said_of(entry)
        if said.method == "DELETE":
            yield said.deleted or Untaken(_BY_SEARCH, place)
        elif (raw := bytes(entry.get("resource", b"null"))) != b"null":
            top = members(raw)
            kind = decode(top["resourceType"]) if "resourceType" in top else None
            yield from _resource(said.full_url, raw, top, kind, place, depth)
        elif said.status:
            if said.status[:1] != "2":
                why = f"a part of a server's answer that failed (HTTP {said.status})"
                yield Untaken(Problem(GapKind.FAILED, why), place)
        elif not said.method:
            yield Untaken(_EMPTY, place)
    except UndecodableError:
        yield Untaken(MALFORMED, place)


def _parameters(top: Mapping[str, msgspec.Raw], place: Place, depth: int) -> Iterator[Part]:
    """The resources among parameters; those of an operation that hold none are passed over."""
    if depth > _DEPTH_MAX:
        yield Untaken(_NESTED, place)
        return
    for name in ("parameter", "part"):
        for number, raw in enumerate(_elements(top.get(name, b"[]")), 1):
            inside = place.within(name, number)
            try:
                one = members(raw)
            except UndecodableError:
                yield Untaken(MALFORMED, inside)
                continue
            if "resource" in one:
                yield from _entry({"resource": one["resource"]}, inside, depth)
            if "part" in one:
                yield from _parameters({"part": one["part"]}, inside, depth + 1)


def _unknown(body: bytes, top: Mapping[str, msgspec.Raw]) -> Problem | None:
    """What JSON is that is no resource; None for what an export leaves beside its records."""
    if "eventId" in top:  # log.ndjson of a bulk client
        event = decode(top["eventId"])
        return _LOG_ERROR if isinstance(event, str) and event.endswith("_error") else None
    if "transactionTime" in top and b'"resourceType"' not in body:  # manifest of a Bulk Data export
        return None
    return _ENVELOPE if b'"resourceType"' in body else _OTHER_JSON


def _elements(raw: Json) -> Sequence[Json]:
    try:
        return elements(raw)
    except UndecodableError:
        try:
            return salvage.elements(bytes(raw))
        except UndecodableError:
            return [raw[:0] if isinstance(raw, bytes) else b""]
