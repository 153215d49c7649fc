"""Which rows a rule of the mappings means, and which of them are within a window."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from ..record.dates import months_before
from ..ruleset.rules import ChecklistItem, Match
from .index import Row


def meant(match: Match, row: Row) -> bool:
    """Whether a rule means a row, whatever its date."""
    return (
        row.type == match.type
        and (not match.code or not match.code.isdisjoint(row.codes))
        and (not match.category or not match.category.isdisjoint(row.categories))
        and (not match.status or row.status in match.status)
        and (not match.intent or row.intent in match.intent)
    )


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


@dataclass(frozen=True)
class Shelf:
    """Rows by type, and the instant windows are counted from."""

    by_type: dict[str, list[Row]]
    as_of: datetime

    @classmethod
    def of(cls, rows: Iterable[Row], as_of: datetime) -> "Shelf":
        """`rows` sorted onto a shelf."""
        by_type: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_type[row.type].append(row)
        return cls(dict(by_type), as_of)

    def named(self, keys: Collection[str]) -> list[Row]:
        """Rows by their keys (`Type/id`)."""
        return [row for rows in self.by_type.values() for row in rows if row.key in keys]

    def all_meant(self, matches: Iterable[Match]) -> list[Row]:
        """Rows that one of the rules means, each once, whatever their date."""
        found = {
            row.key: row
            for match in matches
            for row in self.by_type.get(match.type, ())
            if meant(match, row)
        }
        return list(found.values())

    def older(self, item: ChecklistItem) -> list[Row]:
        """The newest of each code, however old, where the item asks for it."""
        return newest_of_each_code(self.all_meant(item.match)) if item.latest_of_each_code else []

    def wanted(self, item: ChecklistItem) -> list[Row]:
        """Rows that answer a checklist item: meant by it and within its window."""
        found: dict[str, Row] = {}
        latest: list[Row] = []
        for match in item.match:
            rows = [row for row in self.by_type.get(match.type, ()) if meant(match, row)]
            window = match.window or item.window
            if window == "latest":
                latest += rows
            else:
                found |= {row.key: row for row in self._within(rows, window)}
        # `latest` is the newest of the whole item, whichever rule found it
        return list((found | {row.key: row for row in newest(latest)}).values())

    def _within(self, rows: list[Row], window: str) -> list[Row]:
        if window == "all":
            return rows
        start = months_before(self.as_of, int(window.split()[0]))
        # A record without a date may be from any time: it is not hidden for that.
        return [row for row in rows if row.when is None or row.last >= start]


def newest(rows: list[Row]) -> list[Row]:
    """The rows with the latest date (several on a tie)."""
    last = max((row.last for row in rows), default=None)
    return [row for row in rows if row.last == last]


def newest_of_each_code(rows: list[Row]) -> list[Row]:
    """The latest row of each set of codes; rows without a code stand each for itself."""
    groups: dict[object, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.codes or row.key].append(row)
    return [row for group in groups.values() for row in newest(group)]
