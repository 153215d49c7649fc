"""What the receiving team is told of the checklist: what lacks, and what comes another way.

It does not tell withheld from absent, and never says "none": what was searched is unavailable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...gap import ItemKind
from ..chart.index import Row
from .answers import Answers
from .assess import Finding

_LINES_MAX = 50  # things of one item, in the task and in a section's text
_KINDS = {
    ItemKind.PRELIMINARY: "only a preliminary or withdrawn record",
    ItemKind.EMPTY: "a record without content that can be read",
    ItemKind.REFUTED: "only a record that says it is not so",
    ItemKind.REFUSED: "the source refused to give it",
    ItemKind.FAILED: "the source failed to give it",
    ItemKind.UNSUPPORTED: "the source does not offer it",
    ItemKind.NOT_RECOGNISED: "not recognised; a report of unknown kind may be it",
    ItemKind.WAIVED: "not included, by decision of the sending side",
}
_THERE = (ItemKind.PRESENT, ItemKind.SUPPLIED, ItemKind.SENT_SEPARATELY)
_NOT_SAID = "how it comes is not said yet"


@dataclass(frozen=True)
class Told:
    """Sentences. `missing` and `separately` stand in the Task, `of_item` in the item's section."""

    missing: list[str]  # what is not in the packet
    asks: list[str]  # the same, and who was asked for it
    separately: list[str]
    of_item: dict[str, list[str]]


def tell(findings: Sequence[Finding], answers: Answers, thing: Callable[[Row], str]) -> Told:
    """Put the findings in words. `thing`: one line for a record of something that is elsewhere."""
    wanting = [f for f in findings if f.missing or _left_out(f, answers)]
    missing = [_lacks(finding) for finding in wanting]
    coming = {f.item.id: _coming(f, answers, thing) for f in findings}
    return Told(
        missing=missing,
        asks=[f"{line} {f.line().ask}".strip() for line, f in zip(missing, wanting, strict=True)],
        separately=[line for lines in coming.values() for line in lines],
        of_item={f.item.id: [*_section(f, answers), *coming[f.item.id]] for f in findings},
    )


def _left_out(finding: Finding, answers: Answers) -> bool:
    """Whether the sending side decided so, and the receiving team may ask for it."""
    wanted = finding.item.need != "optional" and finding.item.id not in answers.unwanted
    return finding.kind is ItemKind.WAIVED and wanted


def _section(finding: Finding, answers: Answers) -> list[str]:
    """What a section says of an item beside its records."""
    if finding.kind is ItemKind.PRESENT and finding.partly:
        return [f"{finding.item.title}: the source did not give all of it."]
    optional = finding.item.need == "optional" and not finding.line().told
    if optional or finding.kind in _THERE:
        return []
    if finding.kind is ItemKind.WAIVED and not _left_out(finding, answers):
        return []
    return [_lacks(finding)]


def _lacks(finding: Finding) -> str:
    return f"{finding.item.title}: {_words(finding)}."


def _words(finding: Finding) -> str:
    if finding.kind is ItemKind.SEARCHED_NONE and finding.older:
        return f"none of the last {finding.item.window}, older ones are in this packet"
    return _KINDS.get(finding.kind, "not in this packet")


def _coming(finding: Finding, answers: Answers, thing: Callable[[Row], str]) -> list[str]:
    """How each thing comes that the packet can't hold, or that is sent another way."""
    item = finding.item
    if finding.kind is not ItemKind.SENT_SEPARATELY and (
        finding.answered or not (item.apart and finding.rows)
    ):
        return []
    how = answers.separately.get(item.id, _NOT_SAID)
    rows = sorted(finding.rows, key=lambda row: (row.last, row.key), reverse=True)
    if not (item.apart and rows):
        return [f"{item.title}: {how}"]
    lines = [f"{item.title}: {thing(row)}: {how}" for row in rows[:_LINES_MAX]]
    if len(rows) > _LINES_MAX:
        lines.append(f"{item.title}: and {len(rows) - _LINES_MAX} more: {how}")
    return lines
