"""References as the records have them, and what became of each; which records were walked for them.

Open: not settled yet; had: its record is in the chart; gap: it is not, and a gap says why. Who
changes rows does it inside `case.commit()`.
"""

from collections.abc import Collection, Iterable

from ..case.casefile import CaseFile

Target = tuple[str, str, str]  # reference as written, type and id that it comes to


def add(case: CaseFile, targets: Iterable[Target]) -> None:
    """Put references on the list; those already there are left as they are."""
    case.executemany("INSERT OR IGNORE INTO target VALUES (?, ?, ?, 'open')", targets)


def unsettled(case: CaseFile) -> list[Target]:
    """The references that are open."""
    rows = case.rows("SELECT reference, type, id FROM target WHERE status = 'open'")
    return [(str(reference), str(t), str(i)) for reference, t, i in rows]


def had(case: CaseFile, references: Iterable[str], resource_type: str, resource_id: str) -> None:
    """Say to which record of the chart these come."""
    case.executemany(
        "INSERT INTO target VALUES (?, ?, ?, 'had') ON CONFLICT (reference)"
        " DO UPDATE SET type = excluded.type, id = excluded.id, status = 'had'",
        ((reference, resource_type, resource_id) for reference in references),
    )


def keep(case: CaseFile, resource_type: str, resource_id: str) -> None:
    """Keep a record to which nothing refers, and what it refers to."""
    key = f"{resource_type}/{resource_id}"
    case.execute(
        "INSERT OR IGNORE INTO target VALUES (?, ?, ?, 'had')", (key, resource_type, resource_id)
    )


def give_up(case: CaseFile, reference: str) -> None:
    """Say that a reference comes to nothing that can be had."""
    case.execute("UPDATE target SET status = 'gap' WHERE reference = ?", (reference,))


def lost(case: CaseFile, resource_type: str, resource_id: str) -> None:
    """Say of everything that comes to a record that it is a gap now."""
    case.execute(
        "UPDATE target SET status = 'gap' WHERE type = ? AND id = ?", (resource_type, resource_id)
    )


def drop(case: CaseFile, reference: str) -> None:
    """Forget a reference that is not to be followed."""
    case.execute("DELETE FROM target WHERE reference = ?", (reference,))


def settle_known(case: CaseFile) -> None:
    """Settle what needs no asking: records that are there, and other spellings of a settled one."""
    case.execute(
        "UPDATE target SET status = 'had' WHERE status = 'open' AND EXISTS"
        " (SELECT 1 FROM record WHERE record.type = target.type AND record.id = target.id)"
    )
    case.execute(
        "UPDATE target SET status = 'gap' WHERE status = 'open' AND EXISTS"
        " (SELECT 1 FROM target AS plain WHERE plain.status = 'gap'"
        " AND plain.reference = target.type || '/' || target.id)"
    )


def tried(case: CaseFile, query: str) -> int:
    """How many references were followed: what `query` brought, and what is a gap."""
    found = case.row(
        "SELECT (SELECT count(*) FROM record WHERE query = ?)"
        " + (SELECT count(*) FROM target WHERE status = 'gap')",
        (query,),
    )
    return int(found[0]) if found else 0


def resolved(case: CaseFile, resource_type: str | None = None) -> dict[str, str]:
    """Reference as written → `Type/id` of the record that it comes to; of one type if asked."""
    sql = "SELECT reference, type, id FROM target WHERE status = 'had'"
    only = (resource_type,) if resource_type else ()
    rows = case.rows(sql + " AND type = ?" * len(only), only)
    return {str(reference): f"{t}/{i}" for reference, t, i in rows}


def unwalked(case: CaseFile, own_types: Collection[str], most: int) -> list[tuple[str, str]]:
    """Keys of up to `most` records not walked yet: of `own_types`, or referred to."""
    marks = ", ".join("?" * len(own_types))
    rows = case.rows(
        "SELECT type, id FROM record WHERE closed = 0"  # noqa: S608 - marks
        f" AND (type IN ({marks}) OR EXISTS"
        " (SELECT 1 FROM target WHERE reference = record.type || '/' || record.id)) LIMIT ?",
        (*own_types, most),
    )
    return [(str(t), str(i)) for t, i in rows]


def walked(case: CaseFile, keys: Iterable[tuple[str, str]]) -> None:
    """Say of these records that all they refer to is on the list."""
    case.executemany("UPDATE record SET closed = 1 WHERE type = ? AND id = ?", keys)


def drop_unreached(case: CaseFile, own_types: Collection[str]) -> None:
    """Drop the records that are neither of `own_types` nor referred to by the chart."""
    marks = ", ".join("?" * len(own_types))
    case.execute(
        f"DELETE FROM record WHERE closed = 0 AND type NOT IN ({marks})",  # noqa: S608 - marks
        own_types,
    )
