"""Announce: the last write, by which the receiving team sees the request at all.

One transaction makes the ServiceRequest `active` and the Task `requested`, each only over the
version that our delivery holds. Reading both is what settles every answer, clear or not.
"""

from dataclasses import dataclass
from itertools import count

from ..errors import ConnectorError, DestinationRefused, Held, ReadBackDiffers
from ..fhir.bundle import Write
from ..fhir.lossless import decode
from ..fhir.record import with_identity
from ..store import delivery
from ..store.packet import ANNOUNCED
from .answers import Kind, judged
from .desk import Desk, at_destination, parts
from .exchange import may_try_again, post
from .expected import Expected, Reading, judge
from .identity import check_again
from .lookup import read


@dataclass
class Signal:
    """ServiceRequest or Task: what it has to become, and the version of it that is ours."""

    key: str
    name: str
    target_id: str
    version: str | None
    wanted: bytes


def announce(desk: Desk, now: str) -> None:
    """Make ServiceRequest and Task visible, and read them back. `now`: FHIR dateTime with offset.

    Sets the case fact `announced_at`; an announcement begun earlier keeps its own moment. Raises
    `Held` (`theirs`) if somebody changed one of the two, `ReadBackDiffers`, `DestinationRefused`,
    `Waiting`.
    """
    begun = desk.case.fact("announcing")
    if begun is None:
        everything_is_there(desk)
    at = begun["at"] if begun else now
    check_again(desk)
    with at_destination():
        signals = signals_of(desk, at)
        readings = _until_told(desk, signals, at)
    if begun:
        desk.ledger.answer(desk.handle, begun["write_no"], None, "settled by reading")
    with desk.case.commit():
        delivery.read_back(desk.case, ((*parts(key), *r) for key, r in readings.items()))
        differing = [signals[key].name for key, r in readings.items() if r.status == "differs"]
        if not differing:
            desk.case.set_fact("announced_at", at)
    if differing:
        raise ReadBackDiffers(
            f"what stands at the destination is not what was announced: {', '.join(differing)}",
            "Ask the people who run the destination what changes such records.",
        )


def everything_is_there(desk: Desk) -> None:
    """Never half: the last guard, whoever calls in whatever order."""
    missing = desk.case.row(
        "SELECT count(*) FROM entry LEFT JOIN delivery USING (type, id) WHERE coalesce"
        "(delivery.status, '') NOT IN ('verified', 'precision-changed', 'accepted',"
        " 'rejected')"
    )
    if missing != (0,):
        raise ConnectorError("internal: nothing is announced before everything is read back")


def signals_of(desk: Desk, at: str) -> dict[str, Signal]:
    """ServiceRequest and Task by key, in the order in which they are announced."""
    expected = Expected(desk, at)
    rows = {f"{row.type}/{row.id}": row for row in delivery.deliveries(desk.case)}
    signals = {}
    for key, name in expected.signals.items():
        row = rows[key]
        assert row.target_id is not None
        signals[key] = Signal(key, name, row.target_id, row.version, expected.of(key))
    return signals


def _until_told(desk: Desk, signals: dict[str, Signal], at: str) -> dict[str, Reading]:
    failure = ""
    for attempt in count(1):
        readings = {key: _told(desk, signal) for key, signal in signals.items()}
        told = {key: reading for key, reading in readings.items() if reading is not None}
        if len(told) == len(signals):
            return told
        if failure:
            raise not_announced(failure)
        # On a server whose transactions do not hold together one of the two may be done already.
        failure = _write(desk, [s for key, s in signals.items() if key not in told], at, attempt)
    raise AssertionError("the retry decision ends the loop")


def _told(desk: Desk, signal: Signal) -> Reading | None:
    """The reading of a signal that is out; None: still our draft. `Held` if it is theirs by now."""
    resource_type = parts(signal.key)[0]
    body = read(desk, f"{resource_type}/{signal.target_id}")
    reading = judge(signal.target_id, signal.wanted, body)
    if reading.status != "differs":
        return reading
    status = decode(body).get("status") if body is not None else None
    if body is not None and reading.version == signal.version:
        if status == "draft":
            return None
        if status == ANNOUNCED[signal.name]:
            return reading  # our own write, which the server did not store as sent
    raise changed(resource_type)


def changed(resource_type: str) -> Held:
    """Somebody was at it before us."""
    return Held(
        "theirs",
        f"the {resource_type} was changed or removed at the destination before it was announced",
        "Ask the people who run the destination what was changed and why; nothing was written"
        " over it.",
    )


def not_announced(why: str) -> DestinationRefused:
    """The last write did not pass."""
    return DestinationRefused(
        f"announce: {why}",
        "All records are there, not announced yet. Ask the people who run the destination; the"
        " same command goes on from here.",
    )


def _write(desk: Desk, pending: list[Signal], at: str, attempt: int) -> str:
    """One try. Returns why there must be no other; empty: there may be.

    Without transactions the ServiceRequest goes first: the Task, by which they see it, is last.
    """
    together = desk.way() == "transaction"
    now = pending if together else pending[:1]
    write_no = desk.ledger.next_write_no(desk.handle)
    desk.case.set_fact("announcing", {"at": at, "write_no": write_no})
    answer = post(desk, write_no, list(map(put, now)), "announce", "announce")
    kind, words, found = judged([signal.key for signal in now], answer)
    desk.ledger.answer(desk.handle, write_no, answer.status if answer else None, kind.value)
    if answer is not None and kind is not Kind.DONE:
        delivery.keep_words(desk.case, write_no, answer.status, answer.body)
    for signal in now:
        if signal.key in found.places:
            signal.version = found.places[signal.key].version
    if kind is Kind.DONE and not together and attempt <= desk.settings.attempts + len(ANNOUNCED):
        return ""  # the other one is next
    if may_try_again(desk, attempt, answer):
        return ""
    return words or "said to be done, and it is not"


def put(signal: Signal) -> Write:
    """The write that announces one of the two, over the version that is ours."""
    resource_type = parts(signal.key)[0]
    reference = f"{resource_type}/{signal.target_id}"
    condition = {"ifMatch": f'W/"{signal.version}"'} if signal.version else {}
    body = with_identity(signal.wanted, signal.target_id, ())
    return Write(f"urn:uuid:{parts(signal.key)[1]}", "PUT", reference, body, condition)
