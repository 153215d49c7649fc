"""What was wanted and not had, as a value; and the kinds of gaps and of checklist items. Pure.

A gap is made where it is found and put in words here alone: nobody reads its text to learn what it
is about.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class GapKind(StrEnum):
    """Why something wanted was not had."""

    SEARCHED_NONE = "searched-none"
    REFUSED = "refused"  # the source says no, or a rule of our own does
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    REJECTED = "rejected"  # by the destination
    NOT_ASKED = "not-asked"


class ItemKind(StrEnum):
    """How an item of a checklist was found. Where there is nothing, the kind of its gap."""

    PRESENT = "present"
    PRELIMINARY = "preliminary"
    EMPTY = "empty"
    REFUTED = "refuted"
    SEARCHED_NONE = GapKind.SEARCHED_NONE.value
    REFUSED = GapKind.REFUSED.value
    FAILED = GapKind.FAILED.value
    UNSUPPORTED = GapKind.UNSUPPORTED.value
    NOT_ASKED = GapKind.NOT_ASKED.value
    NOT_RECOGNISED = "not-recognised"  # nothing found, and records that nobody knows may be it
    SUPPLIED = "supplied"
    SENT_SEPARATELY = "sent-separately"
    WAIVED = "waived"


# Of these, another pull may mend what it is.
MENDABLE = (GapKind.REFUSED, GapKind.FAILED)
# Something offered was not had: these alone make a case incomplete.
BROKEN = (*MENDABLE, GapKind.REJECTED)
# These answer an item. `searched-none` does only where the checklist says so.
ANSWERING = (ItemKind.PRESENT, ItemKind.SUPPLIED, ItemKind.SENT_SEPARATELY, ItemKind.WAIVED)

FILES = "files"  # in place of a type: what may be of any type
_BETWEEN = ", "


class Wanted(NamedTuple):
    """What was wanted: a type, what one search of it asks for, or single things.

    `type`: a resource type, or the name of what has none (an operation, `files`, `attachment`).
    `criteria`: of the search, as in its key (`category=laboratory`). `number` things in a `role`
    (`referenced`); 0: `role` says which without counting.
    """

    type: str
    criteria: str = ""
    role: str = ""
    number: int = 0

    @classmethod
    def of_query(cls, key: str) -> "Wanted":
        """What a query of the pull brings: by its key, without the number of a batch."""
        name, _, criteria = key.partition("?batch=")[0].partition("?")
        return cls(name, criteria)

    def __str__(self) -> str:
        name = f"{self.type}?{self.criteria}" if self.criteria else self.type
        role = f"{self.number} {self.role}" if self.number else self.role
        return f"{name} ({role})" if role else name

    def asked_for(self, resource_type: str, categories: Collection[str]) -> bool:
        """Whether records of a type may be among it; of these categories (tokens) if given."""
        if self.type == FILES:
            return True
        if self.type != resource_type:
            return False
        said = (each.partition("=") for each in self.criteria.split("&"))
        asked = {token for name, _, v in said if name == "category" for token in v.split(",")}
        return not (asked and categories) or not _codes(asked).isdisjoint(_codes(categories))


@dataclass(frozen=True, slots=True)
class Gap:
    """Something wanted and not had. `expected`: the operator listed it in `expected_gaps`.

    `wanted`: several, if one answer was given for them all. `reasons` are safe to print: no
    patient data.
    """

    wanted: tuple[Wanted, ...]
    kind: GapKind
    reasons: tuple[str, ...]
    expected: bool = False

    @property
    def what(self) -> str:
        """What was wanted, in words."""
        return _BETWEEN.join(map(str, self.wanted))

    @property
    def why(self) -> str:
        """The reasons, in words."""
        return "; ".join(self.reasons)

    @property
    def types(self) -> frozenset[str]:
        """The types it is about."""
        return frozenset(each.type for each in self.wanted)


def broken_types(gaps: Iterable[Gap]) -> frozenset[str]:
    """Types of which something was offered and not had."""
    return frozenset[str]().union(*(gap.types for gap in gaps if gap.kind in BROKEN))


def read(text: str) -> tuple[Wanted, ...]:
    """What a gap was about, of the words by which older case files kept it."""
    return tuple(map(_read_one, text.split(_BETWEEN)))


def _read_one(text: str) -> Wanted:
    name, _, role = text.partition(" (")
    wanted, role = Wanted.of_query(name), role.removesuffix(")")
    number, _, counted = role.partition(" ")
    if number.isdigit():
        return wanted._replace(role=counted, number=int(number))
    return wanted._replace(role=role)


def _codes(tokens: Collection[str]) -> set[str]:
    return {token.rsplit("|", 1)[-1] for token in tokens}
