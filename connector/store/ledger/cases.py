"""The row of each case: who may write it (its fence), how it stands, when it is due."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ...deadline import FIRST, due_at
from ...errors import LockHeld
from .tables import cases


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case as the ledger knows it."""

    handle: str
    source_id: str
    destination_id: str
    due: str
    state: str
    exit_code: int
    fence: int
    updated_at: str

    @property
    def due_at(self) -> datetime:
        """When it is due (UTC). One that can't be read is told first: it never stops the others."""
        try:
            return due_at(self.due)
        except ValueError:
            return FIRST


def take(
    db: Connection, handle: str, source_id: str, destination_id: str, due: str, now: str
) -> int:
    """The next fencing number of a case, whose row is made if there is none."""
    changed = db.execute(
        update(cases)
        .where(cases.c.handle == handle)
        .values(
            fence=cases.c.fence + 1,
            due=due,
            destination_id=destination_id,  # a corrected one, while nothing has left
            updated_at=now,
        )
    )
    if changed.rowcount == 0:
        db.execute(
            insert(cases).values(
                handle=handle,
                source_id=source_id,
                destination_id=destination_id,
                due=due,
                state="opened",
                exit_code=4,
                fence=1,
                updated_at=now,
            )
        )
    return int(db.execute(select(cases.c.fence).where(cases.c.handle == handle)).scalar_one())


def check_fence(db: Connection, handle: str, fence: int) -> None:
    """Raise `LockHeld` if another process has taken the case since. Keeps the row until commit."""
    query = select(cases.c.fence).where(cases.c.handle == handle).with_for_update()
    if db.execute(query).scalar() != fence:
        raise LockHeld(
            "another run has taken over this case", "Let that one finish: `connector status`."
        )


def keep_state(db: Connection, handle: str, state: str, exit_code: int, now: str) -> None:
    """Keep how a case stands."""
    db.execute(
        update(cases)
        .where(cases.c.handle == handle)
        .values(state=state, exit_code=exit_code, updated_at=now)
    )


def state_of(db: Connection, handle: str) -> str | None:
    """How a case stood last; None for one that is not known here."""
    state: str | None = db.execute(select(cases.c.state).where(cases.c.handle == handle)).scalar()
    return state


def rows(db: Connection) -> Iterator[CaseRow]:
    """Every case, in no order."""
    return (CaseRow(*row) for row in db.execute(select(cases)).all())
