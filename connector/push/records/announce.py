"""Announce: the last write, by which the receiving team sees the request, or an update, at all.

One transaction makes the ServiceRequest `active` and the Task `requested`, each only over the
version that our delivery holds. An update completes its Communication, and writes those two again
where they are still as we left them: once they are the receiving team's, the Communication says it
all. Reading them is what settles every answer, clear or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ...errors import ConnectorError, DestinationRefused, ReadBackDiffers
from ...store.case.transitions import announced
from ...store.ledger.last_written import Written
from ...store.mapped.packet import LETTER
from ...store.mapped.update import opened
from ...store.sent import delivery
from ..patient.resolve import check_again
from ..session import Session, at_destination, parts
from ..wire.change import Change, Stands, Theirs, bring, held
from ..wire.read import read, resource
from ..wire.response import Heard
from ..wire.write import intend, send, settle
from .already_announced import TAKEN_UP
from .expected import ANNOUNCED_ASIDE, Expected, Reading, judge

CHANGED = "the {type} was changed or removed at the destination before it was announced"
_NOT_SO = "said to be done, and it is not"


@dataclass
class Signal:
    """What is to be announced: what it has to become, and what of it is ours.

    `version`: what our last write made; `left`: canonical SHA-256 of the form before, and `before`
    its version, once an answer said that it is written (until then it is `pending`). `again`: it
    was announced before, and this is an update.
    """

    key: str
    name: str
    target_id: str
    version: str | None
    left: str | None
    wanted: bytes
    again: bool
    pending: bool = True
    before: str | None = None

    @property
    def change(self) -> Change:
        """The write that announces, over the version that is ours."""
        place = f"{parts(self.key)[0]}/{self.target_id}"
        theirs = Theirs.LEAVE if self.again else Theirs.HOLD
        return Change(self.key, place, self.version, self.wanted, theirs)


def announce(session: Session, now: str) -> None:
    """Announce the packet, or the update, and read that back. `now`: FHIR dateTime with offset.

    Sets in the state: `announced_at` (the first packet's) and `told_at` (this one's); what was
    begun earlier keeps its own moment. Raises `Held` (`theirs`) if somebody
    changed one of the two, `ReadBackDiffers`, `DestinationRefused`, `Waiting`.
    """
    begun = session.case.state.announcing
    if begun is None:
        everything_is_there(session)
    at = begun["at"] if begun else now
    check_again(session)
    with at_destination():
        signals = signals_of(session, at)
        readings = _until_told(session, signals, at)
    settle(session)
    # So that another store of ours, or this one without the case's folder, knows it again.
    session.wrote(
        Written(key, f"{parts(key)[0]}/{signals[key].target_id}", r.version, r.sent_sha256, read_as)
        for key, r in readings.items()
        if r.note != TAKEN_UP and (read_as := r.read_sha256)
    )
    with session.case.commit():
        delivery.read_back(session.case, ((*parts(key), *r) for key, r in readings.items()))
        differing = [signals[key].name for key, r in readings.items() if r.status == "differs"]
        if not differing:
            announced(session.case, at)
    if differing:
        raise ReadBackDiffers(
            f"what stands at the destination is not what was announced: {', '.join(differing)}",
            "Ask the people who run the destination what changes such records.",
        )


def everything_is_there(session: Session) -> None:
    """Never half: the last guard, whoever calls in whatever order."""
    if not delivery.settled(session.case):
        raise ConnectorError("internal: nothing is announced before everything is read back")


def signals_of(session: Session, at: str) -> dict[str, Signal]:
    """What is to be announced, by key, in the order in which it is."""
    expected = Expected(session, at)
    rows = {f"{row.type}/{row.id}": row for row in delivery.deliveries(session.case)}
    update = opened(session.case) is not None
    signals = {}
    for key, name in expected.signals.items():
        row = rows[key]
        assert row.target_id is not None
        if row.status != "theirs":
            again = update and name != LETTER
            signals[key] = Signal(
                key, name, row.target_id, row.version, row.read_sha256, expected.of(key), again
            )
    return signals


def _until_told(session: Session, signals: dict[str, Signal], at: str) -> dict[str, Reading]:
    """Write what is not out yet. Without transactions the Task, by which they see it, is last."""
    told: dict[str, Reading] = {}

    def look(changes: Sequence[Change] = (), _: Heard | None = None) -> dict[Change, Stands]:
        nonlocal told
        seen = {key: _told(session, signal) for key, signal in signals.items()}
        told = {key: found for key, found in seen.items() if isinstance(found, Reading)}
        if Stands.THEIRS in seen.values():
            _leave(session, signals, [key for key in signals if key not in told])
        return {one: _stands(seen[one.key], one.key in signals) for one in changes}

    look()
    # On a server whose transactions do not hold together one of them may be done already.
    while todo := [signal.change for key, signal in signals.items() if key not in told]:
        now = todo if session.way() == "transaction" else todo[:1]
        brought = bring(session, now, partial(_write, session, at, signals), look, when=CHANGED)
        if brought.left:
            raise not_announced(brought.heard.words or _NOT_SO)
    return told


def _stands(seen: Reading | Stands, ours: bool) -> Stands:
    if isinstance(seen, Reading):
        return Stands.DONE
    return seen if ours else Stands.THEIRS


def _told(session: Session, signal: Signal) -> Reading | Stands:
    """The reading of a signal that is out; or that it is still as we left it; or theirs by now.

    Raises `Held` if a draft of ours was changed.
    """
    resource_type = parts(signal.key)[0]
    body = read(session, f"{resource_type}/{signal.target_id}")
    reading = judge(signal.target_id, signal.wanted, body, session.settings.base_url)
    if reading.status != "differs":
        return reading
    if body is not None:
        if (taken := _taken_up(session, signal, body)) is not None:
            return taken
        as_left = reading.read_sha256 == signal.left
        if reading.version == signal.version if signal.version is not None else as_left:
            return Stands.OURS if signal.pending else reading
        if not signal.pending and signal.before is not None and reading.version == signal.before:
            return Stands.BEFORE
        if signal.version is None and not signal.pending:
            return reading  # our own write, which the server did not store as sent
    if signal.again:
        return Stands.THEIRS
    raise held(resource_type, CHANGED)


def _taken_up(session: Session, signal: Signal, body: bytes) -> Reading | None:
    """The reading of what they work on already: it was told, whoever looked first.

    Not of an update that has not left: what they have is the request before it. The version stays
    the one that our write made: theirs is not ours to write over.
    """
    if signal.name not in ANNOUNCED_ASIDE or (signal.again and signal.pending):
        return None
    aside = ANNOUNCED_ASIDE[signal.name]
    base_url = session.settings.base_url
    reading = judge(signal.target_id, signal.wanted, body, base_url, aside)
    if reading.status == "differs" or resource(body).get("status") in (
        None,
        "draft",
        "preparation",
    ):
        return None
    return reading._replace(version=signal.version, note=TAKEN_UP)


def not_announced(why: str) -> DestinationRefused:
    """The last write did not pass."""
    return DestinationRefused(
        f"announce: {why}",
        "All records are there, not announced yet. Ask the people who run the destination; the"
        " same command goes on from here.",
    )


def _leave(session: Session, signals: dict[str, Signal], keys: list[str]) -> None:
    """Leave what they have taken up, ServiceRequest and Task together: only the letter goes."""
    left = [key for key in keys if signals[key].again]
    note = "the receiving team's by now"
    delivery.leave(session.case, map(parts, left), "theirs", note)
    for key in left:
        del signals[key]


def _write(session: Session, at: str, signals: dict[str, Signal], changes: list[Change]) -> Heard:
    """One try."""

    def holds() -> int:
        session.case.state.announcing = {"at": at}
        return intend(session, ())

    keys, writes = [one.key for one in changes], [one.write() for one in changes]
    heard = send(session, writes, "announce", keys, "announce", holds=holds)
    for key, place in heard.found.places.items():
        signal = signals[key]
        signal.before, signal.pending = signal.version, False
        signal.version = place.version
    return heard
