"""Which rows a rule of the mappings means, and which of them are within a window."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ..record.dates import months_before
from ..ruleset.matching import Match
from ..ruleset.rules import ChecklistItem, Safety
from .about_condition import AboutCondition
from .index import Row

_OVER = ("resolved", "inactive", "remission")  # clinicalStatus of a Condition


def meant(match: Match, row: Row) -> bool:
    """Whether a rule means a row, whatever its date and whatever it is about."""
    return (
        row.type == match.type
        and (not match.code or not match.code.isdisjoint(row.codes))
        and (not match.category or not match.category.isdisjoint(row.categories))
        and (not match.kind or not match.kind.isdisjoint(row.kinds))
        and match.not_kind.isdisjoint(row.kinds)
        and (not match.status or row.status in match.status)
        and (not match.intent or row.intent in match.intent)
        and (not match.own_words or row.own_words)
    )


def holds(match: Match, row: Row) -> bool:
    """Whether a rule means a row, or what stands in its documents."""
    return meant(match, row) or any(meant(match, each) for each in row.inside)


def stands_in(words: Iterable[str], text: str) -> bool:
    """Whether one of several words or phrases stands in a text, whole, in any case."""
    text = text.casefold()
    return any(
        word in text and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)
        for word in map(str.casefold, words)
    )


def any_means(matches: Iterable[Match], row: Row) -> bool:
    """Whether one of several rules means a row."""
    return any(meant(match, row) for match in matches)


def is_safety(safety: Safety, row: Row, at: datetime) -> bool:
    """Whether a rule of the safety set means a record, at the case's `as_of`."""
    months = safety.within_months
    if months and row.when is not None and _ended(row) < months_before(at, months):
        return False
    if any_means(safety.match, row):
        return not safety.supply or (row.supplied_until is not None and row.supplied_until >= at)
    if any_means(safety.worded, row) and stands_in(safety.words, row.title):
        return True
    return not safety.sensitive.isdisjoint(row.sensitive) and row.status not in _OVER


def _ended(row: Row) -> datetime:
    """When what a record tells ended: an order lasts longer than the day it was written."""
    return max(row.last, row.supplied_until or row.last)


@dataclass(frozen=True)
class Shelf:
    """Rows by type, the instant windows are counted from, and what is about the condition."""

    by_type: Mapping[str, list[Row]]
    as_of: datetime
    about: AboutCondition = field(default_factory=AboutCondition)
    opened: tuple[Row, ...] = ()  # those in which records stand

    @classmethod
    def of(
        cls, rows: Iterable[Row], as_of: datetime, about: AboutCondition | None = None
    ) -> "Shelf":
        """`rows` sorted onto a shelf."""
        by_type: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_type[row.type].append(row)
        opened = tuple(row for found in by_type.values() for row in found if row.inside)
        return cls(dict(by_type), as_of, about or AboutCondition(), opened)

    def rows(self) -> Iterable[Row]:
        """Every row."""
        return (row for rows in self.by_type.values() for row in rows)

    def named(self, keys: Collection[str]) -> list[Row]:
        """Rows by their keys (`Type/id`)."""
        return [row for row in self.rows() if row.key in keys]

    def all_meant(self, matches: Iterable[Match]) -> list[Row]:
        """Rows that one of the rules means, each once, whatever their date."""
        return list({row.key: row for match in matches for row in self._meant(match)}.values())

    def safety(self, rule: Safety) -> list[Row]:
        """Rows that a rule of the safety set means."""
        types = {match.type for match in (*rule.match, *rule.worded)}
        asked = self.rows() if rule.sensitive else (
            row for name in types for row in self.by_type.get(name, ())
        )  # fmt: skip
        found = [row for row in asked if is_safety(rule, row, self.as_of)]
        return newest_of_each_kind(found) if rule.latest else found

    def older(self, item: ChecklistItem) -> list[Row]:
        """The newest of each code, however old, where the item asks for it."""
        return newest_of_each_code(self.all_meant(item.match)) if item.latest_of_each_code else []

    def wanted(self, item: ChecklistItem) -> list[Row]:
        """Rows that answer a checklist item: meant by it and within its window."""
        found: dict[str, Row] = {}
        latest: dict[str, Row] = {}
        for match in item.match:
            rows = self._meant(match)
            window = match.window or item.window
            if window == "latest":
                latest |= {row.key: row for row in rows}
            else:
                found |= {row.key: row for row in rows if self.within(row, window)}
        # `latest` is of the whole item, whichever rule found it
        newest = newest_of_each_kind(list(latest.values()))
        found |= {row.key: row for row in newest}
        found |= {row.key: row for row in self._opened(item, bool(found))}
        return list(found.values())

    def _opened(self, item: ChecklistItem, answered: bool) -> list[Row]:
        """Rows in whose documents an answer stands.

        What has no kind (any medication, say) stands in every letter: it is looked for there only
        where no record answers.
        """
        return [
            row
            for row in self.opened
            if any(
                (match.kind or not answered)
                and self.within(row, match.window or item.window)
                and any(
                    meant(match, each) and self.about.fits(each, match.about) for each in row.inside
                )
                for match in item.match
            )
        ]

    def within(self, row: Row, window: str) -> bool:
        """Whether a row is within a window. One without a date may be from any time: it is."""
        if window in ("all", "latest") or row.when is None:
            return True
        return row.last >= months_before(self.as_of, int(window.split()[0]))

    def _meant(self, match: Match) -> list[Row]:
        return [
            row
            for row in self.by_type.get(match.type, ())
            if meant(match, row) and self.about.fits(row, match.about)
        ]


def newest_of_each_kind(rows: list[Row]) -> list[Row]:
    """The latest row of each set of kinds (several on a tie); without a kind, of each code."""
    return _newest_of_each(rows, lambda row: frozenset(row.kinds) or row.codes or row.key)


def newest_of_each_code(rows: list[Row]) -> list[Row]:
    """The latest row of each set of codes; rows without a code stand each for itself."""
    return _newest_of_each(rows, lambda row: row.codes or row.key)


def _newest_of_each(rows: list[Row], group: Callable[[Row], object]) -> list[Row]:
    groups: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        groups[group(row)].append(row)
    last = {name: max(row.last for row in found) for name, found in groups.items()}
    return [row for name, found in groups.items() for row in found if row.last == last[name]]
