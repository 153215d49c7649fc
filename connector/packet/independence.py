"""Reasons to doubt that the second team is another team than the first. They name nobody.

Seen before anything leaves, so from what the source, the request and the chart say. What only the
destination knows of itself is seen by nobody here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ..fhir import systems
from ..fhir.lossless import UndecodableError, decode
from ..fhir.names import words
from ..loopback import is_loopback
from ..request import Organization, Practitioner, Request
from ..settings import Destination, Source
from ..store import chart
from ..store.casefile import CaseFile
from .links import Links

Name = tuple[tuple[str, ...], tuple[str, ...]]  # family, first given name
_DEPTH_MAX = 20  # of a partOf chain


@dataclass(frozen=True)
class Body:
    """An organisation: its NPIs, the names it goes by (their words), what it is part of."""

    npis: frozenset[str]
    names: frozenset[tuple[str, ...]]
    part_of: str | None = None  # key in the chart

    def same(self, other: "Body") -> bool:
        """By NPI where both have one, else by name."""
        if self.npis and other.npis:
            return not self.npis.isdisjoint(other.npis)
        return not self.names.isdisjoint(other.names)


def independence(
    case: CaseFile, request: Request, source: Source, destination: Destination, links: Links
) -> list[str]:
    """Sentences, none if there is no reason to doubt."""
    return [
        *_servers(case, source, destination),
        *_organizations(case, request, source, destination, links),
        *_practitioners(case, request),
    ]


def _servers(case: CaseFile, source: Source, destination: Destination) -> Iterator[str]:
    if not destination.base_url:
        return  # a folder
    ours, theirs = urlsplit(source.base_url), urlsplit(destination.base_url)
    # On one machine, or so it seems, ports tell servers apart.
    here = is_loopback(theirs.hostname)
    if theirs.netloc == ours.netloc or (theirs.hostname == ours.hostname and not here):
        yield "Source and destination are on the same server."
    hosts = {_host(r.get("address")) for r in _of_type(case, "Endpoint")}
    if theirs.hostname in hosts and not here:
        yield "The patient's chart names an endpoint on the destination's server."


def _host(address: Any) -> str | None:
    try:
        return urlsplit(address).hostname if isinstance(address, str) else None
    except ValueError:  # no web address
        return None


def _organizations(
    case: CaseFile, request: Request, source: Source, destination: Destination, links: Links
) -> Iterator[str]:
    there = {f"Organization/{r['id']}": _body(r, links) for r in _of_type(case, "Organization")}
    ours = [_named(one) for one in (source.organization, request.requester.organization) if one]
    theirs = [_named(request.performer.organization)] if request.performer.organization else []
    theirs += [Body(frozenset({npi}), frozenset())] if (npi := _owner_npi(destination)) else []
    if _any_same(theirs, ours):
        yield "The receiving organisation is the one that asks or that keeps the records."
        return
    above_ours, above_theirs = _above(ours, there), _above(theirs, there)
    if _any_same([*theirs, *above_theirs], [*ours, *above_ours]):
        yield "The receiving organisation and the one that asks belong together (partOf)."
    elif _any_same(theirs, list(there.values())):
        yield "The receiving organisation, or one of its name, has records in the patient's chart."


def _any_same(some: Sequence[Body], others: Sequence[Body]) -> bool:
    return any(one.same(other) for one in some for other in others)


def _above(some: Sequence[Body], there: dict[str, Body]) -> list[Body]:
    """The organisations of the chart that these are part of, however far up."""
    found: dict[str, Body] = {}
    steps = [body.part_of for body in there.values() if any(body.same(one) for one in some)]
    for _ in range(_DEPTH_MAX):
        new = {key: there[key] for key in steps if key in there and key not in found}
        found |= new
        steps = [body.part_of for body in new.values()]
    return list(found.values())


def _practitioners(case: CaseFile, request: Request) -> Iterator[str]:
    theirs, asking = request.performer.practitioner, request.requester.practitioner
    if theirs is None:
        return
    if asking and asking.npi and asking.npi == theirs.npi:
        yield "The receiving physician is the one who asks."
        return
    if asking and _name(asking) == _name(theirs) and not (asking.npi and theirs.npi):
        yield "The receiving physician has the name of the one who asks: they may be the same."
    chart_people = list(_of_type(case, "Practitioner"))
    if theirs.npi and any(theirs.npi in _npis(person) for person in chart_people):
        yield "The receiving physician has treated the patient before."
    elif any(
        _name(theirs) in _names(person) and not (theirs.npi and _npis(person))
        for person in chart_people
    ):
        yield "Somebody of the receiving physician's name stands in the patient's chart."


def _named(organization: Organization) -> Body:
    npis = frozenset({organization.npi} if organization.npi else ())
    return Body(npis, frozenset({words(organization.name)}))


def _body(resource: dict[str, Any], links: Links) -> Body:
    alias = resource.get("alias")
    names = [resource.get("name"), *(alias if isinstance(alias, list) else [])]
    above = resource.get("partOf")
    written = above.get("reference") if isinstance(above, dict) else None
    part_of = links.key(written) if isinstance(written, str) else None
    return Body(_npis(resource), frozenset(filter(None, map(words, names))), part_of)


def _owner_npi(destination: Destination) -> str | None:
    system, _, value = (destination.owner or "").partition("|")
    return value if system == systems.NPI else None


def _npis(resource: dict[str, Any]) -> frozenset[str]:
    found = resource.get("identifier")
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return frozenset(str(item.get("value")) for item in items if item.get("system") == systems.NPI)


def _name(person: Practitioner) -> Name:
    return words(person.family), words(person.given)[:1]


def _names(resource: dict[str, Any]) -> set[Name]:
    names = resource.get("name")
    found = set()
    for name in names if isinstance(names, list) else []:
        if isinstance(name, dict):
            given = name.get("given")
            first = given[0] if isinstance(given, list) and given else None
            found.add((words(name.get("family")), words(first)[:1]))
    return found


def _of_type(case: CaseFile, resource_type: str) -> Iterator[dict[str, Any]]:
    for record in chart.of_type(case, resource_type):
        try:
            yield decode(record.body)
        except UndecodableError:
            continue  # told as a gap by the map step
