"""The one definition of equal, used to prove arrival and to compare two pulls.

Keys sorted; numbers as digits and exponent; server-set meta set aside; tags, security labels and
profiles of the sent record must be there, more may be; narrative compared as canonical XML.
"""

from enum import Enum
from typing import Any

from .lossless import UndecodableError, canonical, canonical_xhtml, decode, same_value
from .record import SERVER_META

_SUPERSET = ("tag", "security", "profile")


class Verdict(Enum):
    """How what was read relates to what was sent."""

    EQUAL = "equal"
    PRECISION_CHANGED = "precision-changed"  # the same values, some with other precision
    DIFFERS = "differs"


def compare(sent: bytes, read: bytes) -> Verdict:
    """Whether what was read back is what was sent. References must already be the receiver's.

    Raises `UndecodableError` for bytes that are not JSON, or nested too deeply to be walked.
    """
    one, other = decode(sent), decode(read)
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return Verdict.DIFFERS
    if not _meta_kept(one.get("meta") or {}, other.get("meta") or {}):
        return Verdict.DIFFERS
    one, other = comparable(one), comparable(other)
    if canonical(one) == canonical(other):
        return Verdict.EQUAL
    return Verdict.PRECISION_CHANGED if same_value(one, other) else Verdict.DIFFERS


def comparable(resource: dict[str, Any]) -> dict[str, Any]:
    """A decoded resource without what a server may set or add, narrative in canonical XML."""
    meta = {
        key: value
        for key, value in (resource.get("meta") or {}).items()
        if key not in SERVER_META and key not in _SUPERSET
    }
    rest = {key: value for key, value in resource.items() if key not in ("meta", "id")}
    if meta:
        rest["meta"] = meta
    try:
        return {key: _canonical_narratives(key, value) for key, value in rest.items()}
    except RecursionError:
        raise UndecodableError("nested too deeply") from None


def _canonical_narratives(name: str, value: Any) -> Any:
    # Sections and contained resources have a Narrative too (narrative.html): a member `text`
    # that is an object with a `div`.
    if isinstance(value, list):
        return [_canonical_narratives(name, item) for item in value]
    if not isinstance(value, dict):
        return value
    if name == "text" and isinstance(value.get("div"), str):
        return {**value, "div": canonical_xhtml(value["div"])}
    return {key: _canonical_narratives(key, item) for key, item in value.items()}


def _meta_kept(sent: dict[str, Any], read: dict[str, Any]) -> bool:
    return all(
        {canonical(item) for item in sent.get(name) or []}
        <= {canonical(item) for item in read.get(name) or []}
        for name in _SUPERSET
    )
