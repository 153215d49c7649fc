"""What was not taken of files, told so that somebody can find it: what, in which file, where.

Names of files often hold a patient's name. So they stand in the reason of a gap, which stays in
the case file and in what its operator asks to see, and never in what a gap is called (that goes
to one-line reports and logs) or in an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ...gap import FILES, GapKind, Wanted
from ..records import Problem

_FILES_MAX = 10  # named for one reason; the others are counted
_RANGES_MAX = 5  # of numbers in one file
_NAME_MAX = 200


class Place(NamedTuple):
    """Where something stands: `inside` says of what it is the `number`th, in the file `file`."""

    file: str
    inside: str = ""
    number: int = 0

    def within(self, inside: str, number: int) -> "Place":
        """The place of the `number`th part of what is here."""
        return Place(self.file, " ".join(filter(None, (*self._words(), inside))), number)

    def _words(self) -> tuple[str, str]:
        return (self.inside, str(self.number)) if self.inside else ("", "")


class Untaken(NamedTuple):
    """Something in the files that is not taken. `what`: the type it is about, else `files`.

    `body`: a record that can't be kept, but read: it may be another patient's.
    """

    problem: Problem
    place: Place
    what: str = FILES
    body: bytes = b""


@dataclass
class _Group:
    """All that is told for one reason. `ranges`: by file and by what is counted there."""

    count: int = 0
    left_out: int = 0
    last: str = ""
    ranges: dict[str, dict[str, list[list[int]]]] = field(default_factory=dict)

    def add(self, place: Place) -> None:
        self.count += 1
        if place.file not in self.ranges and len(self.ranges) >= _FILES_MAX:
            self.left_out += place.file != self.last
            self.last = place.file
            return
        known = self.ranges.setdefault(place.file, {})
        if place.inside not in known and len(known) >= _RANGES_MAX:
            place = Place(place.file, "…")
        ranges = known.setdefault(place.inside, [])
        if ranges and ranges[-1][1] in (place.number, place.number - 1):
            ranges[-1][1] = place.number
        elif len(ranges) <= _RANGES_MAX:  # one more than is named: there are others
            ranges.append([place.number, place.number])

    def places(self) -> str:
        named = [f"{file}{_where(inside)}" for file, inside in self.ranges.items() if file]
        if self.left_out:
            named.append(f"and {self.left_out} more files")
        return ", ".join(named)


class Told:
    """What is not taken, grouped by what it is about and why. Holds a bounded amount."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, Problem], _Group] = {}

    def add(self, untaken: Untaken) -> None:
        """One more that is not taken."""
        self._groups.setdefault((untaken.what, untaken.problem), _Group()).add(untaken.place)

    def reasons(self) -> dict[str, int]:
        """How many for each reason, without any file's name."""
        found: dict[str, int] = {}
        for (_, problem), group in self._groups.items():
            found[problem.why] = found.get(problem.why, 0) + group.count
        return found

    def gaps(self) -> Iterator[tuple[Wanted, GapKind, str]]:
        """What was wanted, kind and why of each gap, in one order."""
        for (what, problem), group in sorted(self._groups.items(), key=lambda item: item[0]):
            places = group.places()
            yield (
                Wanted(what),
                problem.kind,
                problem.why + (f" ({group.count}): {places}" if places else ""),
            )


def printable(name: str) -> str:
    """A file's name as it can be shown: nothing that moves a cursor, and not endless."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in name)
    return shown if len(shown) <= _NAME_MAX else f"{shown[:_NAME_MAX]}…"


def _where(inside: dict[str, list[list[int]]]) -> str:
    parts = []
    for unit, ranges in inside.items():
        if not unit:
            continue  # the file as a whole
        numbers = [str(a) if a == b else f"{a}-{b}" for a, b in ranges[:_RANGES_MAX]]
        more = " and more" if len(ranges) > _RANGES_MAX else ""
        parts.append("more" if unit == "…" else f"{unit} {', '.join(numbers)}{more}")
    return f" ({' and '.join(parts)})" if parts else ""
