"""Bundles: a search page cut into entries without parsing them, a transaction built from bytes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from .lossless import UndecodableError, decode, elements, encode, members


@dataclass(frozen=True, slots=True)
class PageEntry:
    """One entry of a searchset. `mode`: match, include, outcome (bundle.html#search-mode), or broken."""

    mode: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its entries, and the `next` link verbatim."""

    entries: list[PageEntry]
    next_url: str | None


@dataclass(frozen=True, slots=True)
class Write:
    """One entry to be written. `conditions`: ifNoneExist, ifMatch (bundle.html#transaction)."""

    full_url: str
    method: str
    url: str
    body: bytes
    conditions: dict[str, str]


def page(body: bytes) -> Page:
    """Split a searchset (or history) Bundle. Raises `UndecodableError` if it is not one."""
    top = members(body)
    if _text(top, "resourceType") != "Bundle":
        raise UndecodableError("not a Bundle")
    links = decode(top["link"]) if "link" in top else []
    following = [x.get("url") for x in links if isinstance(x, dict) and x.get("relation") == "next"]
    entries = elements(top["entry"]) if "entry" in top else []
    return Page([_entry(e) for e in entries], str(following[0]) if following else None)


def transaction(kind: str, writes: Iterable[Write]) -> bytes:
    """A `transaction` or `batch` Bundle around resources that are already bytes."""
    entries = b",".join(_write(w) for w in writes)
    return b'{"resourceType":"Bundle","type":' + encode(kind) + b',"entry":[' + entries + b"]}"


def responses(body: bytes) -> list[dict[str, Any]]:
    """`entry.response` of each entry of a transaction- or batch-response, in order."""
    bundle = decode(body)
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise UndecodableError("not a Bundle")
    return [entry.get("response") or {} for entry in bundle.get("entry") or []]


def _entry(raw: msgspec.Raw) -> PageEntry:
    try:
        entry = members(raw)
        body = bytes(entry["resource"])
        search = decode(entry["search"]) if "search" in entry else {}
        resource_type = _text(members(body), "resourceType")
    except (UndecodableError, KeyError):
        return PageEntry("broken", bytes(raw))  # it fails alone, not its page
    if resource_type == "OperationOutcome":
        return PageEntry("outcome", body)  # not every server marks it (US Core CONF-0070)
    return PageEntry(str(search.get("mode", "match")), body)


def _write(write: Write) -> bytes:
    request = {"method": write.method, "url": write.url, **write.conditions}
    return (
        b'{"fullUrl":' + encode(write.full_url) + b',"resource":' + write.body
        + b',"request":' + encode(request) + b"}"
    )  # fmt: skip


def _text(top: dict[str, msgspec.Raw], name: str) -> str:
    return str(decode(top[name])) if name in top else ""
