"""A request that stands announced already, though this case has not announced it.

A store was restored from a backup, or a case folder is gone: what was told stays told, and is never
put back to a draft.
"""

from ...store.mapped.draft import ANNOUNCED
from ...store.mapped.packet import LETTER
from ...store.mapped.update import opened
from ...store.sent.delivery import STOOD, Delivery
from ..session import TASK, Session
from ..wire.read import resource
from .expected import ANNOUNCED_ASIDE, Expected, Reading, judge
from .ownership import There, as_left

TAKEN_UP = "taken up there already"  # the notes
OUT = "was announced already"


def already(
    session: Session, expected: Expected, row: Delivery, body: bytes | None
) -> Reading | None:
    """The reading of a ServiceRequest, Task or letter that is out; None of everything else.

    A Task that they work on, and that is not as we would announce it, is `theirs`: it stays. So
    does what was announced before an update and is something else by now, whoever did it.

    Out is what stands in the form in which it would be announced, whatever they work on it; and
    what stands as we announced it last in another form: the announcement then writes it again.
    """
    key = f"{row.type}/{row.id}"
    name = expected.signals.get(key)
    if name is None or body is None:
        return None
    status = resource(body).get("status")
    if status in (None, "draft", "preparation"):
        return None
    aside = ANNOUNCED_ASIDE[name]
    reading = judge(row.target_id, expected.out(key), body, session.settings.base_url, aside)
    if reading.status != "differs":
        return reading._replace(note=OUT)
    known = session.known([key]).get(key)
    there = There(f"{row.type}/{row.target_id}", reading.version, reading.read_sha256)
    left = known is not None and as_left(there, known, session.ledger.keyed)
    if left and status == ANNOUNCED[name]:
        return reading._replace(status="verified", note=OUT)
    if name != LETTER and opened(session.case) and not left:
        return reading._replace(status="theirs", note=TAKEN_UP)
    if name == TASK and status != ANNOUNCED[name] and (left or row.note == STOOD):
        return reading._replace(status="theirs", note=TAKEN_UP)
    return None
