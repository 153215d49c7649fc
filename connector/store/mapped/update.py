"""What an update keeps: the packet before, and which entries go anew under another id.

A case has one packet. When it is told, and something is new, the next packet takes its place; what
stands at the destination and is not in it, or not so, stays known here.
"""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from ...fhir.lossless import sha256
from ...gap import broken_types
from ..case import gaps
from ..case.casefile import CaseFile
from ..case.values import Open
from . import draft, packet


def opened(case: CaseFile) -> Open | None:
    """The update that is on its way."""
    return case.state.update


def number(case: CaseFile) -> int:
    """Which packet of the case is the one there is now: 0 the first, n the one of update n."""
    return case.state.revision


def told(case: CaseFile) -> bool:
    """Whether all of the packet as it is now was announced."""
    return bool(case.state.announced_at) and opened(case) is None


def possible(case: CaseFile) -> bool:
    """Whether a packet that was told can get an update: if it stands there as records we read."""
    row = case.row("SELECT count(*) FROM delivery WHERE status = 'accepted'")
    return (case.state.kind or "transaction") == "transaction" and row == (0,)


def has_left(case: CaseFile) -> bool:
    """Whether anything of the case may stand at the destination."""
    return bool(case.state.sending or case.state.announced_at)


def keep_former(case: CaseFile, told_at: str) -> None:
    """Keep the packet that was told, before another takes its place. `told_at`: when it was.

    What only earlier ones held has the origin `past`.
    """
    columns = "type, id, origin, source, sha256, body"
    with case.commit():
        case.execute("UPDATE former SET origin = 'past'")
        case.execute(
            f"INSERT OR REPLACE INTO former ({columns}) SELECT {columns} FROM entry"  # noqa: S608
        )
        if letter := packet.authored(case, packet.LETTER):
            body = draft.announced(letter, told_at)
            case.execute(
                "UPDATE former SET sha256 = ?, body = ? WHERE type = ? AND id = ?",
                (sha256(body), body, letter.type, letter.id),
            )


def drop_former(case: CaseFile, *, all_known: bool) -> None:
    """Forget what the packet holds in the same form; or whatever it holds (`all_known`)."""
    same = "" if all_known else " AND entry.sha256 = former.sha256"
    with case.commit():
        case.execute(
            "DELETE FROM former WHERE EXISTS (SELECT 1 FROM entry WHERE entry.type = former.type"  # noqa: S608
            f" AND entry.id = former.id{same})"
        )


def former(case: CaseFile, resource_type: str, resource_id: str) -> packet.Entry | None:
    """An entry of an earlier packet."""
    found = case.row(
        "SELECT 0, type, id, origin, source, sha256, body FROM former WHERE type = ? AND id = ?",
        (resource_type, resource_id),
    )
    return packet.whole(found) if found else None


def past(case: CaseFile, resource_type: str) -> Iterator[packet.Entry]:
    """What we authored for an earlier packet of the case and not for the one there is now."""
    rows = case.rows(
        "SELECT 0, type, id, origin, source, sha256, body FROM former WHERE type = ?"
        " AND source NOT LIKE '%/%' AND NOT EXISTS"
        " (SELECT 1 FROM entry WHERE entry.type = former.type AND entry.id = former.id)",
        (resource_type,),
    )
    return (packet.Entry(*row) for row in rows)


def former_hashes(case: CaseFile) -> dict[str, str]:
    """`Type/<derived id>` of what an earlier packet held → SHA-256 of its bytes then."""
    rows = case.rows("SELECT type, id, sha256 FROM former")
    return {f"{resource_type}/{resource_id}": digest for resource_type, resource_id, digest in rows}


def keep_told(case: CaseFile) -> None:
    """Keep which bytes of the source the packet that was just told is of. In a commit."""
    case.execute(
        "INSERT OR REPLACE INTO told SELECT type, id, record.sha256 FROM record"
        " JOIN decision USING (type, id) WHERE outcome = 'selected'"
    )


def told_bytes(case: CaseFile) -> dict[str, str]:
    """Records (`Type/id` at the source) that were told → SHA-256 of their bytes then."""
    return {f"{t}/{i}": digest for t, i, digest in case.rows("SELECT type, id, sha256 FROM told")}


def vanished(case: CaseFile) -> list[str]:
    """Keys of what the packet before held and the source has no more.

    Not of types of which something could not be had: it may only not have come.
    """
    broken = broken_types(gaps.of(case))
    rows = case.rows(
        "SELECT type, id FROM former WHERE origin = 'carried' AND NOT EXISTS"
        " (SELECT 1 FROM record WHERE record.type || '/' || record.id = former.source)"
        " ORDER BY type, id"
    )
    return [f"{t}/{i}" for t, i in rows if t not in broken]


def changed(case: CaseFile) -> set[str]:
    """Keys of what the packet holds in another form than the one before."""
    rows = case.rows(
        "SELECT type, id FROM entry JOIN former USING (type, id)"
        " WHERE entry.sha256 <> former.sha256"
    )
    return {f"{resource_type}/{resource_id}" for resource_type, resource_id in rows}


def renew(case: CaseFile, keys: Iterable[str], revision: int) -> None:
    """Say that these entries go anew: theirs stays as it is, or stays away."""
    rows = []
    for key in keys:
        resource_type, _, resource_id = key.partition("/")
        new_id = str(uuid.uuid5(uuid.UUID(resource_id), f"update/{revision}"))
        rows.append((resource_type, resource_id, new_id))
    with case.commit():
        case.executemany("INSERT OR REPLACE INTO renewed VALUES (?, ?, ?)", rows)


def renewed(case: CaseFile) -> dict[str, str]:
    """Key of an entry that went or goes anew → `Type/<id>` under which it does."""
    rows: list[tuple[Any, ...]] = case.rows("SELECT type, id, new_id FROM renewed")
    return {f"{t}/{old}": f"{t}/{new}" for t, old, new in rows}


def outgoing(case: CaseFile) -> Iterator[packet.Entry]:
    """The packet's entries in order, each under the id by which it goes."""
    names = renewed(case)
    for entry in packet.entries(case):
        new = names.get(f"{entry.type}/{entry.id}")
        anew = packet.entry(case, entry.type, new.partition("/")[2]) if new else None
        yield anew or entry


def left_behind(case: CaseFile) -> frozenset[str]:
    """Places (`Type/id` there) to which the packet refers no more: deleted, or gone anew."""
    rows = case.rows(
        "SELECT type, target_id FROM delivery LEFT JOIN renewed USING (type, id)"
        " WHERE target_id IS NOT NULL AND (status = 'removed' OR new_id IS NOT NULL)"
    )
    return frozenset(f"{resource_type}/{target}" for resource_type, target in rows)
