"""In person, online or in writing: what we say to the people who plan the meeting.

Advice, never a refusal. In person is preferred; an opinion from afar stands on the records alone,
so it fits when the case hinges on one image, slide or test, and that is complete.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...request import Request
from ..chart.index import Row
from ..chart.match import any_means
from ..ruleset.rules import Advice, Status
from .assess import Finding, presence


@dataclass(frozen=True)
class Amount:
    """How much leaves: records, and how many years they span."""

    records: int
    years: int

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Amount":
        """Of the records that leave."""
        rows = list(rows)
        years = [int(row.written[:4]) for row in rows if row.when] or [0]
        return cls(len(rows), max(years) - min(years) + 1)

    def __str__(self) -> str:
        # Not the years themselves: the first is often that of birth.
        span = "one year" if self.years == 1 else f"{self.years} years"
        return f"The packet holds {self.records} records of {span}."


def advise(
    request: Request,
    rules: Advice,
    hinge: Sequence[Row],
    findings: Sequence[Finding],
    status: Status,
    free: Iterable[Row],
    amount: Amount,
) -> str:
    """The advice with its reason, and how much there is to read. `free`: records that may leave."""
    surgery = request.surgery
    if surgery is None:
        surgery = any(any_means(rules.surgery, row) for row in free)
    return f"{_reason(rules, hinge, findings, status, amount, surgery=surgery)} {amount}"


def _reason(
    rules: Advice,
    hinge: Sequence[Row],
    findings: Sequence[Finding],
    status: Status,
    amount: Amount,
    *,
    surgery: bool,
) -> str:
    missing = sum(finding.missing for finding in findings)
    unfinished = sum(not _complete(row, findings, status) for row in hinge)
    if not hinge:
        return (
            "In person: the request names no record on which the opinion hinges (`hinge`), so "
            "nobody can say that the records alone are enough."
        )
    if unfinished:
        return (
            f"In person: {unfinished} of {len(hinge)} records on which the opinion hinges "
            "are not final, have no content, or are images of which nobody said how they come."
        )
    if surgery:
        return "In person: surgery is planned, and whoever would operate examines first."
    if len(hinge) > rules.hinge_max:
        return (
            f"In person is preferred: the opinion hinges on {len(hinge)} records, not on one "
            "image, slide or test. All of them are final and readable, so online is possible."
        )
    if missing:
        return (
            f"In person, or online once the rest is there: {missing} required "
            f"{'item is' if missing == 1 else 'items are'} missing."
        )
    complete = "what the opinion hinges on is final and readable, and nothing required is missing."
    if amount.records > rules.written_records_max or amount.years > rules.written_years_max:
        return f"Online rather than in writing, for there is much to talk about: {complete}"
    return f"Online or in writing is possible: {complete}"


def _complete(row: Row, findings: Sequence[Finding], status: Status) -> bool:
    """Whether a hinge record is final and readable, and the thing itself comes if it is apart."""
    apart = [f for f in findings if f.item.apart and row in f.rows]
    comes = not apart or any(f.answered for f in apart)
    return comes and presence(row, status) == "present"
