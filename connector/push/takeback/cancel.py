"""Cancel: the request is taken back. The records stay there, and so does the receiver's work.

ServiceRequest `revoked`, Task `cancelled`: each only in the version that we left, the Task only
until they take it up. Where the Task is theirs, a second Task asks them to stop: code `abort`,
focus the first (COW cancellation-request-task). What stands there afterwards is read.
"""

from dataclasses import dataclass
from typing import Any

from ...errors import DestinationRefused, Held, ReadBackDiffers
from ...fhir.bundle import Write
from ...fhir.ids import authored_id
from ...fhir.lossless import UndecodableError, decode, encode
from ...fhir.record import with_identity
from ...fhir.systems import TAG
from ...store.audit.disclosures import Event
from ...store.mapped import packet
from ...store.sent import delivery
from ...store.sent.delivery import Delivery
from ..evidence.disclosure import conclude
from ..patient.resolve import check_again
from ..records.deliver import settle as settle_delivery
from ..records.expected import WORKFLOW, Expected, content_sha256, judge
from ..records.reference_map import ReferenceMap
from ..session import ENDED, REQUEST, TASK, Session, at_destination, key_of, parts
from ..wire.change import Change, Theirs
from ..wire.find import find
from ..wire.read import read, version_of
from ..wire.response import Heard
from ..wire.retry import until_done
from ..wire.write import retract, settle

_OURS_YET = frozenset({"draft", "requested"})  # of a Task: nobody has taken it up


@dataclass(frozen=True)
class _Signal:
    """ServiceRequest or Task as it is read. `ours`: it stands as we left it."""

    row: Delivery
    resource: dict[str, Any]
    ours: bool

    @property
    def asks(self) -> bool:
        return self.resource.get("status") not in ENDED[self.row.type]

    @property
    def may_write(self) -> bool:
        untouched = self.row.type != TASK or self.resource.get("status") in _OURS_YET
        return self.asks and self.ours and untouched


def cancel(session: Session, letter: packet.Entry, at: str) -> list[str]:
    """Take the request back; `letter`, in packet form, is the Task that asks them to stop.

    `at`: FHIR dateTime. Returns the types of what still asks there because they changed it.
    Raises `Held` (`identity`; `theirs` if nothing could be said to them), `DestinationRefused`,
    `ReadBackDiffers`, `Waiting`.
    """
    with at_destination(), session.turn:
        check_again(session)
        signals = _until_done(session, "cancel", letter, at)
        left = [signal.row.type for signal in signals if signal.asks]
        if TASK in left:
            _read_letter(session, letter)
    if left == [REQUEST] and len(signals) == 1:
        raise Held(
            "theirs",
            "the ServiceRequest was changed at the destination and its Task is gone: there is"
            " nothing left by which to cancel",
            "Call the receiving team; nothing was written over their work.",
        )
    conclude(session, "cancel", len(signals))
    return left


def take_back(session: Session, at: str) -> None:
    """The same before a recall: what is still ours asks no more, and nothing new is written."""
    with at_destination(), session.turn:
        _until_done(session, "recall", None, at)


def _until_done(
    session: Session, event: Event, letter: packet.Entry | None, at: str
) -> list[_Signal]:
    settle_delivery(session)
    signals, sent = list[_Signal](), list[Write]()

    def due() -> list[Write]:
        nonlocal signals
        signals = _signals(session)
        writes = [_ended(signal, at) for signal in signals if signal.may_write]
        if letter is not None and any(
            signal.row.type == TASK and signal.asks and not signal.may_write for signal in signals
        ):
            writes += _letter(session, letter)
        return writes if session.way() == "transaction" else writes[:1]

    def send(writes: list[Write]) -> Heard:
        nonlocal sent
        _remember(session, writes)
        sent = writes
        return retract(session, writes, event)

    while writes := due():
        undone, heard = until_done(session, writes, send, lambda *_: due())
        if undone == sent:
            raise DestinationRefused(
                f"{event}: {heard.words}",
                "Ask the people who run the destination; the same command goes on from here.",
            )
    settle(session)
    _keep_versions(session, signals)
    return signals


