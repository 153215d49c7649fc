"""What we wrote last at each destination, record by record, by keyed hashes: no patient data.

Two cases may carry the same record. By these rows the second one knows whether what stands there is
still what we left, and may be brought up to date, or somebody's work, which is never written over.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
)

Keyed = Callable[[str], str]
T = TypeVar("T")

_AT_ONCE = 500  # keys in one statement: SQLite takes 999 parameters at least

metadata = MetaData()
_records = Table(
    "ledger_record",
    metadata,
    Column("destination_id", String(36), primary_key=True),
    Column("record_hmac", String(64), primary_key=True),
    Column("place_hmac", String(64), nullable=False),
    Column("version", String(64)),
    Column("sent_hmac", String(64)),
    Column("content_hmac", String(64)),
    Column("as_of", String(40), nullable=False),
    Column("handle", String(12), nullable=False),
)


class Written(NamedTuple):
    """One record as we left it. `record`: `Type/<derived id>`; `place`: `Type/id` there.

    `version` is the one that our write made. `sent` and `content` are SHA-256 of canonical forms:
    of what was to arrive and of what was read after it; None until it is read back.
    """

    record: str
    place: str
    version: str | None
    sent: str | None = None
    content: str | None = None


class Known(NamedTuple):
    """A row, with keyed hashes in place of the values. `as_of`: when that case had been pulled."""

    place: str
    version: str | None
    sent: str | None
    content: str | None
    as_of: str
    handle: str


def keep(
    db: Connection,
    keyed: Keyed,
    destination_id: str,
    handle: str,
    as_of: str,
    records: Iterable[Written],
) -> None:
    """Put rows in place of what was known of these records."""
    for some in _groups(list(records)):
        forget(db, keyed, destination_id, [one.record for one in some])
        db.execute(
            insert(_records),
            [
                {
                    "destination_id": destination_id,
                    "record_hmac": _name(keyed, destination_id, one.record),
                    "place_hmac": keyed(one.place),
                    "version": one.version,
                    "sent_hmac": one.sent and keyed(one.sent),
                    "content_hmac": one.content and keyed(one.content),
                    "as_of": as_of,
                    "handle": handle,
                }
                for one in some
            ],
        )


def known(
    db: Connection, keyed: Keyed, destination_id: str, keys: Iterable[str]
) -> Iterator[tuple[str, Known]]:
    """(key, what we know of it) for those of `keys` (`Type/<derived id>`) that we wrote there."""
    columns = _records.c
    query = select(
        columns.record_hmac,
        columns.place_hmac,
        columns.version,
        columns.sent_hmac,
        columns.content_hmac,
        columns.as_of,
        columns.handle,
    )
    for some in _groups(list(keys)):
        names = {_name(keyed, destination_id, key): key for key in some}
        for row in db.execute(query.where(*_these(destination_id, names))):
            yield names[row[0]], Known(*row[1:])


def forget(db: Connection, keyed: Keyed, destination_id: str, keys: Sequence[str]) -> None:
    """Take away what is known of `keys` (`Type/<derived id>`)."""
    for some in _groups(list(keys)):
        names = [_name(keyed, destination_id, key) for key in some]
        db.execute(delete(_records).where(*_these(destination_id, names)))


def _groups(items: list[T]) -> Iterator[list[T]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))


def _these(destination_id: str, names: Iterable[str]) -> tuple[ColumnElement[bool], ...]:
    columns = _records.c
    return columns.destination_id == destination_id, columns.record_hmac.in_(list(names))


def _name(keyed: Keyed, destination_id: str, key: str) -> str:
    # With the destination in it, two destinations' rows can't be matched with each other.
    return keyed(f"{destination_id} {key}")
