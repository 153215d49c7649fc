"""Identifiers as (system, value): one that has no system names nobody. Pure."""

from typing import Any

from .lossless import decode, members
from .shapes import objects_in


def identifiers(body: bytes) -> frozenset[tuple[str, str]]:
    """The (system, value) pairs that a resource carries, blanks around them set aside."""
    top = members(body)
    return frozenset(pairs(decode(top["identifier"])) if "identifier" in top else ())


def pairs(value: Any) -> list[tuple[str, str]]:
    """Of the `identifier` of a resource or a Reference, decoded: those with system and value."""
    found = []
    for item in objects_in(value):
        system, number = item.get("system"), item.get("value")
        if isinstance(system, str) and isinstance(number, str) and system.strip():
            found.append((system.strip(), number.strip()))
    return found
