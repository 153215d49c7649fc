"""The second write of a record: PUT over exactly the version that we know to be ours.

For records that left without some of their references, and for those that an earlier case brought
in an older version. Every answer, clear or not, is settled by reading.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from ...errors import DestinationRefused
from ...store.ledger.last_written import Written
from ...store.sent import delivery
from ..patient.resolve import check_again
from ..session import Session, parts
from ..wire.change import Change, Stands, bring
from ..wire.find import Place
from ..wire.limits import Limits, limits_of
from ..wire.read import read
from ..wire.response import Heard, Kind
from ..wire.write import send
from .expected import judge

_MOVED = "a {type} was changed at the destination while we brought it up to date"


def revise(session: Session, changes: list[Change]) -> dict[str, str]:
    """Bring records up to date. Returns those that the destination does not take so: key → why.

    Raises `Held` (`theirs`) if one was changed since it was read, `DestinationRefused`, `Waiting`.
    """
    refused: dict[str, str] = {}
    for group in _groups(changes, limits_of(session)):
        with session.turn:
            check_again(session)
            _bring(session, group, refused)
    return refused


def _groups(changes: list[Change], limits: Limits) -> Iterator[list[Change]]:
    group: list[Change] = []
    size = 0
    for change in changes:
        if group and not limits.take(len(group) + 1, size + len(change.wanted or b"")):
            yield group
            group, size = [], 0
        group.append(change)
        size += len(change.wanted or b"")
    if group:
        yield group


def _bring(session: Session, group: list[Change], refused: dict[str, str]) -> None:
    brought = bring(
        session,
        group,
        partial(_send, session),
        partial(_look, session),
        doubtful=_doubtful,
        when=_MOVED,
    )
    group, heard = brought.left, brought.heard
    if not group:
        return
    if heard.kind not in (Kind.REFUSED, Kind.DONE):
        raise DestinationRefused(
            f"push: {heard.words}; {len(group)} records are not up to date there",
            "Look at the destination with `connector doctor`; the same command goes on from here.",
        )
    if len(group) == 1:
        refused[group[0].key] = heard.words or "not done, though said to be"
        return
    middle = (len(group) + 1) // 2
    _bring(session, group[:middle], refused)
    _bring(session, group[middle:], refused)


def _send(session: Session, group: list[Change]) -> Heard:
    heard = send(session, [one.write() for one in group], "push", [one.key for one in group])
    _settle(session, heard.found.places)
    return heard


def _doubtful(heard: Heard) -> bool:
    """Whether a read may still show what stood before this answer, if the write was done."""
    in_doubt = heard.kind is Kind.UNCLEAR and heard.status != 429
    return in_doubt or heard.status in (409, 412)  # so it is not as it was read


def _look(session: Session, group: Sequence[Change], heard: Heard) -> dict[Change, Stands]:
    """What an answer proves is done; the rest is read."""
    return {
        one: Stands.DONE if one.key in heard.found.places else _read(session, one) for one in group
    }


def _read(session: Session, change: Change) -> Stands:
    place = Place(*parts(change.place), None)
    body = read(session, change.place)
    assert change.wanted is not None
    reading = judge(place.id, change.wanted, body, session.settings.base_url)
    if reading.status != "differs":
        _settle(session, {change.key: place._replace(version=reading.version)})
        return Stands.DONE
    as_it_was = body is not None and reading.version == change.version
    return Stands.OURS if as_it_was else Stands.THEIRS


def _settle(session: Session, places: dict[str, Place]) -> None:
    session.wrote(Written(key, place.reference, place.version) for key, place in places.items())
    with session.case.commit():
        delivery.settle(
            session.case, ((*parts(key), place.id, place.version) for key, place in places.items())
        )
        delivery.finish(session.case, map(parts, places))
