"""The checklist against the chart: what is there, what isn't, and why."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ...gap import ANSWERING, MENDABLE, Gap, GapKind, ItemKind
from ...request import Request
from ...store.mapped.packet import Item
from ..chart.index import Row
from ..chart.match import Shelf, holds
from ..ruleset.kinds import Kind
from ..ruleset.matching import Match
from ..ruleset.rules import Checklist, ChecklistItem, Status
from .answers import Answers

# How a search that gave nothing went: one broken search (MENDABLE) is enough, but a search that was
# never done only if all were never done. The first that applies is told.
_NEVER_DONE = (GapKind.UNSUPPORTED, GapKind.NOT_ASKED)
# What a record is that does not count, the most hopeful first.
_LESS = (ItemKind.PRELIMINARY, ItemKind.EMPTY, ItemKind.REFUTED)
_WHY = {
    ItemKind.PRESENT: "{present} there",
    ItemKind.PRELIMINARY: "only preliminary or withdrawn records ({found})",
    ItemKind.EMPTY: "records without content that can be read ({found})",
    ItemKind.REFUTED: "only records that say it is not so ({found})",
    ItemKind.SEARCHED_NONE: "searched, none found",
    ItemKind.REFUSED: "the source refused to give them",
    ItemKind.FAILED: "the source failed to give them",
    ItemKind.UNSUPPORTED: "the source does not offer them",
    ItemKind.NOT_ASKED: "not asked for",
    ItemKind.NOT_RECOGNISED: "searched; {unknown} of unknown kind: look at them",
    ItemKind.SUPPLIED: "{brought} supplied with the request",
    ItemKind.SENT_SEPARATELY: "sent another way",
}
_APART = "{present} at the source; nobody has said how they are sent (`sent_separately`)"


@dataclass(frozen=True)
class Known:
    """What the items are held against. `shelf`: what may travel, `staying`: what may not.

    `unknown`: reports, documents and images that may travel and that no kind knows.
    """

    request: Request
    shelf: Shelf
    staying: Sequence[Row]
    gaps: Sequence[Gap]
    status: Status
    answers: Answers
    unknown: Sequence[Row] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One checklist item as it was found.

    `rows` are within the window, `good` of them count as present, `older` travel but don't count.
    `evidence`: as in store.packet.Item. `partly`: searches that were refused or broke.
    """

    item: ChecklistItem
    kind: ItemKind
    why: str
    rows: tuple[Row, ...]
    good: tuple[Row, ...]
    older: tuple[Row, ...]
    evidence: tuple[str, ...]
    partly: tuple[str, ...]

    @property
    def answered(self) -> bool:
        """Whether nobody has to obtain anything."""
        none = self.kind is ItemKind.SEARCHED_NONE and self.item.none_is_an_answer
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
    items = {item.id: item for item in checklist.items}
    return [
        _assess(item, known, [items[name] for name in item.not_of if name in items])
        for item in checklist.items
    ]


def presence(row: Row, status: Status) -> ItemKind:
    """present | preliminary | empty | refuted: by what the record says, then by its content."""
    rules = status.types.get(row.type)
    if rules is not None:
        if not rules.refuted.isdisjoint(row.verification):
            return ItemKind.REFUTED
        if rules.present and row.status not in rules.present:
            return ItemKind.PRELIMINARY
        if rules.document and row.document_status and row.document_status not in rules.document:
            return ItemKind.PRELIMINARY
    return ItemKind.PRESENT if row.readable else ItemKind.EMPTY


def _rows(item: ChecklistItem, known: Known) -> tuple[list[Row], bool]:
    """The records for an item, and whether the request names them."""
    named = frozenset(getattr(known.request, item.named_by)) if item.named_by else frozenset()
    return (known.shelf.named(named), True) if named else (known.shelf.wanted(item), False)


def _assess(item: ChecklistItem, known: Known, others: Sequence[ChecklistItem]) -> Finding:
    shelf = known.shelf
    rows, named = _rows(item, known)
    elsewhere = {row.key for other in others for row in _rows(other, known)[0]}
    # An opened document may hold what answers each.
    rows = [row for row in rows if row.inside or row.key not in elsewhere]
    good = [row for row in rows if presence(row, known.status) is ItemKind.PRESENT]
    about = [[gap for gap in known.gaps if _concerns(gap, match, known)] for match in item.match]
    unknown = [] if named else unrecognised(item, known)
    kind, evidence = _kind(item, rows, good, about, known, unknown)
    return Finding(
        item=item,
        kind=kind,
        why=_why(item, kind, rows, good, about, known, named, len(unknown), elsewhere),
        rows=tuple(rows),
        good=tuple(good),
        older=() if named else tuple(row for row in shelf.older(item) if row not in rows),
        evidence=tuple(dict.fromkeys(evidence)),
        partly=tuple(
            dict.fromkeys(gap.what for found in about for gap in found if gap.kind in MENDABLE)
        ),
    )


