"""One write, intended before it leaves: the only place of this room that sends bytes."""

import time
from collections.abc import Sequence

from ...endpoint import Answer
from ...endpoint.retry import Again, Park
from ...errors import EndpointError, Held, TooLarge, Unreachable, Waiting
from ...fhir.bundle import Write, transaction
from ...fhir.lossless import encode, sha256
from ...store.disclosures import Event
from ..evidence import audit_event
from ..evidence.disclosure import attempt
from ..session import TASK, Desk, parts
from .find import read, resource

# Only places and versions are wanted back, not the resources (http.html#ops).
_MINIMAL = {"Prefer": "return=minimal"}
_CONDITIONS = {"ifNoneExist": "If-None-Exist", "ifMatch": "If-Match"}


def post(
    desk: Desk, write_no: int, writes: Sequence[Write], what: str, event: Event = "deliver"
) -> Answer | None:
    """Commit the intent in the ledger, then send `writes` once. None: no whole answer came.

    They go as one transaction or batch, or alone (`desk.way`); the answer to one that went alone
    is told as that to a transaction of it. The intent and the row of the disclosure log that
    tells of it (`event`) are one commit.

    The caller has said in the case file what `write_no` holds, and says afterwards in the ledger
    what became of it. Raises `LockHeld` when another process has taken the case since, and `Held`
    (`theirs`) instead of writing over a Task that the receiving team has begun to work on.
    """
    way = desk.way()
    _guard(desk, writes)
    if way == "single":
        [write] = writes
        return alone(desk, write_no, write, what, event)
    body = transaction(way, writes)
    whole = Write("", "POST", desk.endpoint.base_url, body, {})
    return ask(desk, write_no, whole, what, event, len(writes))


def alone(
    desk: Desk,
    write_no: int,
    write: Write,
    what: str,
    event: Event = "deliver",
    resources: int = 1,
) -> Answer | None:
    """As `post`, for one write that goes by itself whatever the way; it holds `resources`."""
    answer = ask(desk, write_no, write, what, event, resources)
    return answer and _as_of_one(answer, write)


def ask(
    desk: Desk, write_no: int, write: Write, what: str, event: Event, resources: int
) -> Answer | None:
    """Commit the intent, then send `write` once: the answer as it is. None: no whole one came."""
    told = attempt(desk, event, resources)
    content = sha256(write.body)
    desk.ledger.intend(desk.handle, desk.fence, write_no, write.method, content, resources, told)
    audit_event.keep_up(desk)
    headers = _MINIMAL | {_CONDITIONS[name]: value for name, value in write.conditions.items()}
    try:
        return desk.endpoint.write(write.method, write.url, write.body, what, headers)
    except (Unreachable, TooLarge):  # the work may be done, whatever is said of it
        return None
    except (EndpointError, Waiting):
        desk.ledger.answer(desk.handle, write_no, None, "not sent")
        raise


def may_try_again(desk: Desk, attempt: int, answer: Answer | None) -> bool:
    """After try number `attempt` (from 1) got `answer`: sleep, if another try is due.

    Raises `Waiting` if the destination wants us back later than anybody should sleep.
    """
    decision = desk.endpoint.after(attempt, answer)
    if isinstance(decision, Park):
        raise decision.waiting("push", "destination")
    if isinstance(decision, Again):
        time.sleep(decision.after_s)
    return decision is not None


def _as_of_one(answer: Answer, write: Write) -> Answer:
    """The answer to a single write as that to a transaction of it."""
    if not answer.ok:
        return answer
    place = answer.headers.get("location") or answer.headers.get("content-location")
    if not (place or answer.headers.get("etag")):
        return Answer(200, answer.headers, b"")  # nothing says that it was stored: to be read
    told = {
        "status": "201" if answer.status == 201 else "200",
        # A PUT need not say where: it is where it was sent.
        "location": place or (write.url if write.method == "PUT" else ""),
        "etag": answer.headers.get("etag", ""),
    }
    response = {"resourceType": "Bundle", "entry": [{"response": told}]}
    return Answer(200, answer.headers, encode(response))


# Until they take it up a Task is ours; what we cancelled ourselves may be removed by a recall.
_OURS = {"PUT": ("draft", "requested"), "DELETE": ("draft", "requested", "cancelled")}


def _guard(desk: Desk, writes: Sequence[Write]) -> None:
    """Never over the receiver's work: no Task beyond `requested` is written, whoever asks."""
    for write in writes if desk.reads else ():  # else If-Match is all that keeps us off it
        if write.method in _OURS and parts(write.url)[0] == TASK:
            body = read(desk, write.url)
            if body is not None and resource(body).get("status") not in _OURS[write.method]:
                raise Held(
                    "theirs",
                    "the Task is beyond `requested` at the destination: it is theirs by now",
                    "Talk to the receiving team; nothing was written over it.",
                )
