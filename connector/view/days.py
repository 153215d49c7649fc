"""Dates for people, with the machine's own in `<time>`. A year stays a year."""

import re
from html import escape

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(\d\d))?)?")


def day(written: str) -> str:
    """`2026-11-03` → 3 Nov 2026; `2026-11` → Nov 2026; anything else as it is."""
    found = _DATE.fullmatch(written[:10])
    if not found:
        return written
    year, month, of_month = found.groups()
    parts = (str(int(of_month)) if of_month else "", _MONTHS[int(month) - 1] if month else "", year)
    return " ".join(part for part in parts if part)


def time(written: str) -> str:
    """A date as HTML; empty if there is none."""
    if not _DATE.fullmatch(written[:10]):
        return escape(written)
    return f'<time datetime="{escape(written[:10])}">{escape(day(written))}</time>'


def span(first: str, last: str, times: int) -> str:
    """From when to when, and how often, as HTML."""
    if not last:
        return "undated" if times == 1 else f"undated, {times} times"
    if times == 1:
        return time(last)
    ends = time(last) if first == last else f"{time(first)} to {time(last)}"
    return f"{ends}, {times} times"
