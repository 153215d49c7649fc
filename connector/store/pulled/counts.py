"""How many records a query has by the source's own count, next to how many entries came of it."""

from typing import NamedTuple

from ..case.casefile import CaseFile


class Count(NamedTuple):
    """A query that ended well and was not looked at yet.

    `total`: the least that its pages stated, None if none did. `again`: it was asked twice.
    """

    key: str
    url: str
    pages: int
    total: int | None
    entries: int
    again: int


def note(case: CaseFile, key: str, total: int | None, entries: int) -> None:
    """Count one page of a query, inside `case.commit()`.

    Of totals that differ from page to page the least counts: records come while they are read.
    """
    case.execute(
        "INSERT INTO counted (query, total, entries) VALUES (?, ?, ?) ON CONFLICT (query)"
        " DO UPDATE SET entries = entries + excluded.entries,"
        " total = min(ifnull(total, excluded.total), ifnull(excluded.total, total))",
        (key, total, entries),
    )


def unsettled(case: CaseFile) -> list[Count]:
    """The counts that nobody looked at since their query ended."""
    rows = case.rows(
        "SELECT key, url, pages, total, entries, stand = 'again'"
        " FROM counted JOIN query ON key = query"
        " WHERE status = 'done' AND stand <> 'settled' ORDER BY query.rowid"
    )
    return [Count(*row) for row in rows]


def settle(case: CaseFile, keys: list[str]) -> None:
    """These counts need no more looking at, until their query is asked anew."""
    with case.commit():
        case.executemany(
            "UPDATE counted SET stand = 'settled' WHERE query = ?", ((key,) for key in keys)
        )


def mark_again(case: CaseFile, key: str) -> None:
    """The query is about to be asked a second time."""
    with case.commit():
        case.execute("UPDATE counted SET stand = 'again' WHERE query = ?", (key,))
