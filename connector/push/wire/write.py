"""The one write cycle: nothing else of the push sends bytes, or says that they will leave.

A write gets its number; the case file says what it holds, the ledger that it will leave: the
intent. Then it is sent, once, and its answer judged. The case file keeps the destination's words,
the ledger what became of it. A run may end between any two of these: what it left without an answer
is settled by what is read since, in the commit that intends the next write, or by `settle`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from ...endpoint import Answer
from ...errors import DestinationRefused, EndpointError, Held, TooLarge, Unreachable, Waiting
from ...failpoint import reach
from ...fhir.bundle import Write, transaction
from ...fhir.lossless import sha256
from ...store.audit.disclosures import Event
from ...store.ledger.writes import EXPORT
from ...store.mapped import packet
from ...store.sent import delivery
from ..evidence import audit_event, disclosure
from ..session import TASK, Session, parts
from .read import read, resource
from .response import Heard, Kind, Verdict, as_of_one, by_entries, by_status

# Only places and versions are wanted back, not the resources (http.html#ops).
_MINIMAL = {"Prefer": "return=minimal"}
_CONDITIONS = {"ifNoneExist": "If-None-Exist", "ifMatch": "If-Match"}
_FILE = "FILE"  # in place of a method of HTTP


V = TypeVar("V", bound=Verdict)


def over(version: str | None) -> dict[str, str]:
    """The condition of a write over this very version (If-Match); none where none is known."""
    return {"ifMatch": f'W/"{version}"'} if version else {}


def intend(
    session: Session, keys: Iterable[str], lacking: Mapping[str, Collection[str]] | None = None
) -> int:
    """Say in the case file that the next write holds `keys` (`Type/<derived id>`). Its number.

    Above all that the ledger and the case file ever held: one may have been put back to an earlier
    day.
    `lacking`: those of them that leave without references to the keys named.
    """
    there = session.ledger.next_write_no(session.handle), delivery.next_write_no(session.case)
    number: int = max(*there, session.case.state.last_write + 1)
    session.case.state.last_write = number
    missing = {parts(key): others for key, others in (lacking or {}).items()}
    delivery.intend(session.case, number, map(parts, keys), missing)
    return number


def send(
    session: Session,
    writes: Sequence[Write],
    what: str,
    keys: Iterable[str],
    event: Event = "deliver",
    *,
    holds: Callable[[], int] | None = None,
    whole: int = 0,
) -> Heard:
    """Send `writes` once: as one transaction or batch, or alone (`session.way`). What was heard.

    `keys` (`Type/<derived id>`, one for each) are looked for in the answer. `holds`: says in the
    case file what the write holds, and returns its number. `whole`: a single write, alone whatever
    the way, that holds so many resources.

    Raises `LockHeld` when another process has taken the case since, and `Held` (`theirs`) instead
    of writing over a Task that the receiving team has begun to work on.
    """
    judge = partial(by_entries, list(keys))
    return _send(session, writes, what, event, judge, holds, whole)


def retract(session: Session, writes: Sequence[Write], event: Event) -> Heard:
    """Send once what cancels, recalls or removes; what came of it has to be read.

    Raises `DestinationRefused` if we are not let in at all, and what `send` raises.
    """
    heard = _send(session, writes, event, event, by_status)
    if heard.status == 401:
        raise DestinationRefused(
            f"{event}: {heard.words}",
            "Check `auth` of this destination and what its account may write.",
        )
    return heard


def _send(
    session: Session,
    writes: Sequence[Write],
    what: str,
    event: Event,
    judge: Callable[[Answer | None], Heard],
    holds: Callable[[], int] | None = None,
    whole: int = 0,
) -> Heard:
    _guard(session, writes)
    way = session.way()
    if whole or way == "single":
        [one] = writes

        def alone(answer: Answer | None) -> Heard:
            return judge(answer and as_of_one(answer, one))

        return exchange(session, one, what, event, whole or 1, alone, holds)
    body = transaction(way, writes)
    bundle = Write("", "POST", session.endpoint.base_url, body, {})
    return exchange(session, bundle, what, event, len(writes), judge, holds)


def exchange(
    session: Session,
    write: Write,
    what: str,
    event: Event,
    resources: int,
    judge: Callable[[Answer | None], V],
    holds: Callable[[], int] | None = None,
) -> V:
    """The whole cycle of one write that holds `resources`: what `judge` makes of the answer."""
    endpoint = session.endpoint  # its secrets are read before anything is intended
    with session.turn:
        number = begin(session, write.method, sha256(write.body), event, resources, holds)
        headers = _MINIMAL | {_CONDITIONS[name]: text for name, text in write.conditions.items()}
        try:
            answer = endpoint.write(write.method, write.url, write.body, what, headers)
        except (Unreachable, TooLarge):  # the work may be done, whatever is said of it
            answer = None
        except (EndpointError, Waiting):
            session.ledger.answer(session.handle, number, None, "not sent")
            raise
        verdict = judge(answer)
        heard = verdict.answer
        if heard is not None and verdict.kind.name != Kind.DONE.name:
            delivery.keep_words(session.case, number, heard.status, heard.body)
        status = heard.status if heard else None
        session.ledger.answer(session.handle, number, status, str(verdict.kind.value))
        return verdict


def put_file(
    session: Session,
    content: str,
    resources: int,
    put: Callable[[], None],
    holds: Callable[[], int],
) -> None:
    """The cycle of a file (`content`: its SHA-256) that `put` gives to those who watch a folder."""
    with session.turn:
        number = begin(session, _FILE, content, "deliver", resources, holds)
        reach("send.before")
        put()
        reach("receive.after")
        session.ledger.answer(session.handle, number, None, "put")


def begin(
    session: Session,
    method: str,
    content: str,
    event: Event,
    resources: int,
    holds: Callable[[], int] | None = None,
) -> int:
    """Commit the intent, and the row of the disclosure log that tells of it (`event`). Its number.

    `content`: SHA-256 of what will leave.
    """
    told = disclosure.attempt(session, event, resources)
    number = (holds or (lambda: intend(session, ())))()
    session.ledger.intend(
        session.handle,
        session.fence,
        number,
        method,
        content,
        resources,
        told,
        settled=_how(session),
    )
    audit_event.keep_up(session)
    return number


def hand_over(session: Session) -> None:
    """Tell that the whole packet is about to be written for others to carry: call just before."""
    settle_exports(session, "not known")  # of a run that ended meanwhile
    content = str(session.case.state.packet_hash)
    begin(session, EXPORT, content, "export", packet.count(session.case))


def settle_exports(session: Session, outcome: str) -> None:
    """Say in the ledger what became of an export that has no answer there yet."""
    session.ledger.settle(session.handle, session.fence, outcome, exports=True)


def settle(session: Session, how: str | None = None) -> None:
    """Say of every write of this case whose answer was not kept that it is settled.

    To be called when what they did has been read. `how`: what is known otherwise, said of those
    that got an unclear answer as well. Raises `LockHeld`.
    """
    session.ledger.settle(
        session.handle, session.fence, how or _how(session), unclear=how is not None
    )


def settle_writes(session: Session) -> None:
    """Every write is answered at the end: call when nothing of the case is on its way any more."""
    settle_exports(session, "not known")
    settle(session)


def _how(session: Session) -> str:
    return "settled by reading" if session.can_verify else "settled by what came after"


# Until they take it up a Task is ours; what we cancelled ourselves may be removed by a recall.
_OURS = {"PUT": ("draft", "requested"), "DELETE": ("draft", "requested", "cancelled")}


def _guard(session: Session, writes: Sequence[Write]) -> None:
    """Never over the receiver's work: no Task beyond `requested` is written, whoever asks."""
    for write in writes if session.reads else ():  # else If-Match is all that keeps us off it
        if write.method in _OURS and parts(write.url)[0] == TASK:
            body = read(session, write.url)
            if body is not None and resource(body).get("status") not in _OURS[write.method]:
                raise Held(
                    "theirs",
                    "the Task is beyond `requested` at the destination: it is theirs by now",
                    "Talk to the receiving team; nothing was written over it.",
                )
