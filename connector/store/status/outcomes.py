"""How many records of a case ended how."""

from ..case.casefile import CaseFile
from ..mapped import packet
from ..pulled import chart
from ..sent import delivery
from . import since

_UNPROVED = ("sent", "accepted", "differs")


def counts(case: CaseFile) -> dict[str, int]:
    """pulled = selected + not_selected + withheld + entered_in_error + merged; what became of it.

    `accepted`: taken, and nothing there can be read. `theirs`: sent once, changed or deleted there
    before an update, and left so.
    """
    decided = dict(case.rows("SELECT outcome, count(*) FROM decision GROUP BY outcome"))
    placed = dict(
        case.rows("SELECT status, count(*) FROM delivery WHERE write_no > 0 GROUP BY status")
    )
    arrived = sum(placed.get(status, 0) for status in delivery.ARRIVED)
    return {
        "pulled": chart.count_records(case),
        **{name.replace("-", "_"): decided.get(name, 0) for name in packet.OUTCOMES},
        "sent": arrived + sum(placed.get(status, 0) for status in _UNPROVED),
        "accepted": placed.get("accepted", 0),
        "verified": arrived,
        "theirs": placed.get("theirs", 0) + placed.get("removed", 0) - _ours_gone(case),
    }


def _ours_gone(case: CaseFile) -> int:
    """How many resources we took away ourselves, one by one."""
    found = case.row(
        "SELECT count(*) FROM delivery WHERE status = 'removed' AND note = ?", (since.TAKEN_BACK,)
    )
    return int(found[0]) if found else 0
