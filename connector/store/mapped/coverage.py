"""What the map step changed in the records that travel, and what became of their elements."""

from collections.abc import Iterable
from typing import NamedTuple

from ..case.casefile import CaseFile


class Line(NamedTuple):
    """What became of one element path. `carried`: records; the others: how often, in all of them.

    `untranslated`: codes that a ConceptMap was asked for and did not know; they travel as they are.
    """

    path: str
    carried: int
    translated: int
    changed: int
    dropped: int
    untranslated: int


class Changed(NamedTuple):
    """One rule changed one element path of one record (`type` and `id` at the source)."""

    type: str
    id: str
    rule: str
    path: str
    what: str  # translated | changed | dropped


def replace_coverage(case: CaseFile, lines: Iterable[Line], changed: Iterable[Changed]) -> None:
    """Put what the packet's records went through in place of what was there."""
    with case.commit():
        case.execute("DELETE FROM coverage")
        case.execute("DELETE FROM changed")
        case.executemany("INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?)", lines)
        case.executemany("INSERT INTO changed VALUES (?, ?, ?, ?, ?)", changed)


def totals(case: CaseFile) -> dict[str, int] | None:
    """The counts of all element paths together; None before the packet is made."""
    names = Line._fields[1:]
    sums = ", ".join(f"sum({name})" for name in names)
    found = case.row(f"SELECT {sums} FROM coverage")  # noqa: S608 - names of the columns
    if found is None or found[0] is None:
        return None
    return dict(zip(names, found, strict=True))


def changes(case: CaseFile) -> list[tuple[str, str, str, int]]:
    """What each rule changed: rule, element path, what it did, in how many records."""
    rows = case.rows(
        "SELECT rule, path, what, count(*) FROM changed GROUP BY rule, path, what"
        " ORDER BY rule, path, what"
    )
    return [(str(rule), str(path), str(what), int(count)) for rule, path, what, count in rows]


def lines(case: CaseFile) -> list[Line]:
    """The counts by element path."""
    return [Line(*row) for row in case.rows("SELECT * FROM coverage ORDER BY path")]


def changed(case: CaseFile) -> list[Changed]:
    """What rules changed, by record."""
    return [
        Changed(*row) for row in case.rows("SELECT * FROM changed ORDER BY type, id, rule, path")
    ]
