"""The checklist against the chart: what is there, what isn't, and why."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...request import Request
from ...store.chart import Gap, parts
from ...store.packet import ANSWERING, Item
from ..chart.index import Row
from ..chart.match import Shelf, any_means
from ..ruleset.rules import Checklist, ChecklistItem, Match, Status
from .answers import Answers

# How a search that gave nothing went: one broken search is enough, but a search that was never
# done only if all were never done. The first that applies is told.
_BROKEN = ("refused", "failed")
_NEVER_DONE = ("unsupported", "not-asked")
# What a record is that does not count, the most hopeful first.
_LESS = ("preliminary", "empty", "refuted")
_WHY = {
    "present": "{present} there",
    "preliminary": "only preliminary or withdrawn records ({found})",
    "empty": "records without content that can be read ({found})",
    "refuted": "only records that say it is not so ({found})",
    "searched-none": "searched, none found",
    "refused": "the source refused to give them",
    "failed": "the source failed to give them",
    "unsupported": "the source does not offer them",
    "not-asked": "not asked for",
    "supplied": "{brought} supplied with the request",
    "sent-separately": "sent another way",
}
_APART = "{present} at the source; nobody has said how they are sent (`sent_separately`)"


@dataclass(frozen=True)
class Known:
    """What the items are held against. `shelf`: what may travel, `staying`: what may not."""

    request: Request
    shelf: Shelf
    staying: Sequence[Row]
    gaps: Sequence[Gap]
    status: Status
    answers: Answers


@dataclass(frozen=True)
class Finding:
    """One checklist item as it was found.

    `rows` are within the window, `good` of them count as present, `older` travel but don't count.
    `evidence`: as in store.packet.Item. `partly`: searches that were refused or broke.
    """

    item: ChecklistItem
    kind: str
    why: str
    rows: tuple[Row, ...]
    good: tuple[Row, ...]
    older: tuple[Row, ...]
    evidence: tuple[str, ...]
    partly: tuple[str, ...]

    @property
    def answered(self) -> bool:
        """Whether nobody has to obtain anything."""
        none = self.kind == "searched-none" and self.item.none_is_an_answer
        return none or self.kind in ANSWERING

    @property
    def missing(self) -> bool:
        """Whether it has to be there and nothing answers it."""
        return self.line().missing

    def line(self) -> Item:
        """As the case file keeps it."""
        return Item(
            item=self.item.id,
            need=self.item.need,
            kind=self.kind,
            why=self.why,
            ask="" if self.answered else self.item.ask,
            evidence="\n".join(sorted(self.evidence)),
            answered=self.answered,
        )


def assess(checklist: Checklist, known: Known) -> list[Finding]:
    """Each item of the checklist, in its order."""
    return [_assess(item, known) for item in checklist.items]


def presence(row: Row, status: Status) -> str:
    """present | preliminary | empty | refuted: by what the record says, then by its content."""
    rules = status.types.get(row.type)
    if rules is not None:
        if not rules.refuted.isdisjoint(row.verification):
            return "refuted"
        if rules.present and row.status not in rules.present:
            return "preliminary"
        if rules.document and row.document_status and row.document_status not in rules.document:
            return "preliminary"
    return "present" if row.readable else "empty"


def _assess(item: ChecklistItem, known: Known) -> Finding:
    shelf = known.shelf
    named = frozenset(getattr(known.request, item.named_by)) if item.named_by else frozenset()
    rows = shelf.named(named) if named else shelf.wanted(item)
    good = [row for row in rows if presence(row, known.status) == "present"]
    about = [[gap for gap in known.gaps if _concerns(gap.what, match)] for match in item.match]
    kind, evidence = _kind(item, rows, good, about, known)
    return Finding(
        item=item,
        kind=kind,
        why=_why(item, kind, rows, good, about, known, bool(named)),
        rows=tuple(rows),
        good=tuple(good),
        older=() if named else tuple(row for row in shelf.older(item) if row not in rows),
        evidence=tuple(dict.fromkeys(evidence)),
        partly=tuple(
            dict.fromkeys(gap.what for found in about for gap in found if gap.kind in _BROKEN)
        ),
    )


def _kind(
    item: ChecklistItem,
    rows: Sequence[Row],
    good: Sequence[Row],
    about: Sequence[Sequence[Gap]],
    known: Known,
) -> tuple[str, list[str]]:
    """What the item is, and what shows it. The chart's own answer comes before people's."""
    answers, keys = known.answers, [row.key for row in good or rows]
    if good and not item.apart:
        return "present", keys
    if brought := answers.supplied.get(item.id):
        return "supplied", [document.reference for document in brought]
    if item.id in answers.separately:
        return "sent-separately", keys
    if item.id in answers.waived:
        return "waived", keys
    if good:
        return "not-asked", keys
    if rows:
        kinds = {presence(row, known.status) for row in rows}
        return next(kind for kind in _LESS if kind in kinds), keys
    return _nothing(about)


def _nothing(about: Sequence[Sequence[Gap]]) -> tuple[str, list[str]]:
    """Why nothing was found, from the gaps about each of an item's rules; without rules: slides."""
    if not about:
        return "not-asked", []
    for kind in _BROKEN:
        if broken := [gap.what for found in about for gap in found if gap.kind == kind]:
            return kind, broken
    never = [[gap for gap in found if gap.kind in _NEVER_DONE] for found in about]
    if never and all(never):
        kinds = {gap.kind for found in never for gap in found}
        kind = next(kind for kind in _NEVER_DONE if kind in kinds)
        return kind, [gap.what for found in never for gap in found]
    return "searched-none", []


def _why(
    item: ChecklistItem,
    kind: str,
    rows: Sequence[Row],
    good: Sequence[Row],
    about: Sequence[Sequence[Gap]],
    known: Known,
    named: bool,
) -> str:
    answers = known.answers
    if kind == "waived":
        return answers.waived[item.id]
    why = (_APART if good and kind == "not-asked" else _WHY[kind]).format(
        present=len(good), found=len(rows), brought=len(answers.supplied.get(item.id, ()))
    )
    if kind == "present":
        broken = {
            f"{gap.what} {gap.kind}" for found in about for gap in found if gap.kind in _BROKEN
        }
        why += "".join(f"; {told}" for told in sorted(broken))
    if not named and (before := len(known.shelf.all_meant(item.match)) - len(rows)):
        why += f"; {before} older"
    if kept := sum(any_means(item.match, row) for row in known.staying):
        why += f"; {kept} may not leave"
    return why


def _concerns(what: str, match: Match) -> bool:
    """Whether a gap (`Observation` or `Observation?category=laboratory`) is about a rule's records.

    A gap of one record (`Observation/…`) or of another category says nothing about the rule. What
    could not be understood among files (`files`) may have been anything.
    """
    return any(_concerns_one(part, match) for part in parts(what))


def _concerns_one(what: str, match: Match) -> bool:
    if what == "files":
        return True
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
