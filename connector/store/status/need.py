"""When the records of a case are needed, from its request."""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from ...deadline import day_ends, due_at, zone_of
from ..case.casefile import CaseFile


@dataclass(frozen=True, slots=True)
class Need:
    """When a case's records are needed. All UTC but `zone`, in which days are counted."""

    due: datetime | None
    over: datetime | None  # from then on nobody needs what was delivered
    zone: tzinfo
    meeting: str | None


def need_of(case: CaseFile) -> Need:
    """From the request and its deadline as the case file has them."""
    meeting = ((case.state.request or {}).get("meeting") or {}).get("start")
    needed_by = case.state.needed_by
    zone = zone_of(meeting or needed_by)
    due = due_at(needed_by, zone) if needed_by else None
    over = max(due, day_ends(meeting)) if due and meeting else due
    return Need(due, over, zone, meeting)
