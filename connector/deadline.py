"""When records are needed, and how late it is. Pure: the moment it is comes from the caller.

Days are calendar days where the meeting is: a date lasts until its end there.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

_INSTANT = timedelta(microseconds=1)
FIRST, LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)


def due_at(moment: str, zone: tzinfo = UTC) -> datetime:
    """The last instant (UTC) of a FHIR date or dateTime: a date lasts until its end in `zone`.

    Kept within the calendar's ends, also in other zones: forms have 9999-12-31 for "never".
    """
    try:
        if "T" in moment:
            found = datetime.fromisoformat(moment).astimezone(UTC)
        else:
            day = date.fromisoformat(moment) + timedelta(days=1)
            found = datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:
        found = LAST if moment > "5" else FIRST
    return min(max(found, FIRST), LAST)


def zone_of(moment: str | None) -> tzinfo:
    """The offset in which a FHIR dateTime is written; UTC for a date, or none."""
    if moment is None or "T" not in moment:
        return UTC
    return datetime.fromisoformat(moment).tzinfo or UTC


def day_ends(moment: str) -> datetime:
    """The end (UTC) of the calendar day of a FHIR dateTime, where it is written."""
    return due_at(moment.partition("T")[0], zone_of(moment))


def days_between(due: datetime, now: datetime, zone: tzinfo) -> int:
    """Calendar days in `zone` from the day of `due` to that of `now`; negative: still to come.

    An end at midnight belongs to the day it ends.
    """
    return (now.astimezone(zone).date() - (due - _INSTANT).astimezone(zone).date()).days


def span(due: datetime, now: datetime, zone: tzinfo) -> str:
    """How far apart the two are, in words: calendar days from two days on, below that hours."""
    apart = abs(now - due)
    if apart >= timedelta(days=2):
        return f"{abs(days_between(due, now, zone))} days"
    hours = int(apart.total_seconds() // 3600)
    if hours:
        return f"{hours} hour{'s' if hours > 1 else ''}"
    minutes = int(apart.total_seconds() // 60)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
