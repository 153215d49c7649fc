"""The checklist against the chart: what is there, what isn't, and why."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..request import Request
from ..store.chart import Gap
from ..store.packet import Item
from .index import Row
from .match import Shelf, any_means
from .rules import Checklist, ChecklistItem, Match, Status

# How a search that gave nothing went, worst first: the first that applies is told.
_BROKEN = ("refused", "failed")
_NEVER_HAD = ("unsupported", "not-asked")
_WHY = {
    "present": "{present} there",
    "preliminary": "only preliminary or withdrawn records ({found})",
    "empty": "records without content that can be read ({found})",
    "searched-none": "searched, none found",
    "refused": "the source refused to give them",
    "failed": "the source failed to give them",
    "unsupported": "the source does not offer them",
    "not-asked": "not asked for",
}


@dataclass(frozen=True)
class Finding:
    """One checklist item as it was found.

    `rows` are within the window, `good` of them count as present, `older` travel but don't count.
    """

    item: ChecklistItem
    kind: str
    why: str
    rows: tuple[Row, ...]
    good: tuple[Row, ...]
    older: tuple[Row, ...] = ()

    @property
    def missing(self) -> bool:
        """Whether a required item is not there."""
        return self.item.need == "required" and self.kind != "present"

    def line(self) -> Item:
        """As the case file keeps it."""
        return Item(
            item=self.item.id,
            need=self.item.need,
            kind=self.kind,
            why=self.why,
            ask="" if self.kind == "present" else self.item.ask,
            evidence=" ".join(sorted(row.key for row in self.good or self.rows)),
        )


def assess(
    checklist: Checklist,
    request: Request,
    shelf: Shelf,
    staying: Sequence[Row],
    gaps: Sequence[Gap],
    status: Status,
) -> list[Finding]:
    """Each item of the checklist. `shelf` holds what may travel, `staying` what may not."""
    return [_assess(item, request, shelf, staying, gaps, status) for item in checklist.items]


def _assess(
    item: ChecklistItem,
    request: Request,
    shelf: Shelf,
    staying: Sequence[Row],
    gaps: Sequence[Gap],
    status: Status,
) -> Finding:
    named = frozenset(getattr(request, item.named_by)) if item.named_by else frozenset()
    rows = _named(named, shelf) if named else shelf.wanted(item)
    good = [row for row in rows if presence(row, status) == "present"]
    kind = _kind(item, rows, good, gaps, status)
    why = _WHY[kind].format(present=len(good), found=len(rows))
    older = () if named else tuple(row for row in shelf.older(item) if row not in rows)
    if before := len(shelf.all_meant(item.match)) - len(rows):
        why += f"; {before} older" if not named else ""
    if kept := sum(any_means(item.match, row) for row in staying):
        why += f"; {kept} may not leave"
    return Finding(item, kind, why, tuple(rows), tuple(good), older)


def presence(row: Row, status: Status) -> str:
    """present | preliminary | empty: by the record's status first, then by its content."""
    rules = status.types.get(row.type)
    if rules is not None:
        if rules.present and row.status not in rules.present:
            return "preliminary"
        if rules.document and row.document_status and row.document_status not in rules.document:
            return "preliminary"
    return "present" if row.readable else "empty"


def _named(keys: Collection[str], shelf: Shelf) -> list[Row]:
    return [row for rows in shelf.by_type.values() for row in rows if row.key in keys]


def _kind(
    item: ChecklistItem,
    rows: Sequence[Row],
    good: Sequence[Row],
    gaps: Sequence[Gap],
    status: Status,
) -> str:
    if good:
        return "present"
    if rows:
        kinds = {presence(row, status) for row in rows}
        return "preliminary" if "preliminary" in kinds else "empty"
    return _gap_kind(item.match, gaps)


def _gap_kind(matches: Iterable[Match], gaps: Sequence[Gap]) -> str:
    """Why nothing was found: one broken search is enough, but an unoffered one only if all are."""
    kinds = [{gap.kind for gap in gaps if _concerns(gap.what, match)} for match in matches]
    for kind in _BROKEN:
        if any(kind in found for found in kinds):
            return kind
    for kind in _NEVER_HAD:
        if kinds and all(kind in found for found in kinds):
            return kind
    return "searched-none"


def _concerns(what: str, match: Match) -> bool:
    """Whether a gap (`Observation` or `Observation?category=laboratory`) is about a rule's records.

    A gap of one record (`Observation/…`) or of another category says nothing about the rule.
    """
    if not re.match(rf"{re.escape(match.type)}(?:$|[?:\s])", what):
        return False
    category = re.search(r"[?&]category=([^&]+)", what)
    if category is None or not match.category:
        return True
    asked = set(category[1].split(","))
    return bool(asked & match.category) or bool(
        {token.rsplit("|", 1)[-1] for token in asked}
        & {token.rsplit("|", 1)[-1] for token in match.category}
    )
