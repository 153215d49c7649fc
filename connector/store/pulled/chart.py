"""The records of the chart, byte for byte as the source sent them."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ...fhir.lossless import sha256
from ..case.casefile import CaseFile
from ..mapped.packet import altered


class Record(NamedTuple):
    """One pulled resource: `body` is the bytes the source sent."""

    type: str
    id: str
    version: str
    sha256: str
    body: bytes


def put_record(case: CaseFile, record: Record, query: str) -> bool:
    """Store one record inside `case.commit()`; False if exactly it was there already."""
    return (
        case.execute(
            "INSERT INTO record (type, id, version, sha256, body, query) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (type, id) DO UPDATE SET version = excluded.version,"
            " sha256 = excluded.sha256, body = excluded.body, closed = 0"
            " WHERE sha256 <> excluded.sha256",
            (*record, query),
        )
        > 0
    )


def drop_record(case: CaseFile, resource_type: str, resource_id: str) -> None:
    """Take one record out inside `case.commit()`: it is gone at the source."""
    case.execute("DELETE FROM record WHERE type = ? AND id = ?", (resource_type, resource_id))


def has_record(case: CaseFile, resource_type: str, resource_id: str) -> bool:
    """Whether the record was pulled."""
    key = (resource_type, resource_id)
    return case.row("SELECT 1 FROM record WHERE type = ? AND id = ?", key) is not None


def holds(case: CaseFile, found: Record) -> bool:
    """Whether the record was pulled with exactly this content."""
    key = (found.type, found.id, found.sha256)
    sql = "SELECT 1 FROM record WHERE type = ? AND id = ? AND sha256 = ?"
    return case.row(sql, key) is not None


def record(case: CaseFile, resource_type: str, resource_id: str) -> Record | None:
    """One pulled record."""
    found = case.row(
        "SELECT type, id, version, sha256, body FROM record WHERE type = ? AND id = ?",
        (resource_type, resource_id),
    )
    return _whole(found) if found else None


def records(case: CaseFile) -> Iterator[Record]:
    """Every pulled record, by type and id (so that what is made of them has one order)."""
    sql = "SELECT type, id, version, sha256, body FROM record ORDER BY type, id"
    return map(_whole, case.stream(sql))


def of_type(case: CaseFile, resource_type: str) -> Iterator[Record]:
    """The pulled records of one type, by id."""
    sql = "SELECT type, id, version, sha256, body FROM record WHERE type = ? ORDER BY id"
    return map(_whole, case.stream(sql, (resource_type,)))


def _whole(row: Iterable[Any]) -> Record:
    """A record from its row. Raises `Held` (`altered`) if its bytes are not those that came."""
    found = Record(*row)
    if sha256(found.body) != found.sha256:
        raise altered()
    return found


def count_records(case: CaseFile) -> int:
    """How many records were pulled."""
    found = case.row("SELECT count(*) FROM record")
    return int(found[0]) if found else 0
