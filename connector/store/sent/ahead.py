"""Attachments that go ahead of their entry as Binary resources."""

from collections.abc import Iterable

from ..case.casefile import CaseFile

Ahead = tuple[str, str, str, int]  # id of the Binary; type and id of the entry; which of its data


def add(case: CaseFile, found: Iterable[Ahead]) -> None:
    """Say that these go ahead, inside `case.commit()`."""
    case.executemany("INSERT OR IGNORE INTO parcel VALUES (?, ?, ?, ?)", found)


def listed(case: CaseFile) -> list[Ahead]:
    """All that go ahead, in the order of the attachments of each entry."""
    rows = case.rows("SELECT id, type, entry_id, number FROM parcel ORDER BY number")
    return [(str(id_), str(t), str(entry), int(number)) for id_, t, entry, number in rows]


def found(case: CaseFile, id_: str) -> Ahead | None:
    """One by the id of its Binary."""
    row = case.row("SELECT id, type, entry_id, number FROM parcel WHERE id = ?", (id_,))
    return (str(row[0]), str(row[1]), str(row[2]), int(row[3])) if row else None
