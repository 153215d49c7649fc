"""A moment as it is written everywhere here: a FHIR instant in UTC, to the second. Pure."""

from datetime import UTC, datetime


def instant(moment: datetime) -> str:
    """`2026-11-27T09:30:00Z`. Four digits of a year, whatever it is."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
