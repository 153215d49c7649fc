"""Reasons to doubt that the second team is another team than the first. They name nobody.

Seen before anything leaves, so from what the source, the request and the chart say. What only the
destination knows of itself is seen by nobody here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...fhir import systems
from ...fhir.names import words
from ...fhir.references import same_base
from ...loopback import is_loopback
from ...request import Practitioner, Request
from ...settings import Destination, Source
from ...store.case.casefile import CaseFile
from ..chart.organizations import (
    Body,
    above,
    keys_of,
    mentioned,
    named,
    of_chart,
    of_type,
    only_asked,
)
from ..chart.practitioners import Found, in_chart, resembles
from ..record.links import Links


@dataclass(frozen=True)
class Independence:
    """`doubts`: reasons to doubt, as sentences. `unseen`: what could not be compared."""

    doubts: tuple[str, ...]
    unseen: tuple[str, ...]


def independence(
    case: CaseFile, request: Request, source: Source, destination: Destination, links: Links
) -> Independence:
    """What speaks against two teams being two, and what could not be seen."""
    doubts = (
        *_servers(case, source, destination),
        *_organizations(case, request, source, destination, links),
        *_practitioners(case, request),
    )
    return Independence(doubts, tuple(_unseen(request, source, destination)))


def _unseen(request: Request, source: Source, destination: Destination) -> Iterator[str]:
    theirs, ours = request.performer, request.requester
    if theirs.organization is None and not _owner_npis(destination):
        yield "the receiving organisation (the request names none in `performer`)"
    elif not (theirs.organization and theirs.organization.npi) and not _owner_npis(destination):
        yield "the receiving organisation's NPI (compared by its name alone)"
    if theirs.practitioner is None:
        yield "the receiving physician (the request names none in `performer`)"
    elif not theirs.practitioner.npi:
        yield "the receiving physician's NPI (compared by name alone)"
    if ours.organization is None and source.organization is None:
        yield "who asks and who keeps the records (neither request nor configuration names them)"
    ours_at, theirs_at = urlsplit(source.base_url), urlsplit(destination.base_url)
    shared = theirs_at.hostname and theirs_at.hostname == ours_at.hostname
    if shared and not is_loopback(theirs_at.hostname):
        yield "who runs the host that both servers are on (tenants of one host may be two houses)"
    yield "what only the destination's people know: owners, shared staff, contracts"


def _servers(case: CaseFile, source: Source, destination: Destination) -> Iterator[str]:
    if not destination.base_url:
        return  # a folder
    if same_base(source.base_url, destination.base_url):
        yield "Source and destination are the same server."
    addresses = [r.get("address") for r in of_type(case, "Endpoint")]
    if any(isinstance(a, str) and _below(a, destination.base_url) for a in addresses):
        yield "The patient's chart names an endpoint of the destination."


def _below(address: str, base_url: str) -> bool:
    """Whether an address is that of a server or below it: a host alone has many tenants."""
    try:
        there, here = urlsplit(address), urlsplit(base_url)
    except ValueError:  # no web address
        return False
    path, base = f"{there.path.rstrip('/')}/", f"{here.path.rstrip('/')}/"
    return there.netloc.lower() == here.netloc.lower() and path.startswith(base)


def _organizations(
    case: CaseFile, request: Request, source: Source, destination: Destination, links: Links
) -> Iterator[str]:
    there = of_chart(case, links)
    ours = [named(one) for one in (source.organization, request.requester.organization) if one]
    theirs = [named(request.performer.organization)] if request.performer.organization else []
    theirs += [Body(npi, frozenset())] if (npi := _owner_npis(destination)) else []
    if _any_same(theirs, ours):
        yield "The receiving organisation is the one that asks or that keeps the records."
        return
    known = keys_of(theirs, there)
    with_theirs, with_ours = _with_above(theirs, there), _with_above(ours, there)
    if _any_same(with_theirs, with_ours):
        yield "The receiving organisation and the one that asks belong together (partOf)."
    elif (known - only_asked(case, links, known)) or mentioned(case, theirs):
        yield "The receiving organisation, or one of its name, has records in the patient's chart."


def _any_same(some: Sequence[Body], others: Sequence[Body]) -> bool:
    return any(one.same(other) for one in some for other in others)


def _with_above(some: Sequence[Body], there: dict[str, Body]) -> list[Body]:
    keys = above(keys_of(some, there), there)
    return [*some, *(there[key] for key in keys)]


def _practitioners(case: CaseFile, request: Request) -> Iterator[str]:
    theirs, asking = request.performer.practitioner, request.requester.practitioner
    if theirs is None:
        return
    if asking and asking.npi and asking.npi == theirs.npi:
        yield "The receiving physician is the one who asks."
        return
    if asking and _alike(theirs, asking.family, asking.given) and not (asking.npi and theirs.npi):
        yield "The receiving physician has the name of the one who asks: they may be the same."
    people = list(in_chart(case, theirs))
    if theirs.npi and any(theirs.npi in person.npis for person in people):
        yield "The receiving physician has treated the patient before."
    elif any(_may_be(theirs, person) for person in people):
        yield "Somebody of the receiving physician's name stands in the patient's chart."


def _may_be(theirs: Practitioner, person: Found) -> bool:
    family, given = words(theirs.family), words(theirs.given)
    if theirs.npi and person.npis:
        return False  # two numbers tell two people of one name apart
    return any(name == family and resembles(given, first) for name, first in person.names)


def _alike(theirs: Practitioner, family: str, given: str | None) -> bool:
    same = words(theirs.family) == words(family)
    return same and resembles(words(theirs.given), words(given))


def _owner_npis(destination: Destination) -> frozenset[str]:
    system, _, value = (destination.owner or "").partition("|")
    return frozenset({value}) if value and systems.is_npi(system) else frozenset()
