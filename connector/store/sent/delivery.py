"""What the push step keeps: which resource was sent, where it stands, what was read back."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ..case.casefile import CaseFile


class Delivery(NamedTuple):
    """One resource of the packet at the destination.

    status: intended (bytes may have left) | sent (its place there is known) | accepted (the
    destination took it and grants no reading) | verified | form-changed (verified, some value
    written in another form) | precision-changed (verified, some number with other precision) |
    differs | rejected | theirs (changed there, and left so) | removed (deleted there, and not sent
    again).
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


# Statuses of what was read back as it was to arrive.
ARRIVED = ("verified", "form-changed", "precision-changed")
_SETTLED = (*ARRIVED, "accepted", "rejected", "theirs", "removed")

# The note of a resource that was there before we wrote: an earlier case brought it.
STOOD = "stood there already"

_WORDS_MAX = 1_000_000  # bytes of one answer that are kept


def intend(
    case: CaseFile,
    write_no: int,
    resources: Iterable[tuple[str, str]],
    unfinished: Mapping[tuple[str, str], Collection[str]] | None = None,
) -> None:
    """Say, before bytes leave, that write `write_no` will send these (type, derived id).

    `unfinished`: those of them that leave without references to the keys named.
    """
    with case.commit():
        incomplete(case, unfinished or {})
        case.executemany(
            "INSERT INTO delivery (type, id, write_no, status) VALUES (?, ?, ?, 'intended')"
            " ON CONFLICT (type, id) DO UPDATE SET write_no = excluded.write_no,"
            " status = 'intended' WHERE status IN ('intended', 'rejected')",
            ((t, i, write_no) for t, i in resources),
        )


def settle(
    case: CaseFile, sent: Iterable[tuple[str, str, str, str | None]], note: str = ""
) -> None:
    """Say where resources stand: (type, derived id, id there, version there)."""
    with case.commit():
        case.executemany(
            "UPDATE delivery SET target_id = ?, version = ?, status = 'sent', note = ?"
            " WHERE type = ? AND id = ?",
            ((target, version, note, t, i) for t, i, target, version in sent),
        )


def incomplete(case: CaseFile, missing: Mapping[tuple[str, str], Collection[str]]) -> None:
    """Say that these (type, derived id) stand there without references to the keys named."""
    with case.commit():
        case.executemany(
            "INSERT OR REPLACE INTO unfinished VALUES (?, ?, ?)",
            ((t, i, json.dumps(sorted(keys))) for (t, i), keys in missing.items()),
        )


def finish(case: CaseFile, resources: Iterable[tuple[str, str]]) -> None:
    """Say that these (type, derived id) stand there with all their references."""
    with case.commit():
        case.executemany("DELETE FROM unfinished WHERE type = ? AND id = ?", resources)


def unfinished(case: CaseFile) -> dict[str, list[str]]:
    """`Type/<derived id>` of what left in a first form → the keys it does not refer to yet."""
    rows = case.rows("SELECT type, id, missing FROM unfinished")
    return {f"{t}/{i}": json.loads(missing) for t, i, missing in rows}


def keep_words(case: CaseFile, write_no: int, status: int, body: bytes) -> None:
    """Keep what the destination said about a write: it may hold patient data, no log gets it."""
    with case.commit():
        case.execute("INSERT INTO answer VALUES (?, ?, ?)", (write_no, status, body[:_WORDS_MAX]))


