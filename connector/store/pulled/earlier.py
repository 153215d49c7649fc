"""The chart of the pull before, and how this one differs from it."""

from collections.abc import Iterable

from ...gap import FILES, broken_types
from ..case import gaps
from ..case.casefile import CaseFile


def begin_again(case: CaseFile, since: str) -> None:
    """Make ready for another pull: forget the plan, keep the records of the one of `since`."""
    with case.commit():
        case.execute("DELETE FROM earlier")
        case.execute("INSERT INTO earlier SELECT type, id, sha256 FROM record")
        for table in ("query", "page", "counted", "change"):
            case.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above
        gaps.forget(case)
        case.state.pulled_before = since


def keep_only(case: CaseFile, keys: Iterable[str]) -> None:
    """Drop the records that none of these queries brought; all references are looked at again."""
    kept = list(keys)
    marks = ", ".join("?" * len(kept))
    with case.commit():
        case.execute(f"DELETE FROM record WHERE query NOT IN ({marks})", kept)  # noqa: S608 - marks
        case.execute("UPDATE record SET closed = 0")
        case.execute("DELETE FROM target")
        case.execute("DELETE FROM attachment")
        # What people brought is not the source's to bring again.
        case.execute("DELETE FROM content WHERE sha256 NOT IN (SELECT sha256 FROM supplied)")


def compare_with_earlier(case: CaseFile) -> None:
    """Record what is new, corrected and gone since the pull before; nothing if there was none.

    What is not there is gone only if its type has no gap: else it may only not have been had.
    """
    if case.state.pulled_before is None:
        return
    broken = broken_types(gaps.of(case))
    unclear = FILES in broken  # may hold records of any type
    marks = ", ".join("?" * len(broken))
    with case.commit():
        case.execute("DELETE FROM change")
        case.execute(
            "INSERT INTO change SELECT type, id, iif(earlier.sha256 IS NULL, 'new', 'corrected')"
            " FROM record LEFT JOIN earlier USING (type, id)"
            " WHERE record.sha256 IS NOT earlier.sha256"
        )
        case.execute(
            "INSERT INTO change SELECT type, id, 'disappeared' FROM earlier WHERE NOT EXISTS"  # noqa: S608 - marks
            " (SELECT 1 FROM record WHERE (record.type, record.id) = (earlier.type, earlier.id))"
            f" AND type NOT IN ({marks}) AND NOT ?",
            (*sorted(broken), unclear),
        )


def changes(case: CaseFile) -> list[tuple[str, str, int]]:
    """How this pull differs from the one before: type, how, how many records."""
    rows = case.rows("SELECT type, how, count(*) FROM change GROUP BY type, how ORDER BY type, how")
    return [(str(name), str(how), int(count)) for name, how, count in rows]
