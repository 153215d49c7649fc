"""Which records at the destination refer to given ones: asked by reference, where that is offered.

R4 capabilitystatement.html: `searchRevInclude` of a type lists the parameters (`Type:parameter`)
of other types that may lead to it. Each is one search for all places of that type.
"""

from collections.abc import Iterable
from itertools import groupby

from ...errors import Answered
from ...fhir import capability
from ...fhir.lossless import UndecodableError
from ...fhir.record import peek
from ...fhir.references import named, parse
from ..session import Session, parts
from ..wire.read import matches

_AT_ONCE = 20  # places in one search


def referrers(session: Session, places: Iterable[str]) -> dict[str, set[str] | None]:
    """For each place (`Type/id` there) the places of what refers to it; None: can't be asked.

    Raises `EndpointError` if the destination does not answer at all.
    """
    body = session.endpoint.get("metadata", "CapabilityStatement").body
    offered = capability.parse(body).refers
    found: dict[str, set[str] | None] = {}
    for kind, group in groupby(sorted(places), key=lambda place: parts(place)[0]):
        some = list(group)
        try:
            for at in range(0, len(some), _AT_ONCE):
                found.update(_of(session, offered.get(kind, frozenset()), some[at : at + _AT_ONCE]))
        except (Answered, UndecodableError):
            found.update(dict.fromkeys(some))
    return found


def _of(session: Session, offered: Iterable[str], places: list[str]) -> dict[str, set[str] | None]:
    ways = sorted(pair for pair in offered if ":" in pair)
    found: dict[str, set[str]] = {place: set() for place in places}
    for kind, parameter in (way.split(":")[:2] for way in ways):
        what = f"{kind} search"
        answer = session.endpoint.search(kind, {parameter: ",".join(places)}, what)
        for entry in matches(session, answer.body, what):
            own = peek(entry.body)
            for text in named(entry.body):
                target = parse(text, session.endpoint.base_url)
                # A server that passes over the parameter shows others too.
                if target.local in found and target.local != f"{own.type}/{own.id}":
                    found[target.local].add(f"{own.type}/{own.id}")
    return {place: found[place] if ways else None for place in places}
