"""The packet as a FHIR document (R4 documents.html): one create of a Bundle, read back whole.

Never twice: the Bundle's identifier is made from the packet, and the server looks for it before it
creates (If-None-Exist); an unclear answer is settled by searching for it.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

from ...errors import DestinationRefused, Held, ReadBackDiffers
from ...fhir.bundle import Write, entries
from ...fhir.lossless import UndecodableError, decode, members
from ...store.case.state import required
from ...store.case.transitions import announced
from ...store.sent import delivery
from ..patient.resolve import check_again
from ..records.expected import Reading, judge
from ..session import Session, at_destination, parts
from ..wire import write
from ..wire.find import Place
from ..wire.read import read, search, version_of
from ..wire.response import Heard, Kind
from ..wire.retry import until_done
from . import bundle
from .bundle import Whole

BUNDLE = "Bundle"
# What makes it this document; a server may add links, and its own id and meta.
_HEAD = ("type", "identifier", "timestamp")


def settle(session: Session, document: Whole, now: str) -> bool:
    """Whether the document stands there, as an earlier run left it; then it is read back.

    Sets and raises what `deliver` does.
    """
    with at_destination():
        place = _find(session, document.identifier)
        write.settle(session, "settled by reading" if session.reads else "to be sent again")
    if place is not None:
        _arrived(session, document, place, now)
    return place is not None


def deliver(session: Session, document: Whole, now: str) -> None:
    """Send the document, which does not stand there, and read it back. `now`: FHIR dateTime.

    Sets in the state: `announced_at`: it is visible as soon as it is there. Raises
    `DestinationRefused`, `ReadBackDiffers`, `Waiting`, `Held`.
    """
    with at_destination(), session.turn:
        place = _until_there(session, document)
    _arrived(session, document, place, now)


def _arrived(session: Session, document: Whole, place: Place, now: str) -> None:
    with at_destination():
        session.case.state.whole = {"place": place.reference, "version": place.version}
        if session.reads:
            delivery.take(session.case, "sent", place.version)
            compare(session, document)
        else:
            bundle.accept(session, document, place.version)
    announced(session.case, now)


def verify(session: Session, document: Whole) -> None:
    """Read the document again, and the Patient. Raises `ReadBackDiffers`, `Held` (`identity`)."""
    check_again(session)
    with at_destination():
        compare(session, document)


def compare(session: Session, document: Whole) -> None:
    """Compare every entry, by its `fullUrl`, with what stands there. `ReadBackDiffers`."""
    stands = required(session.case.state.whole)
    body = read(session, stands["place"])
    written = {f"{r.type}/{r.id}" for r in delivery.deliveries(session.case) if r.write_no > 0}
    version = version_of(_head(body)) if body is not None else None
    differing: Counter[str] = Counter()

    def readings() -> Iterator[tuple[str, str, str, str, str | None, str | None, str]]:
        for key, reading in _readings(document, body, session.settings.base_url):
            if reading.status == "differs":
                differing[parts(key)[0]] += 1
            if key in written:
                yield (*parts(key), *reading._replace(version=version))

    delivery.read_back(session.case, list(readings()))
    same = body is not None and _same_frame(document, body)
    if not same or differing:
        what = ", ".join(f"{number} {name}" for name, number in sorted(differing.items()))
        raise ReadBackDiffers(
            f"the document at the destination is not what was sent: {what or 'its frame'}",
            "Ask the people who run the destination what changes or removes documents: those who"
            " look there see it as it is.",
        )


def looked_for(session: Session) -> dict[str, Any] | None:
    """Place and version of a document that may have been sent without an answer being heard."""
    identifier = session.case.state.document
    place = _find(session, (identifier[0], identifier[1])) if identifier else None
    return {"place": place.reference, "version": place.version} if place else None


def _find(session: Session, identifier: tuple[str, str]) -> Place | None:
    """Where it stands, by its identifier. Raises `Held` (`doubled`)."""
    if not session.reads:
        return None
    system, value = identifier
    # `type`, since HAPI leaves out of the answer's own Bundle, too, what is not asked for.
    asked = {"identifier": f"{system}|{value}", "_elements": "identifier,type"}
    found = []
    for resource in search(session, BUNDLE, asked):
        if resource.get("identifier") != {"system": system, "value": value}:
            raise DestinationRefused(
                "the destination does not search Bundle by identifier: it returned another one",
                "Send the packet as a transaction instead.",
            )
        found.append(Place(BUNDLE, str(resource.get("id", "")), version_of(resource)))
    if len(found) > 1:
        raise Held(
            "doubled",
            "the document stands at the destination more than once",
            "Ask the people who run the destination to remove the copy; then run again.",
        )
    return found[0] if found else None


def _until_there(session: Session, document: Whole) -> Place:
    check_again(session)
    session.case.state.document = list(document.identifier)
    condition = {"ifNoneExist": "identifier={}|{}".format(*document.identifier)}
    kept = condition if session.settings.write == "conditional" else {}
    creation = Write("", "POST", BUNDLE, document.body, kept)
    going = bundle.going(session)
    there: list[Place] = []

    def once(writes: list[Write]) -> Heard:
        holds = partial(write.intend, session, going)
        heard = write.send(session, writes, "push", [document.key], holds=holds, whole=len(going))
        if heard.kind not in (Kind.DONE, Kind.UNCLEAR):
            raise bundle.not_taken(session, heard.words, _REFUSED)
        return heard

    def left(writes: list[Write], heard: Heard) -> list[Write]:
        found = heard.found.places.get(document.key) or _find(session, document.identifier)
        there.extend([found] if found else [])
        return [] if found else writes

    _, heard = until_done(session, [creation], once, left)
    if not there:
        raise DestinationRefused(
            f"push: {heard.words}; the document is not known to be there",
            "Look at the destination with `connector doctor`; the same command goes on from here.",
        )
    return there[0]


_REFUSED = "Ask the people who run the destination whether it takes documents, and of what size."


def _readings(document: Whole, body: bytes | None, base_url: str) -> Iterator[tuple[str, Reading]]:
    there = dict(entries(body)) if body is not None else {}
    for key, sent in document.entries():
        derived = parts(key)[1]
        resource = there.get(f"urn:uuid:{derived}")
        # Its name is the fullUrl; HAPI drops the id beside it.
        named = resource is not None and "id" in members(resource)
        yield key, judge(derived if named else None, sent, resource, base_url)


def _same_frame(document: Whole, body: bytes) -> bool:
    """Whether it is this document, with the same entries in the same order and no other."""
    ours, theirs = _head(document.body), _head(body)
    urls = [[url for url, _ in entries(one)] for one in (document.body, body)]
    return urls[0] == urls[1] and all(ours.get(name) == theirs.get(name) for name in _HEAD)


def _head(body: bytes) -> dict[str, Any]:
    """A Bundle without its entries."""
    top = members(body)
    if b'"Bundle"' not in bytes(top.get("resourceType", b"")):
        raise UndecodableError("not a Bundle")
    return {name: decode(value) for name, value in top.items() if name != "entry"}
