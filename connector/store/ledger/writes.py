"""One row per HTTP write: intended before bytes leave, then answered, or settled by other means."""

from datetime import UTC, datetime

from sqlalchemy import Connection, false, func, insert, select, update

from .tables import writes

EXPORT = "EXPORT"  # in place of a method of HTTP: written for others to carry


def next_no(db: Connection, handle: str) -> int:
    """From 1; never used before in this case."""
    last = db.execute(select(func.max(writes.c.write_no)).where(writes.c.handle == handle)).scalar()
    return int(last or 0) + 1


def intend(
    db: Connection,
    handle: str,
    fence: int,
    write_no: int,
    method: str,
    content_hmac: str,
    entries: int,
    now: str,
) -> None:
    """Keep that a write is about to leave. One that was intended before begins anew."""
    values = {
        "method": method,
        "content_hmac": content_hmac,
        "entries": entries,
        "fence": fence,
        "intended_at": now,
        "answered_at": None,
        "status": None,
        "outcome": None,
    }
    where = (writes.c.handle == handle) & (writes.c.write_no == write_no)
    if db.execute(update(writes).where(where).values(values)).rowcount == 0:
        db.execute(insert(writes).values(handle=handle, write_no=write_no, **values))


def answer(
    db: Connection, handle: str, write_no: int, status: int | None, outcome: str, now: str
) -> None:
    """Keep what became of a write."""
    db.execute(
        update(writes)
        .where((writes.c.handle == handle) & (writes.c.write_no == write_no))
        .values(status=status, outcome=outcome, answered_at=now)
    )


def settle(
    db: Connection,
    handle: str,
    outcome: str,
    now: str,
    *,
    exports: bool = False,
    unclear: bool = False,
) -> None:
    """Say `outcome` of each write without an answer, or of each export; `unclear`: of those too."""
    open_yet = writes.c.answered_at.is_(None)
    undecided = (writes.c.outcome == "unclear") if unclear else false()
    kind = writes.c.method == EXPORT if exports else writes.c.method != EXPORT
    where = (writes.c.handle == handle) & kind & (open_yet | undecided)
    db.execute(update(writes).where(where).values(outcome=outcome, answered_at=now))


def since_intended(db: Connection, handle: str, write_no: int) -> float:
    """Seconds since a write was intended; 0 where nobody knows (another clock, no row)."""
    where = (writes.c.handle == handle) & (writes.c.write_no == write_no)
    at = db.execute(select(writes.c.intended_at).where(where)).scalar()
    if not at:
        return 0.0
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds())
