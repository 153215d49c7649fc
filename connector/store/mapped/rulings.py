"""What a person decided of single records: to let one leave, or to keep it. Patient data."""

from typing import NamedTuple

from ..case.casefile import CaseFile


class Ruling(NamedTuple):
    """One record (`Type/id` at the source), what becomes of it, who said so and why."""

    record: str
    how: str  # release | keep
    by: str
    reason: str  # stays in the case file
    at: str  # FHIR instant


def rule(case: CaseFile, ruling: Ruling) -> None:
    """Keep a ruling in place of an earlier one on the record."""
    with case.commit():
        case.execute("INSERT OR REPLACE INTO ruling VALUES (?, ?, ?, ?, ?)", ruling)


def forget_ruling(case: CaseFile, record: str) -> bool:
    """Forget the ruling on a record; False if there was none."""
    with case.commit():
        return case.execute("DELETE FROM ruling WHERE record = ?", (record,)) > 0


def rulings(case: CaseFile) -> list[Ruling]:
    """Every ruling, by record."""
    rows = case.rows("SELECT record, how, ruled_by, reason, at FROM ruling ORDER BY record")
    return [Ruling(*row) for row in rows]