def _kind(
    item: ChecklistItem,
    rows: Sequence[Row],
    good: Sequence[Row],
    about: Sequence[Sequence[Gap]],
    known: Known,
    unknown: Sequence[Row],
) -> tuple[ItemKind, list[str]]:
    """What the item is, and what shows it. The chart's own answer comes before people's."""
    answers, keys = known.answers, [row.key for row in good or rows]
    if good and not item.apart:
        return ItemKind.PRESENT, keys
    if brought := answers.supplied.get(item.id):
        return ItemKind.SUPPLIED, [document.reference for document in brought]
    if item.id in answers.separately:
        return ItemKind.SENT_SEPARATELY, keys
    if item.id in answers.waived:
        return ItemKind.WAIVED, keys
    if good:
        return ItemKind.NOT_ASKED, keys
    if rows:
        kinds = {presence(row, known.status) for row in rows}
        return next(kind for kind in _LESS if kind in kinds), keys
    kind, evidence = _nothing(about)
    if kind is ItemKind.SEARCHED_NONE and unknown:
        return ItemKind.NOT_RECOGNISED, [row.key for row in unknown]
    return kind, evidence


def unrecognised(item: ChecklistItem, known: Known) -> list[Row]:
    """Records of no known kind that may be what an item asks for: of its types, in its window."""
    types = {match.type for match in item.match if match.kind}
    return [
        row for row in known.unknown if row.type in types and known.shelf.within(row, item.window)
    ]


def _nothing(about: Sequence[Sequence[Gap]]) -> tuple[ItemKind, list[str]]:
    """Why nothing was found, from the gaps about each of an item's rules; without rules: slides."""
    if not about:
        return ItemKind.NOT_ASKED, []
    for kind in MENDABLE:
        if broken := [gap.what for found in about for gap in found if gap.kind == kind]:
            return ItemKind(kind), broken
    never = [[gap for gap in found if gap.kind in _NEVER_DONE] for found in about]
    if never and all(never):
        kinds = {gap.kind for found in never for gap in found}
        kind = next(kind for kind in _NEVER_DONE if kind in kinds)
        return ItemKind(kind), [gap.what for found in never for gap in found]
    return ItemKind.SEARCHED_NONE, []


def _why(
    item: ChecklistItem,
    kind: ItemKind,
    rows: Sequence[Row],
    good: Sequence[Row],
    about: Sequence[Sequence[Gap]],
    known: Known,
    named: bool,
    unknown: int,
    elsewhere: Collection[str],
) -> str:
    answers = known.answers
    if kind is ItemKind.WAIVED:
        return answers.waived[item.id]
    why = (_APART if good and kind is ItemKind.NOT_ASKED else _WHY[kind]).format(
        present=len(good),
        found=len(rows),
        brought=len(answers.supplied.get(item.id, ())),
        unknown=f"{unknown} {'record' if unknown == 1 else 'records'}",
    )
    if kind is ItemKind.PRESENT:
        broken = {
            f"{gap.what} {gap.kind}" for found in about for gap in found if gap.kind in MENDABLE
        }
        why += "".join(f"; {told}" for told in sorted(broken))
    here = {*elsewhere, *(row.key for row in rows)}
    before = [row for row in known.shelf.all_meant(item.match) if row.key not in here]
    if before and not named:
        why += f"; {len(before)} older"
    if kept := sum(any(holds(m, row) for m in item.match) for row in known.staying):
        why += f"; {kept} may not leave"
    return why


def _concerns(gap: Gap, match: Match, known: Known) -> bool:
    """Whether a gap is about a rule's records; one of another category says nothing about it."""
    categories = match.category or _categories(match.kind, known)
    return any(wanted.asked_for(match.type, categories) for wanted in gap.wanted)


def _categories(kinds: Collection[str], known: Known) -> frozenset[str]:
    """The categories under which records of these kinds stand; none: under any."""
    each = [known.kinds[name].category if name in known.kinds else None for name in kinds]
    return frozenset[str]().union(*filter(None, each)) if all(each) else frozenset()
