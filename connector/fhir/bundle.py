"""Bundles: a search page cut into entries without parsing them, a transaction built from bytes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from . import salvage
from .lossless import UndecodableError, decode, elements, encode, unique_members
from .record import labelled
from .shapes import as_dict, dicts, items, objects_in

_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
_GRADES = ("certain", "probable", "possible", "certainly-not")
_TOTAL_MAX = 2**63 - 1
_MODES = ("match", "include", "outcome")
_Json = bytes | msgspec.Raw


@dataclass(frozen=True, slots=True)
class PageEntry:
    """One entry of a searchset.

    `mode`: match, include or outcome (valueset-search-entry-mode.html), or broken. `grade`: how
    sure a server is of what `$match` found (extension-match-grade.html); empty if it doesn't say.
    """

    mode: str
    body: bytes
    grade: str = ""
    full_url: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its entries, the `next` link verbatim, and `Bundle.total` if it states one.

    `self_url`: the search as the server understood it (search.html#conformance); None if not said.
    """

    entries: list[PageEntry]
    next_url: str | None
    total: int | None = None
    self_url: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """One entry to be written. `conditions`: ifNoneExist, ifMatch (bundle.html#transaction).

    `body` is empty where there is none: DELETE.
    """

    full_url: str
    method: str
    url: str
    body: bytes
    conditions: dict[str, str]


def page(body: bytes) -> Page:
    """Split a searchset Bundle. Raises `UndecodableError` if it is not one.

    Null is absence. What may hide records is no page: a name given twice, links that are no links.
    An entry that can't be read is `broken`, alone; the others are what they are without it.
    """
    top, entries = _split(body)
    if _text(top, "resourceType") != "Bundle":
        raise UndecodableError("not a Bundle")
    if _text(top, "type") != "searchset":
        raise UndecodableError("a Bundle that is not the result of a search")
    links = decode(top["link"]) if "link" in top else None
    labels = labels_of(top)
    read = [_under(_entry(e), labels) for e in entries]
    return Page(read, _next(links), _total(top), _self(links))


def entries(body: bytes) -> list[tuple[str, bytes | None]]:
    """`fullUrl` and resource of each entry of a Bundle of any type; None where it is unreadable.

    Entries without a resource (deletions, bare responses) are left out. Raises `UndecodableError`.
    """
    top, each = _split(body)
    labels = labels_of(top)
    return [
        (_full_url(raw), None if entry.mode == "broken" else entry.body)
        for raw in each
        if b'"resource"' in bytes(raw) and (entry := _under(_entry(raw), labels))
    ]


def cut(body: bytes) -> tuple[Mapping[str, _Json], Sequence[_Json]]:
    """The members of a Bundle of any type, and its entries, both unexamined.

    Raises `UndecodableError`.
    """
    return _split(body)


def transaction(kind: str, writes: Iterable[Write]) -> bytes:
    """A `transaction` or `batch` Bundle around resources that are already bytes."""
    entries = b",".join(_write(w) for w in writes)
    return b'{"resourceType":"Bundle","type":' + encode(kind) + b',"entry":[' + entries + b"]}"


def responses(body: bytes) -> list[dict[str, Any]]:
    """`entry.response` of each entry of a transaction- or batch-response, in order.

    Empty where there is none, or what is no object: it proves nothing. Raises `UndecodableError`.
    """
    bundle = decode(body)
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise UndecodableError("not a Bundle")
    entries = bundle.get("entry") or []
    if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
        raise UndecodableError("a Bundle whose entries are no objects")
    told = (entry.get("response") for entry in entries)
    return [as_dict(response) for response in told]


def _split(body: bytes) -> tuple[Mapping[str, _Json], Sequence[_Json]]:
    try:
        top = unique_members(body)
        return top, elements(top["entry"]) if _there(top, "entry") else []
    except UndecodableError:
        rough = salvage.members(body)
        return rough, salvage.elements(rough["entry"]) if _there(rough, "entry") else []


def _there(top: Mapping[str, _Json], name: str) -> bool:
    return name in top and bytes(top[name]) != b"null"


def labels_of(top: Mapping[str, _Json]) -> list[Any]:
    """The security labels of the Bundle itself."""
    try:
        meta = decode(top["meta"]) if "meta" in top else None
    except UndecodableError:
        return []
    return dicts(as_dict(meta).get("security"))


def _under(entry: PageEntry, labels: list[Any]) -> PageEntry:
    """A label of a Bundle is one of every record in it (R4 security-labels.html)."""
    if not labels or entry.mode not in ("match", "include"):
        return entry
    try:
        return replace(entry, body=labelled(entry.body, labels))
    except UndecodableError:
        return PageEntry("broken", entry.body)


def _total(top: Mapping[str, _Json]) -> int | None:
    """R4's unsignedInt, and more, as far as a database can count; anything else says nothing."""
    try:
        total = decode(top["total"]) if "total" in top else None
    except UndecodableError:
        return None
    counted = isinstance(total, int) and not isinstance(total, bool) and 0 <= total <= _TOTAL_MAX
    return total if counted else None


def _next(links: Any) -> str | None:
    # A converter from XML writes one link as an object instead of a list of one.
    listed = items(links)
    if not all(isinstance(item, dict) for item in listed):
        raise UndecodableError("links that are no links")  # one of them may be the next page
    following = [item.get("url") for item in listed if item.get("relation") == "next"]
    if not following:
        return None
    if not (len(set(map(str, following))) == 1 and isinstance(following[0], str) and following[0]):
        raise UndecodableError("a next page without an address")  # not the end: records are behind
    return following[0]


def _self(links: Any) -> str | None:
    for link in objects_in(links):
        if link.get("relation") == "self":
            url = link.get("url")
            return url if isinstance(url, str) else None
    return None


def _entry(raw: _Json) -> PageEntry:
    try:
        entry = unique_members(raw)
        body = bytes(entry["resource"])
        search = decode(entry["search"]) if "search" in entry else {}
        resource_type = _text(unique_members(body), "resourceType")
    except (UndecodableError, KeyError):
        return PageEntry("broken", bytes(raw))  # it fails alone, not its page
    if resource_type == "OperationOutcome":
        return PageEntry("outcome", body)  # not every server marks it (US Core CONF-0070)
    if not isinstance(search, dict):
        search = {}
    mode = search.get("mode")
    full_url = _text(entry, "fullUrl")
    return PageEntry(mode if mode in _MODES else "match", body, _grade(search), full_url)


def _grade(search: dict[str, Any]) -> str:
    for extension in dicts(search.get("extension")):
        if extension.get("url") == _GRADE:
            code = extension.get("valueCode")
            return code if isinstance(code, str) and code in _GRADES else ""
    return ""


def _full_url(raw: _Json) -> str:
    try:
        return _text(unique_members(raw), "fullUrl")
    except UndecodableError:
        return ""


def _write(write: Write) -> bytes:
    request = {"method": write.method, "url": write.url, **write.conditions}
    resource = b',"resource":' + write.body if write.body else b""
    full_url = b'{"fullUrl":' + encode(write.full_url)
    return full_url + resource + b',"request":' + encode(request) + b"}"


def _text(top: Mapping[str, _Json], name: str) -> str:
    return str(decode(top[name])) if name in top else ""
