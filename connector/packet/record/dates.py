"""FHIR dates as intervals: `2019` is a whole year, and nothing is padded.

FHIR R4 datatypes.html#dateTime. All results are UTC.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta

OPEN = datetime.max.replace(tzinfo=UTC)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$")

Interval = tuple[datetime, datetime]


def interval(text: str) -> Interval | None:
    """The first and the last instant that `text` may mean; None if it is not a FHIR date."""
    try:
        if match := _PARTIAL.match(text):
            year, month, day = (int(part) if part else 0 for part in match.groups())
            first = datetime(year, month or 1, day or 1, tzinfo=UTC)
            return first, _end(year, month, day)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            return None
        instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return instant, instant


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time that many calendar months earlier (the 31st becomes the last day)."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _end(year: int, month: int, day: int) -> datetime:
    last_month = month or 12
    last_day = day or monthrange(year, last_month)[1]
    return datetime(year, last_month, last_day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)


def instant(text: str) -> datetime:
    """The last instant of a date or an instant that is known to be one."""
    found = interval(text)
    assert found is not None, "a FHIR date or instant"
    return found[1]
