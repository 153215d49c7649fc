"""The one definition of equal, used to prove arrival and to compare two pulls.

Keys sorted; numbers as digits and exponent; server-set meta set aside; tags, security labels and
profiles of the sent record must be there, more may be; narrative compared as canonical XML.
"""

from enum import Enum
from typing import Any

from .lossless import canonical, canonical_xhtml, decode, same_value
from .record import SERVER_META

_SUPERSET = ("tag", "security", "profile")


class Verdict(Enum):
    """How what was read relates to what was sent."""

    EQUAL = "equal"
    PRECISION_CHANGED = "precision-changed"  # the same values, some with other precision
    DIFFERS = "differs"


def compare(sent: bytes, read: bytes) -> Verdict:
    """Whether what was read back is what was sent. References must already be the receiver's."""
    one, other = decode(sent), decode(read)
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
    text = rest.get("text")
    if isinstance(text, dict) and isinstance(text.get("div"), str):
        rest["text"] = {**text, "div": canonical_xhtml(text["div"])}
    return rest


def _meta_kept(sent: dict[str, Any], read: dict[str, Any]) -> bool:
    return all(
        {canonical(item) for item in sent.get(name) or []}
        <= {canonical(item) for item in read.get(name) or []}
        for name in _SUPERSET
    )
