"""A history Bundle: the latest of each record (R4 http.html#history). Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from ...fhir.lossless import UndecodableError, decode, members
from ...fhir.record import peek
from ...fhir.references import parse
from ...fhir.shapes import as_dict
from ..bases import base_of
from ..last_updated import moment, updated

Json = bytes | msgspec.Raw


class Deleted(NamedTuple):
    """A record that was deleted at its server. `when`: in UTC, empty if nothing says."""

    type: str
    id: str
    when: str


@dataclass(frozen=True, slots=True)
class _Said:
    """What an entry says beside its resource."""

    full_url: str
    method: str
    status: str
    when: str
    deleted: Deleted | None


def said_of(entry: Mapping[str, msgspec.Raw]) -> _Said:
    """What an entry of a history or a batch says of its record beside the record itself."""
    request, response = object_of(entry, "request"), object_of(entry, "response")
    found = re.match(r"[1-5]\d\d", str(response.get("status", "")))
    full_url = decode(entry["fullUrl"]) if "fullUrl" in entry else ""
    full_url = full_url if isinstance(full_url, str) else ""
    url = request.get("url")
    url = url if isinstance(url, str) and "?" not in url else full_url
    target = parse(url, base_of(url) or "")
    when = moment(response.get("lastModified"))
    return _Said(
        full_url,
        str(request.get("method", "")),
        found[0] if found else "",
        when,
        Deleted(target.type, target.id, when) if target.id else None,
    )


def latest(entries: Sequence[Json]) -> list[int]:
    """Of each record of a history the entry that counts: the newest by time, else the first.

    R4 http.html#history: "sorted with oldest versions last".
    """
    versions: dict[tuple[str, str], list[tuple[str, int]]] = {}
    others: list[int] = []
    for number, raw in enumerate(entries):
        try:
            entry = members(raw)
            said = said_of(entry)
            body = bytes(entry.get("resource", b"null"))
            deletion = said.method == "DELETE" or body == b"null"
            seen = said.deleted if deletion else peek(body)
            when = said.when or ("" if deletion else updated(body))
        except UndecodableError:
            seen, when = None, ""
        if seen is None:
            others.append(number)
        else:
            versions.setdefault((seen.type, seen.id), []).append((when, number))
    for found in versions.values():
        timed = all(when for when, _ in found)
        newest = max(found, key=lambda v: (v[0], -v[1])) if timed else found[0]
        others.append(newest[1])
    return sorted(others)


def object_of(top: Mapping[str, msgspec.Raw], name: str) -> dict[str, Any]:
    """A member that should be an object."""
    value = decode(top[name]) if name in top else None
    return as_dict(value)
