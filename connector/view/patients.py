"""Two records of a patient side by side, as text: for the person who says which one is right."""

from collections.abc import Iterator
from typing import Any

# What tells people apart, in the order in which one looks; other elements are not shown.
_ELEMENTS = (
    "name", "birthDate", "gender", "multipleBirthBoolean", "multipleBirthInteger",
    "deceasedBoolean", "deceasedDateTime", "identifier", "telecom", "address", "active", "link",
)  # fmt: skip


def side_by_side(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """A line for each value, ours and theirs; `*` marks elements that are not written alike."""
    lines = [f"    {'':17}{'here':44}there"]
    for element in _ELEMENTS:
        here, there = _texts(ours.get(element)), _texts(theirs.get(element))
        mark = " " if here == there else "*"
        for number in range(max(len(here), len(there))):
            label = f"{mark} {element}" if number == 0 else mark
            values = (here[number : number + 1] or [""], there[number : number + 1] or [""])
            lines.append(f"  {label:19}{values[0][0]:44}{values[1][0]}".rstrip())
    return lines


def title(number: int, row: dict[str, Any]) -> list[str]:
    """One record to choose, by its `patient`, `found`, `differs` and `refused`: no values."""
    differs = ", ".join(row["differs"]) or "nothing"
    compared = f"; differs in: {differs}" if row["patient"].startswith("Patient/") else ""
    lines = [f"{number}. {row['patient']}: {row['found']}{compared}"]
    return lines + ([f"   can't be chosen: {row['refused']}"] if row["refused"] else [])


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [" ".join(_leaves(item)) for item in items if item is not None]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        # What another server wrote must not steer our terminal.
        yield "".join(c if c.isprintable() else "?" for c in str(value))
