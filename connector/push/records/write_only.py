"""A destination that grants no reading but of the Patient: its answers are all the proof there is.

Where each resource stands and in which version is what the answers told. An answer that was lost is
settled by the same conditional create again (If-None-Exist): the server looks itself.
"""

from collections.abc import Sequence
from typing import Any

from ...errors import DestinationRefused
from ...fhir.bundle import Write
from ...fhir.record import with_identity
from ...fhir.systems import TAG
from ...store.case.transitions import announced
from ...store.sent import delivery
from ...store.sent.delivery import STOOD, Delivery
from .. import unknown_outcome
from ..patient.resolve import check_again
from ..session import Session, at_destination, parts
from ..wire.change import Change, Stands, Theirs, bring, held
from ..wire.response import Heard, Kind
from ..wire.write import intend, send, settle
from .announce import CHANGED, Signal, everything_is_there, not_announced, signals_of
from .expected import Expected, canonical_sha256
from .reference_map import ReferenceMap

_FIRST = "1"  # how most servers call the version that a create makes
_STALE = frozenset({409, 412})


def accept(session: Session) -> None:
    """Say of everything sent that it was accepted, with the hash in which it left.

    What left without a reference to something later gets it now, over the version that we made.
    """
    with at_destination():
        for key in delivery.unfinished(session.case):
            _complete(session, key)
    missing, expected = delivery.unfinished(session.case), Expected(session, None)
    with session.case.commit():
        for row in delivery.deliveries(session.case, "sent"):
            key = f"{row.type}/{row.id}"
            left = expected.first(key, missing[key]) if key in missing else expected.of(key)
            _accepted(session, row, canonical_sha256(left), row.version)


def announce(session: Session, now: str) -> None:
    """Make ServiceRequest and Task visible, each over the version that an answer told.

    Sets in the state: `announced_at`. Raises `Held` (`theirs` if one was changed, `unclear` if it
    can't be known whether it is out), `DestinationRefused`, `Waiting`.
    """
    begun = session.case.state.announcing
    if begun is None:
        everything_is_there(session)
    check_again(session)
    with at_destination():
        out = _Announcement(session, begun or {"at": now, "done": [], "now": []})
        out.settle()
        out.go_on()
    announced(session.case, out.at)


def _complete(session: Session, key: str) -> None:
    [row] = [row for row in delivery.deliveries(session.case) if f"{row.type}/{row.id}" == key]
    if row.status != "sent" or row.note == STOOD or row.version is None or row.target_id is None:
        return  # not known to be as we left it
    wanted = Expected(session, None).of(key)
    change = Change(key, f"{row.type}/{row.target_id}", row.version, wanted, Theirs.LEAVE)
    heard = bring(
        session,
        [change],
        lambda _: send(session, [change.write()], "push", [key]),
        lambda _, heard: {change: Stands.DONE if heard.kind is Kind.DONE else Stands.OURS},
    ).heard
    if heard.kind is not Kind.DONE:
        return  # an identifier stands in for that reference, as it left
    with session.case.commit():
        delivery.moved(session.case, row.type, row.id, heard.found.places[key].version)
        delivery.finish(session.case, [(row.type, row.id)])


def _must_be_ours(session: Session, signal: Signal) -> None:
    [row] = [r for r in delivery.deliveries(session.case) if f"{r.type}/{r.id}" == signal.key]
    if signal.version is None:
        raise DestinationRefused(
            f"announce: the destination does not say in which version it stored the {row.type}",
            "Without reading it can't be announced: have this account granted reading.",
        )
    if row.note == STOOD and signal.version != _FIRST:
        raise held(row.type, CHANGED)


