"""Records of ours that stand at the destination more than once, and how a person settles them.

They come of a write that was done, whose answer was lost, and that a search did not find yet. Each
is found by our tag. What a person says: `remove` takes away the copies that nobody wrote since
they were made and nothing there refers to; `keep` leaves them, and they are not told of again.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Literal, NamedTuple

from ...errors import Answered, Held, UsageError
from ...fhir.reference_order import reference_order
from ...fhir.references import spans
from ...store.sent import delivery
from ..evidence.disclosure import conclude
from ..session import Session, at_destination, parts
from ..wire.change import Change, Theirs
from ..wire.find import Place, doubled, made_once, tagged
from ..wire.read import read, resource, version_of
from ..wire.response import Kind
from ..wire.write import retract, settle
from .referrers import referrers

Said = Literal["remove", "keep"]
_WORDS = {
    True: "other records there refer to copies of ours",
    False: "the destination can't be asked what refers to copies of ours",
}


class Double(NamedTuple):
    """One record: the place that the case holds, and the others."""

    key: str
    stands: str
    copies: tuple[str, ...]


def look(session: Session) -> list[Double]:
    """Every record of this case that stands more than once; copies that may stand left out.

    None where records have ids of our own, or where searches by tag are refused.
    """
    if not session.record_by_record or session.settings.write == "put":
        return []
    rows = [row for row in delivery.deliveries(session.case) if row.write_no > 0]
    held = {f"{row.type}/{row.id}": row.target_id for row in rows}
    try:
        found = tagged(session, held, strict=False)
    except Answered:
        session.case.state.copies_unseen = True
        return []
    session.case.state.copies_unseen = None
    kept = set(session.case.state.duplicates_kept)
    return [
        Double(key, stands, copies)
        for key, places in sorted(found.items())
        if (stands := _ours(places, held[key]))
        and (copies := tuple(p.reference for p in places if p.reference not in {stands, *kept}))
    ]


def hold(session: Session) -> None:
    """Raise `Held` (`doubled`) if a record of this case stands more than once."""
    if found := look(session):
        raise doubled(one.key for one in found)


def say(session: Session, answer: str, by: str, at: str) -> None:
    """Do what somebody decided about all copies. `UsageError` for another word.

    Raises `Held` (`doubled`) again for copies that can't be taken away: they are not as they were
    made, other records there refer to them, or the destination does not let them go.
    """
    if answer not in ("remove", "keep"):
        raise UsageError("expected `remove` or `keep`", "Run the same command again.")
    with at_destination():
        found = look(session)
        said = {"said": answer, "by": by, "at": at, "copies": sum(len(d.copies) for d in found)}
        session.case.state.duplicates_decided = [*session.case.state.duplicates_decided, said]
        if answer == "keep":
            copies = {place for one in found for place in one.copies}
            session.case.state.duplicates_kept = sorted(
                {*session.case.state.duplicates_kept, *copies}
            )
            return
        settle(session)
        with session.turn:
            needed = _remove(session, found)
        if needed:
            raise needed
        hold(session)


def _ours(places: list[Place], target_id: str | None) -> str:
    """The place that the case holds. Where it holds none yet: the one that was made first."""
    references = [place.reference for place in places]
    own = f"{places[0].type}/{target_id}"
    return own if own in references else references[0]


def _remove(session: Session, found: list[Double]) -> Held | None:
    """Delete copies, those that refer to others first; each in the version that was made.

    What something that stays refers to stays as well: the `Held` that says so.
    """
    versions: dict[str, str | None] = {}
    refers: dict[str, list[str]] = {}
    keys = {place: one.key for one in found for place in one.copies}
    for place in keys:
        body = read(session, place)
        if body is None:
            continue
        version = version_of(resource(body))
        resource_type, _, resource_id = place.partition("/")
        if made_once(session, Place(resource_type, resource_id, version)):
            versions[place] = version
            refers[place] = [span.value for span in spans(body)]
    needed = _needed(session, refers)
    order = reference_order({place: refers[place] for place in refers if place not in needed})
    gone = 0
    for place in chain.from_iterable(reversed(order)):
        removal = Change(keys[place], place, versions[place], None, Theirs.LEAVE)
        heard = retract(session, [removal.write()], "remove")
        if heard.kind is Kind.FORBIDDEN:
            break  # no other would pass either; they are told of again
        gone += heard.kind is Kind.DONE
    if gone:
        conclude(session, "remove", gone)
    return _said(needed) if needed else None


def _needed(session: Session, copies: Iterable[str]) -> dict[str, bool]:
    """Those of `copies` that something which stays refers to (True), or may (False)."""
    asked = referrers(session, copies)
    needed = {place: False for place, by in asked.items() if by is None}
    while more := {
        place: True
        for place, by in asked.items()
        if place not in needed and any(one not in asked or one in needed for one in by or ())
    }:
        needed |= more
    return needed


def _said(needed: Mapping[str, bool]) -> Held:
    why = []
    for known, words in _WORDS.items():
        if names := sorted({parts(place)[0] for place in needed if needed[place] is known}):
            why.append(f"{words}, which stay: {', '.join(names)}")
    return Held(
        "doubled",
        "; ".join(why),
        "`echo keep | connector resolve CASE --choose -` leaves them as they are. Or ask the people"
        " who run the destination to remove them.",
    )
