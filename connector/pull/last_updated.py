"""When a record was last changed, in one form, so that texts compare as moments do. Pure."""

from datetime import UTC, datetime
from typing import Any

from ..fhir.lossless import decode, members


def moment(value: Any) -> str:
    """A FHIR instant in UTC, to the microsecond; empty for what is none."""
    try:
        return datetime.fromisoformat(value).astimezone(UTC).isoformat(timespec="microseconds")
    except (TypeError, ValueError, OverflowError):
        return ""


def updated(body: bytes) -> str:
    """`meta.lastUpdated` of a record as `moment` gives it. Raises `UndecodableError`."""
    top = members(body)
    meta = decode(top["meta"]) if "meta" in top else None
    return moment(meta.get("lastUpdated")) if isinstance(meta, dict) else ""