class _Announcement:
    """The last writes. `_begun` (`announcing`): since when, what is out, what was sent last."""

    def __init__(self, session: Session, begun: dict[str, Any]) -> None:
        self._session = session
        self._signals = signals_of(session, begun["at"])
        self._begun = {"done": [], "now": list(self._signals), **begun}
        self.at = str(begun["at"])
        for signal in self._signals.values():
            _must_be_ours(session, signal)

    def settle(self) -> None:
        """What an earlier run sent without hearing the answer."""
        session, sent = self._session, [self._signals[key] for key in self._begun["now"]]
        if not sent:
            return
        settle(session, "settled by asking")
        said = unknown_outcome.told(session)
        if said == "arrived":
            self._out(sent)
        elif said == "absent":
            self._keep(now=[])  # over our version, as ever: if it moved, that is theirs
        else:
            self._still_drafts(sent)

    def go_on(self) -> None:
        """Write what is not out. Without transactions the Task, by which they see it, is last."""
        pending = [s for key, s in self._signals.items() if key not in self._begun["done"]]
        if self._session.way() == "transaction" and pending:
            self._write(pending)
        else:
            for signal in pending:
                self._write([signal])

    def _write(self, signals: list[Signal]) -> None:
        changes = [signal.change for signal in signals]

        def look(_: Sequence[Change], heard: Heard) -> dict[Change, Stands]:
            self._look(signals, heard)
            return dict.fromkeys(changes, Stands.DONE if heard.kind is Kind.DONE else Stands.OURS)

        brought = bring(self._session, changes, self._send, look)
        if brought.left:
            raise not_announced(brought.heard.words)

    def _send(self, changes: list[Change]) -> Heard:
        session, keys = self._session, [change.key for change in changes]

        def holds() -> int:
            self._keep(now=keys)
            return intend(session, ())

        writes = [change.write() for change in changes]
        return send(session, writes, "announce", keys, "announce", holds=holds)

    def _look(self, signals: list[Signal], heard: Heard) -> None:
        """What is known by an answer. Raises `Held` for what is theirs, or can't be known."""
        if heard.kind is Kind.UNCLEAR:
            self._still_drafts(signals)
        elif heard.kind is not Kind.DONE:
            self._keep(now=[])
            if heard.status in _STALE:
                raise held(" or the ".join(parts(signal.key)[0] for signal in signals), CHANGED)
        else:
            for signal in signals:
                signal.version = heard.found.places[signal.key].version
            self._out(signals)

    def _still_drafts(self, signals: list[Signal]) -> None:
        """Have the server look whether these stand in the version of our draft. Raises `Held`."""
        session = self._session
        for signal in signals:
            resource_type, derived = parts(signal.key)
            draft = with_identity(ReferenceMap(session).render(session.entry(signal.key)), None, ())
            condition = {"ifNoneExist": f"_tag={TAG}|{derived}"}
            write = Write(f"urn:uuid:{derived}", "POST", resource_type, draft, condition)
            heard = send(session, [write], "announce", [signal.key], "announce")
            if signal.key in heard.found.made:
                raise held(resource_type, CHANGED)  # it was removed; the new one is a draft of ours
            stands = heard.found.places.get(signal.key)
            if heard.kind is not Kind.DONE or (stands and stands.version != signal.version):
                raise unknown_outcome.in_doubt(session, "the announcement")
        self._keep(now=[])

    def _out(self, signals: list[Signal]) -> None:
        """Say that these are announced."""
        rows = {f"{row.type}/{row.id}": row for row in delivery.deliveries(self._session.case)}
        with self._session.case.commit():
            for signal in signals:
                sha256 = canonical_sha256(signal.wanted)
                _accepted(self._session, rows[signal.key], sha256, signal.version)
            done = [*self._begun["done"], *(signal.key for signal in signals)]
            self._keep(now=[], done=done)

    def _keep(self, **changes: Any) -> None:
        self._begun |= changes
        with self._session.case.commit():
            self._session.case.state.announcing = self._begun
            if not self._begun["now"]:
                unknown_outcome.settled(self._session)


def _accepted(session: Session, row: Delivery, sent_sha256: str, version: str | None) -> None:
    note = row.note if row.note == STOOD else ""
    sent = (row.type, row.id, "accepted", sent_sha256, None, version, note)
    delivery.read_back(session.case, [sent])
