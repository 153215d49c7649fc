"""One write, intended before it leaves: the only place of this room that sends bytes."""

import time

from ..endpoint import Answer
from ..endpoint.retry import Again, Park
from ..errors import Unreachable, Waiting
from ..fhir.lossless import sha256
from ..store.disclosures import Event
from . import audit
from .desk import Desk
from .disclosure import attempt


def post(
    desk: Desk, write_no: int, bundle: bytes, entries: int, what: str, event: Event = "deliver"
) -> Answer | None:
    """Commit the intent in the ledger, then send a transaction once. None: no whole answer came.

    The intent and the row of the disclosure log that tells of it (`event`) are one commit.

    The caller has said in the case file what `write_no` holds, and says afterwards in the ledger
    what became of it. Raises `LockHeld` when another process has taken the case since.
    """
    told = attempt(desk, event, entries)
    desk.ledger.intend(desk.handle, desk.fence, write_no, "POST", sha256(bundle), entries, told)
    audit.keep_up(desk)
    try:
        # Only places and versions are wanted back, not the resources (http.html#ops).
        headers = {"Prefer": "return=minimal"}
        return desk.endpoint.write("POST", desk.endpoint.base_url, bundle, what, headers)
    except Unreachable:
        return None


def may_try_again(desk: Desk, attempt: int, answer: Answer | None) -> bool:
    """After try number `attempt` (from 1) got `answer`: sleep, if another try is due.

    Raises `Waiting` if the destination wants us back later than anybody should sleep.
    """
    decision = desk.endpoint.after(attempt, answer)
    if isinstance(decision, Park):
        until = decision.until.strftime("%Y-%m-%dT%H:%M:%SZ")
        raise Waiting("push: the destination asks us to come back", until)
    if isinstance(decision, Again):
        time.sleep(decision.after_s)
    return decision is not None
