"""What people said of checklist items: supplied, sent another way, done without."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...request import Request
from ...settings import Destination
from ...store.mapped.answers import Waiver
from ..ruleset.rules import Checklist, ChecklistItem, Selection
from .supplied import Document


@dataclass(frozen=True)
class Answers:
    """By item: documents brought, how the thing itself comes, why nobody waits for it.

    `unwanted`: items that the receiving team does not want. It need not be told of them.
    """

    supplied: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    separately: Mapping[str, str] = field(default_factory=dict)
    waived: Mapping[str, str] = field(default_factory=dict)
    unwanted: frozenset[str] = frozenset()


def answers(
    checklist: Checklist,
    request: Request,
    destination: Destination,
    selection: Selection,
    supplied: Iterable[Document],
    waivers: Iterable[Waiver],
) -> Answers:
    """Put together what the request, the case file and the destination say.

    `UsageError` if one of them names an item that the checklist does not have.
    """
    known_items(checklist, request)
    brought: dict[str, list[Document]] = {}
    for document in supplied:
        brought.setdefault(document.said.item, []).append(document)
    unwanted = frozenset(
        item.id
        for item in checklist.items
        if destination.accepts.images == "reports" and _is_images(item, selection)
    )
    waived = dict.fromkeys(unwanted, "the receiving team takes reports only")
    for waiver in waivers:
        checklist.named(waiver.item, "an item is waived that")
        waived[waiver.item] = f"waived by {waiver.by}, {waiver.at[:10]}"
    separately = {said.item: said.how for said in request.sent_separately}
    return Answers(brought, separately, waived, unwanted)


def known_items(checklist: Checklist, request: Request) -> None:
    """`UsageError` if the request names an item that its checklist does not have."""
    for position, said in enumerate(request.sent_separately, 1):
        checklist.named(said.item, f"sent_separately, number {position}: an item that")


def _is_images(item: ChecklistItem, selection: Selection) -> bool:
    return bool(item.match) and all(match.type in selection.images for match in item.match)
