"""What the push step keeps: which resource was sent, where it stands, what was read back."""

from collections.abc import Iterable
from typing import NamedTuple

from .casefile import CaseFile


class Delivery(NamedTuple):
    """One resource of the packet at the destination.

    status: intended (bytes may have left) | sent (its place there is known) | verified |
    precision-changed (verified, some number with other precision) | differs | rejected.
    """

    type: str
    id: str  # derived id
    write_no: int
    target_id: str | None
    version: str | None
    sent_sha256: str | None
    read_sha256: str | None
    status: str
    note: str


_COLUMNS = "type, id, write_no, target_id, version, sent_sha256, read_sha256, status, note"


def intend(case: CaseFile, write_no: int, resources: Iterable[tuple[str, str]]) -> None:
    """Say, before bytes leave, that write `write_no` will send these (type, derived id)."""
    with case.commit():
        case.executemany(
            "INSERT INTO delivery (type, id, write_no, status) VALUES (?, ?, ?, 'intended')"
            " ON CONFLICT (type, id) DO UPDATE SET write_no = excluded.write_no,"
            " status = 'intended' WHERE status IN ('intended', 'rejected')",
            ((t, i, write_no) for t, i in resources),
        )


def settle(
    case: CaseFile, sent: Iterable[tuple[str, str, str, str | None]], status: str = "sent"
) -> None:
    """Say where resources stand: (type, derived id, id there, version there)."""
    with case.commit():
        case.executemany(
            f"UPDATE delivery SET target_id = ?, version = ?, status = '{status}', note = ''"  # noqa: S608
            " WHERE type = ? AND id = ?",
            ((target, version, t, i) for t, i, target, version in sent),
        )


def adopt(case: CaseFile, resource_type: str, resource_id: str, target_id: str) -> None:
    """Say that a resource of the packet is one that stands there already (the Patient)."""
    with case.commit():
        case.execute(
            "INSERT INTO delivery (type, id, write_no, target_id, status, note)"
            " VALUES (?, ?, 0, ?, 'verified', 'theirs: resolved, never written')"
            " ON CONFLICT (type, id) DO UPDATE SET target_id = excluded.target_id",
            (resource_type, resource_id, target_id),
        )


def reject(case: CaseFile, resource_type: str, resource_id: str, note: str) -> None:
    """Say that the destination does not take a resource. `note`: codes only."""
    with case.commit():
        case.execute(
            "UPDATE delivery SET status = 'rejected', note = ? WHERE type = ? AND id = ?",
            (note, resource_type, resource_id),
        )


def read_back(
    case: CaseFile, results: Iterable[tuple[str, str, str, str, str, str | None]]
) -> None:
    """Keep what was read: (type, derived id, status, sent sha256, read sha256, version)."""
    with case.commit():
        case.executemany(
            "UPDATE delivery SET status = ?, sent_sha256 = ?, read_sha256 = ?, version = ?"
            " WHERE type = ? AND id = ?",
            (
                (status, sent, read, version, resource_type, resource_id)
                for resource_type, resource_id, status, sent, read, version in results
            ),
        )


def deliveries(case: CaseFile, *statuses: str) -> list[Delivery]:
    """All rows, or only those in one of `statuses`, in the order they were first intended."""
    where = f" WHERE status IN ({', '.join('?' * len(statuses))})" if statuses else ""
    rows = case.rows(f"SELECT {_COLUMNS} FROM delivery{where} ORDER BY rowid", statuses)  # noqa: S608
    return [Delivery(*row) for row in rows]


def id_map(case: CaseFile) -> dict[str, str]:
    """`Type/<derived id>` → `Type/<id there>` for everything whose place there is known."""
    rows = case.rows("SELECT type, id, target_id FROM delivery WHERE target_id IS NOT NULL")
    return {f"{t}/{i}": f"{t}/{target}" for t, i, target in rows}


def next_write_no(case: CaseFile) -> int:
    """The number of the next write of this case, from 1."""
    found = case.row("SELECT coalesce(max(write_no), 0) + 1 FROM delivery")
    return int(found[0]) if found else 1
