"""The queries on the plan of a pull, and how far each has come: page by page."""

from collections.abc import Iterable
from dataclasses import dataclass

from ...fhir.lossless import sha256
from ..case import gaps
from ..case.casefile import CaseFile
from .chart import Record, put_record


@dataclass(frozen=True, slots=True)
class Query:
    """One search or operation of the pull. `key` is stable between runs, e.g. `Observation`."""

    key: str
    url: str
    why: str
    status: str = "open"
    next_url: str | None = None
    pages: int = 0
    matches: int = 0

    @property
    def type(self) -> str:
        """The resource type that it asks for, or the name of an operation."""
        return self.key.partition("?")[0]


def add_queries(case: CaseFile, queries: Iterable[Query]) -> None:
    """Put queries on the plan; those already there are left as they are."""
    with case.commit():
        case.executemany(
            "INSERT OR IGNORE INTO query (key, url, why) VALUES (?, ?, ?)",
            ((q.key, q.url, q.why) for q in queries),
        )


def queries(case: CaseFile, status: str | None = None) -> list[Query]:
    """The plan, in the order it was made; only those in `status` if given."""
    sql = "SELECT key, url, why, status, next_url, pages, matches FROM query"
    rows = case.rows(
        sql + (" WHERE status = ?" if status else "") + " ORDER BY rowid",
        (status,) if status else (),
    )
    return [Query(*row) for row in rows]


def progress(case: CaseFile) -> tuple[int, int]:
    """How many queries are not open any more, and how many there are."""
    found = case.row("SELECT total(status <> 'open'), count(*) FROM query")
    return (int(found[0]), int(found[1])) if found else (0, 0)


def commit_page(
    case: CaseFile,
    key: str,
    url: str,
    records: Iterable[Record],
    matches: int,
    next_url: str | None,
) -> int:
    """Store one page and where to go on, in one transaction. Returns the number of new records.

    `next_url` None ends the query. Records already there stay unless the version or content is
    another: then the later one counts, and its references are looked at again.
    """
    with case.commit():
        new = sum(put_record(case, record, key) for record in records)
        case.execute("INSERT OR IGNORE INTO page VALUES (?, ?)", (key, sha256(url.encode())))
        case.execute(
            "UPDATE query SET pages = pages + 1, matches = matches + ?, next_url = ?, status = ?"
            " WHERE key = ?",
            (matches, next_url, "open" if next_url else "done", key),
        )
    return new


def page_seen(case: CaseFile, key: str, url: str) -> bool:
    """Whether this query has already had the page at `url` (a loop of any period)."""
    return (
        case.row(
            "SELECT 1 FROM page WHERE query = ? AND url_sha256 = ?", (key, sha256(url.encode()))
        )
        is not None
    )


def ask_otherwise(case: CaseFile, query: Query) -> None:
    """Give a query that had no page yet another URL, and the reason for it."""
    with case.commit():
        case.execute(
            "UPDATE query SET url = ?, why = ? WHERE key = ?", (query.url, query.why, query.key)
        )


def split_query(case: CaseFile, key: str, parts: Iterable[Query]) -> None:
    """Ask `parts` in place of a query that had no page: it is done, without one."""
    with case.commit():
        case.execute("DELETE FROM record WHERE query = ?", (key,))  # of a pull before
        add_queries(case, parts)
        case.execute("UPDATE query SET status = 'done' WHERE key = ?", (key,))


def restart_query(case: CaseFile, key: str) -> None:
    """Ask a query from its beginning; its records stay, and those that come again are the same."""
    with case.commit():
        case.execute("DELETE FROM page WHERE query = ?", (key,))
        case.execute(
            "UPDATE query SET status = 'open', next_url = NULL, pages = 0, matches = 0"
            " WHERE key = ?",
            (key,),
        )
        case.execute(
            "UPDATE counted SET total = NULL, entries = 0,"
            " stand = iif(stand = 'settled', 'new', stand) WHERE query = ?",
            (key,),
        )


def forget_query(case: CaseFile, key: str) -> None:
    """Drop what a query brought, and let it begin again."""
    with case.commit():
        case.execute("DELETE FROM record WHERE query = ?", (key,))
        restart_query(case, key)


def fail_query(case: CaseFile, key: str) -> None:
    """Mark a query as failed (its gap says why). `reopen_failed` asks it again later."""
    with case.commit():
        case.execute("UPDATE query SET status = 'failed' WHERE key = ?", (key,))


def end_query(case: CaseFile, key: str) -> None:
    """A query that found nothing has ended well, though it had no page."""
    with case.commit():
        case.execute("UPDATE query SET status = 'done' WHERE key = ?", (key,))


def reopen_failed(case: CaseFile) -> None:
    """Let a later run ask again, from the beginning, what failed or was not had before."""
    with case.commit():
        for table in ("page", "counted"):
            case.execute(
                f"DELETE FROM {table} WHERE query IN"  # noqa: S608 - names from the line above
                " (SELECT key FROM query WHERE status = 'failed')"
            )
        case.execute(
            "UPDATE query SET status = 'open', next_url = NULL, pages = 0, matches = 0"
            " WHERE status = 'failed'"
        )
        case.execute("UPDATE target SET status = 'open' WHERE status = 'gap'")
        case.execute("UPDATE attachment SET status = 'open' WHERE status = 'gap'")
        gaps.forget(case)


def ask_whole(case: CaseFile, query: Query) -> None:
    """Ask a query for all of its records, in place of those it brought before."""
    with case.commit():
        case.execute("DELETE FROM record WHERE query = ?", (query.key,))
        ask_otherwise(case, query)
        restart_query(case, query.key)


def without_time(case: CaseFile, key: str) -> int:
    """How many records of a query do not say when they changed (meta.lastUpdated)."""
    found = case.row(
        "SELECT count(*) FROM record WHERE query = ?"
        " AND instr(body, CAST('\"lastUpdated\"' AS BLOB)) = 0",
        (key,),
    )
    return int(found[0]) if found else 0
