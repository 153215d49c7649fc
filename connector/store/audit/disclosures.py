"""The disclosure log: who sent whose records where, on which basis, when; one chain of rows.

Each row is hashed over its content and the row before it, keyed by the ledger's key: who lacks the
key can't change, remove, put in or reorder a row unnoticed. What the chain alone can't show, rows
cut off at its end, is found by the anchors that receipts and audit events carry (docs/proof.md).
No patient data: patient, case and document stand here by keyed hash.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)

# What was done. `look-up`: the patient was asked for there, by who they are; nothing else was sent.
# `export`: the packet was written for others to carry, nobody knows how far it went.
# `update`, `cancel` and `recall` are words for later writes about the same packet.
Event = Literal["look-up", "deliver", "announce", "export", "update", "cancel", "recall", "remove"]
# attempted: intended, bytes may have left. verified: all read back. partial: the same, but some
# records the destination did not take. differs: read back, and something is not as sent.
# accepted: taken, and the destination grants no reading.
Outcome = Literal["attempted", "verified", "partial", "differs", "accepted"]
Keyed = Callable[[str], str]

_START = "0" * 64  # what stands as the hash before the first row
_FORMAT = "disclosure-1"  # first in what is hashed: another format is another hash

metadata = MetaData()
_rows = Table(
    "ledger_disclosure",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", String(20), nullable=False),
    Column("event", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("operator", Text, nullable=False),
    Column("approver", Text),
    Column("patient_hmac", String(64), nullable=False, index=True),
    Column("case_hmac", String(64), nullable=False, index=True),
    Column("destination_id", String(36), nullable=False),
    Column("basis", String(32), nullable=False),
    Column("document_hmac", String(64)),
    Column("resources", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
# One row: the end of the chain. Whoever appends locks it first, so that the chain stays one line.
_head = Table(
    "ledger_disclosure_head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What is to be made. The ids are plain here and keyed in the row.

    `patient`, `document` (SHA-256 of the authorization) and the case are never stored as they are.
    `resources`: of this write when attempted, of the whole packet afterwards.
    """

    event: Event
    outcome: Outcome
    operator: str
    approver: str | None
    patient: str
    destination_id: str
    basis: str
    document: str | None
    resources: int
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the log, as it stands there."""

    seq: int
    at: str
    event: str
    outcome: str
    operator: str
    approver: str | None
    patient_hmac: str
    case_hmac: str
    destination_id: str
    basis: str
    document_hmac: str | None
    resources: int
    rejected: int
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row that somebody else remembers. `where`: who, for a message."""

    seq: int
    hash: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """The first place that does not hold. `seq`: the row looked for or at (0: none).

    `line`: of an audit.ndjson, where it is not the chain itself that breaks.
    """

    seq: int
    kind: Literal["removed", "moved", "changed", "cut", "added", "doubled"]
    why: str
    line: int | None = None


def create(db: Connection) -> None:
    """Make the tables if they are missing, with an empty chain."""
    metadata.create_all(db)
    if db.execute(select(_head.c.seq)).first() is None:
        db.execute(insert(_head).values(one=1, seq=0, hash=_START))


def append(db: Connection, keyed: Keyed, handle: str, made: Disclosure, at: str) -> Row:
    """Add a row at the end, inside the caller's transaction. `at`: UTC, to the second."""
    end = db.execute(select(_head).with_for_update()).one()
    document = made.document
    row = Row(
        seq=end.seq + 1,
        at=at,
        event=made.event,
        outcome=made.outcome,
        operator=made.operator,
        approver=made.approver,
        patient_hmac=keyed(f"patient {made.patient}"),
        case_hmac=case_key(keyed, handle),
        destination_id=made.destination_id,
        basis=made.basis,
        document_hmac=keyed(f"document {document}") if document is not None else None,
        resources=made.resources,
        rejected=made.rejected,
        previous=end.hash,
        hash="",
    )
    values = {**asdict(row), "hash": _hash(keyed, row)}
    db.execute(insert(_rows).values(values))
    db.execute(update(_head).values(seq=row.seq, hash=values["hash"]))
    return Row(**values)


def case_key(keyed: Keyed, handle: str) -> str:
    """What stands for a case in the log."""
    return keyed(f"case {handle}")


def rows(db: Connection, case_hmac: str | None = None, after: int = 0) -> Iterator[Row]:
    """The rows after number `after`, in order; of one case if asked."""
    query = select(_rows).where(_rows.c.seq > after).order_by(_rows.c.seq)
    if case_hmac is not None:
        query = query.where(_rows.c.case_hmac == case_hmac)
    return (Row(*row) for row in db.execute(query))


def last(db: Connection, case_hmac: str) -> Row | None:
    """The last row of a case."""
    query = select(_rows).where(_rows.c.case_hmac == case_hmac).order_by(_rows.c.seq.desc())
    found = db.execute(query.limit(1)).first()
    return Row(*found) if found else None


def hashed_with(db: Connection, keyed: Keyed) -> bool:
    """Whether the last row, if there is any, was hashed with this key."""
    found = db.execute(select(_rows).order_by(_rows.c.seq.desc()).limit(1)).first()
    return found is None or found.hash == _hash(keyed, Row(*found))


def says(row: Row, made: Disclosure) -> bool:
    """Whether a row says the same already: what was done, what came of it, how many."""
    names = ("event", "outcome", "resources", "rejected")
    return all(getattr(row, name) == getattr(made, name) for name in names)


def head(db: Connection) -> Anchor:
    """The end of the chain as the ledger itself remembers it: number 0 when the log is empty."""
    end = db.execute(select(_head)).one_or_none()
    return Anchor(end.seq if end else 0, end.hash if end else _START, "the ledger")


def check(
    keyed: Keyed, chain: Iterable[Row], head: Anchor, anchors: Iterable[Anchor]
) -> tuple[int, Break | None]:
    """(rows that hold, the first break or None).

    `head`: the end as the ledger remembers it, exactly; `anchors`: rows that must be there.
    """
    held = [_START]
    for seq, row in enumerate(chain, 1):
        if (found := _broken(keyed, row, seq, held[-1])) is not None:
            return seq - 1, found
        held.append(row.hash)
    end = len(held) - 1
    for anchor in (head, *sorted(anchors, key=lambda anchor: (anchor.seq, anchor.where))):
        if anchor.seq > end:
            why = f"{anchor.where} knows row {anchor.seq}, the log ends with row {end}:"
            why += " it was cut, or is older than what it has shown (restored from a backup?)"
            return end, Break(end + 1, "cut", why)
        if held[anchor.seq] != anchor.hash:
            return end, Break(anchor.seq, "changed", f"{anchor.where} knows another row")
    if head.seq != end:
        return head.seq, Break(head.seq + 1, "added", "the ledger does not know it as its last")
    return end, None


def _broken(keyed: Keyed, row: Row, seq: int, previous: str) -> Break | None:
    if row.seq != seq:
        return Break(seq, "removed", f"after row {seq - 1} comes row {row.seq}")
    if row.previous != previous:
        return Break(seq, "moved", "it does not follow the row before it")
    if row.hash != _hash(keyed, row):
        return Break(seq, "changed", "its hash is not that of its content under this key")
    return None


def _hash(keyed: Keyed, row: Row) -> str:
    values = [value for name, value in asdict(row).items() if name != "hash"]
    return keyed(json.dumps([_FORMAT, *values], ensure_ascii=True, separators=(",", ":")))
