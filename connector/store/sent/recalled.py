"""What became of each resource of a packet that was recalled."""

from collections.abc import Iterable
from typing import NamedTuple

from ..case.casefile import CaseFile


class Recalled(NamedTuple):
    """One resource.

    fate: going (its deletion may have left) | deleted (by us) | gone (it was not there any more) |
    marked (emptied, entered in error) | kept (it is not only this case's) | remains (a person has
    to see to it). `why`: our words and codes.
    """

    type: str
    id: str  # derived id
    place: str  # Type/id there
    fate: str
    why: str


def keep(case: CaseFile, rows: Iterable[Recalled]) -> None:
    """Put rows in place of what was said of these resources."""
    with case.commit():
        case.executemany("INSERT OR REPLACE INTO recalled VALUES (?, ?, ?, ?, ?)", rows)


def recalled(case: CaseFile) -> list[Recalled]:
    """Every row, by type and place."""
    rows = case.rows("SELECT type, id, place, fate, why FROM recalled ORDER BY type, place")
    return [Recalled(*row) for row in rows]