def moved(case: CaseFile, resource_type: str, resource_id: str, version: str | None) -> None:
    """Say that a later write of ours made another version of a resource."""
    with case.commit():
        case.execute(
            "UPDATE delivery SET version = ? WHERE type = ? AND id = ?",
            (version, resource_type, resource_id),
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


def forget(case: CaseFile, resource_type: str, resource_id: str, *, also_sent: bool) -> None:
    """Forget a resource that was adopted, or (`also_sent`) whatever became of it. In a commit."""
    case.execute(
        "DELETE FROM delivery WHERE type = ? AND id = ? AND (write_no = 0 OR ?)",
        (resource_type, resource_id, also_sent),
    )


def settled(case: CaseFile) -> bool:
    """Whether every entry, and all that went ahead, arrived or is known not to."""
    marks = ", ".join("?" * len(_SETTLED))
    missing = case.row(
        "SELECT count(*) FROM entry LEFT JOIN delivery USING (type, id)"  # noqa: S608 - marks
        f" WHERE coalesce(delivery.status, '') NOT IN ({marks})",
        _SETTLED,
    )
    sql = f"SELECT count(*) FROM delivery WHERE status NOT IN ({marks})"  # noqa: S608 - marks
    return (missing, case.row(sql, _SETTLED)) == ((0,), (0,))


def reject(case: CaseFile, resource_type: str, resource_id: str, note: str) -> None:
    """Say that the destination does not take a resource. `note`: codes only."""
    with case.commit():
        case.execute(
            "UPDATE delivery SET status = 'rejected', note = ? WHERE type = ? AND id = ?",
            (note, resource_type, resource_id),
        )


def read_back(
    case: CaseFile, results: Iterable[tuple[str, str, str, str | None, str | None, str | None, str]]
) -> None:
    """Keep what was read: (type, derived id, status, sent and read sha256, version, note).

    A sha256 is None where nothing may be read, or what was sent whole was compared whole."""
    with case.commit():
        case.executemany(
            "UPDATE delivery SET status = ?, sent_sha256 = ?, read_sha256 = ?, version = ?,"
            " note = ? WHERE type = ? AND id = ?",
            (
                (*found, resource_type, resource_id)
                for resource_type, resource_id, *found in results
            ),
        )


def leave(
    case: CaseFile, resources: Iterable[tuple[str, str]], status: str, note: str = ""
) -> None:
    """Say of these (type, derived id) that they are `theirs` or `removed`: never written again."""
    with case.commit():
        case.executemany(
            "UPDATE delivery SET status = ?, note = ? WHERE type = ? AND id = ?",
            ((status, note, t, i) for t, i in resources),
        )


def unsettled(case: CaseFile, resources: Iterable[tuple[str, str]]) -> None:
    """Say of these (type, derived id), which stand there, that they are to be read and compared."""
    with case.commit():
        case.executemany("UPDATE delivery SET status = 'sent' WHERE type = ? AND id = ?", resources)


def deliveries(case: CaseFile, *statuses: str) -> list[Delivery]:
    """All rows, or only those in one of `statuses`, in the order they were first intended."""
    where = f" WHERE status IN ({', '.join('?' * len(statuses))})" if statuses else ""
    rows = case.rows(f"SELECT {_COLUMNS} FROM delivery{where} ORDER BY rowid", statuses)  # noqa: S608
    return [Delivery(*row) for row in rows]


def id_map(case: CaseFile) -> dict[str, str]:
    """`Type/<derived id>` → `Type/<id there>` for everything that stands there, as far as known."""
    rows = case.rows(
        "SELECT type, id, target_id FROM delivery"
        " WHERE target_id IS NOT NULL AND status <> 'removed'"
    )
    return {f"{t}/{i}": f"{t}/{target}" for t, i, target in rows}


def places(case: CaseFile) -> dict[str, str]:
    """`Type/<derived id>` → where it stands: `Type/id there`, or within what was sent whole."""
    whole = case.state.whole
    if whole is None:
        return id_map(case)
    rows = case.rows("SELECT type, id FROM delivery WHERE write_no > 0")
    return id_map(case) | {f"{t}/{i}": f"{whole['place']}#urn:uuid:{i}" for t, i in rows}


def take(case: CaseFile, status: str, version: str | None = None) -> None:
    """Say of all that was sent whole that it is `sent` or `accepted`."""
    with case.commit():
        case.execute(
            "UPDATE delivery SET status = ?, version = ? WHERE write_no > 0", (status, version)
        )


def take_back(case: CaseFile, write_no: int) -> None:
    """Say that nothing of a write stands there."""
    with case.commit():
        case.execute("DELETE FROM delivery WHERE write_no = ?", (write_no,))


def next_write_no(case: CaseFile) -> int:
    """The number of the next write of this case, from 1."""
    found = case.row("SELECT coalesce(max(write_no), 0) + 1 FROM delivery")
    return int(found[0]) if found else 1
