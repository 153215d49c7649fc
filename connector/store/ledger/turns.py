"""Who writes at a destination: the number goes up with every turn taken there."""

from sqlalchemy import Connection, insert, select, update

from ...errors import LockHeld
from .tables import turns


def take(db: Connection, destination_id: str) -> int:
    """The number of the next turn at a destination."""
    row = turns.c.destination_id == destination_id
    mine = turns.c.number + 1
    if db.execute(update(turns).where(row).values(number=mine)).rowcount == 0:
        db.execute(insert(turns).values(destination_id=destination_id, number=1))
    return int(db.execute(select(turns.c.number).where(row)).scalar_one())


def check(db: Connection, destination_id: str, number: int) -> None:
    """Raise `LockHeld` if another has taken a turn there since. Keeps the row until commit."""
    row = turns.c.destination_id == destination_id
    query = select(turns.c.number).where(row).with_for_update()
    if db.execute(query).scalar() != number:
        raise LockHeld(
            "another run writes at this destination by now", "Run the same command again."
        )