def _signals(session: Session) -> list[_Signal]:
    """The ServiceRequest and the Task of this case, those that stand there."""
    rows = {f"{row.type}/{row.id}": row for row in delivery.deliveries(session.case)}
    known = _known_content(session)
    found = []
    for name in (REQUEST, TASK):
        own = f"{name}/{authored_id(session.source.id, session.request.request_id, name, name)}"
        row = rows.get(own)
        if row is None or row.target_id is None:
            continue
        body = read(session, f"{name}/{row.target_id}")
        if body is None:
            continue
        resource = decode(body)
        if not isinstance(resource, dict):
            raise UndecodableError("not a resource")
        ours = row.version is not None and version_of(resource) == row.version
        ours = ours or content_sha256(body) in known
        found.append(_Signal(row, resource, ours))
    return found


def _known_content(session: Session) -> set[str]:
    """What a write of ours whose answer was never heard may have made of the two."""
    known = set(session.case.state.cancel_contents)
    begun = session.case.state.announcing
    if begun is not None:
        announced = Expected(session, begun["at"])
        known |= {content_sha256(announced.of(key)) for key in announced.signals}
    return known


def _remember(session: Session, writes: list[Write]) -> None:
    """Before they leave: by their content they are known for ours, if no answer comes."""
    made = [content_sha256(write.body) for write in writes]
    session.case.state.cancel_contents = sorted({*session.case.state.cancel_contents, *made})


def _ended(signal: _Signal, at: str) -> Write:
    row, resource = signal.row, dict(signal.resource)
    resource["status"] = "revoked"
    if row.type == TASK:
        resource["status"] = "cancelled"
        resource["statusReason"] = {"text": "Cancelled by the sender"}
        resource["lastModified"] = at
        resource.pop("businessStatus", None)  # it says where the work stands; there is none
    key, place, version = (
        f"{row.type}/{row.id}", f"{row.type}/{row.target_id}", version_of(resource),
    )  # fmt: skip
    return Change(key, place, version, encode(resource), Theirs.BESIDE).write()


def _letter(session: Session, letter: packet.Entry) -> list[Write]:
    """The write of the second Task; none if it stands there."""
    key = key_of(letter)
    if find(session, [key]):
        return []
    body = ReferenceMap(session).render(letter)
    if session.settings.write == "put":
        return [Write(f"{session.endpoint.base_url}/{key}", "PUT", key, body, {})]
    condition = {"ifNoneExist": f"_tag={TAG}|{letter.id}"}
    body = with_identity(body, None, ())
    kept = condition if session.settings.write == "conditional" else {}
    return [Write(f"urn:uuid:{letter.id}", "POST", TASK, body, kept)]


def _read_letter(session: Session, letter: packet.Entry) -> None:
    """Read the second Task back, and keep where it stands. Raises `ReadBackDiffers`.

    A store restored from a backup may have asked before, at another moment, and they may work on it
    already: then its version is not ours.
    """
    place = find(session, [key_of(letter)])[key_of(letter)]
    wanted, body = ReferenceMap(session).render(letter), read(session, place.reference)
    moment, base_url = frozenset({"authoredOn", "lastModified"}), session.settings.base_url
    reading = judge(place.id, wanted, body, base_url, moment)
    if reading.status == "differs":
        reading = judge(place.id, wanted, body, base_url, moment | WORKFLOW[TASK])
        reading = reading._replace(version=None)
    if reading.status == "differs":
        raise ReadBackDiffers(
            "the Task that asks to stop is not at the destination as it was written",
            "Ask the people who run the destination what changes such records.",
        )
    abort = {"id": letter.id, "target_id": place.id, "version": reading.version}
    session.case.state.abort = abort


def _keep_versions(session: Session, signals: list[_Signal]) -> None:
    with session.case.commit():
        for signal in signals:
            if signal.ours:
                key = f"{signal.row.type}/{signal.row.id}"
                delivery.moved(session.case, *parts(key), version_of(signal.resource))
