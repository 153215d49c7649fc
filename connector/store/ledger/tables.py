"""The tables of the ledger, and how one that an earlier program made is brought up to them."""

import hashlib
import hmac
from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    select,
    update,
)

from ...errors import UsageError
from ..audit import disclosures
from . import key as ledgerkey
from . import last_written
from .key import LedgerKey

SCHEMA_VERSION = 3  # 1: without the disclosure log; 2: without knowing its own key
_BRING_UP = 0x5EC0D  # one process at a time makes or brings up the tables

_metadata = MetaData()
schema = Table("ledger_schema", _metadata, Column("version", Integer, nullable=False))
cases = Table(
    "ledger_case",
    _metadata,
    Column("handle", String(12), primary_key=True),
    Column("source_id", String(36), nullable=False),
    Column("destination_id", String(36), nullable=False),
    Column("due", String(40), nullable=False),
    Column("state", String(24), nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("updated_at", String(20), nullable=False),
)
writes = Table(
    "ledger_write",
    _metadata,
    Column("handle", String(12), primary_key=True),
    Column("write_no", Integer, primary_key=True),
    Column("method", String(8), nullable=False),
    Column("content_hmac", String(64), nullable=False),
    Column("entries", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("intended_at", String(20), nullable=False),
    Column("answered_at", String(20)),
    Column("status", Integer),
    Column("outcome", String(40)),
)
# Who writes at a destination: the number goes up with every turn taken there.
turns = Table(
    "ledger_turn",
    _metadata,
    Column("destination_id", String(36), primary_key=True),
    Column("number", Integer, nullable=False),
)


def bring_up(db: Connection, key: LedgerKey) -> bytes:
    """Make what is missing: everything in a new database, what came later in an older one.

    Returns the ledger's key.
    """
    if db.dialect.name == "postgresql":  # on SQLite a transaction is alone from its beginning
        db.execute(select(func.pg_advisory_xact_lock(_BRING_UP)))
    _metadata.create_all(db)
    last_written.metadata.create_all(db)
    ledgerkey.metadata.create_all(db)
    version = db.execute(select(schema.c.version)).scalar()
    if version is not None and version > SCHEMA_VERSION:
        raise UsageError(
            f"the ledger has schema {version}, this program knows {SCHEMA_VERSION}",
            "Use the version of connector that wrote it.",
        )
    if version is None:
        db.execute(insert(schema).values(version=SCHEMA_VERSION))
        disclosures.create(db)
        return key.of_new_ledger(db, keyed_by)
    if version < SCHEMA_VERSION:
        disclosures.create(db)
        db.execute(update(schema).values(version=SCHEMA_VERSION))
    return key.of_ledger(db, keyed_by, lambda keyed: disclosures.hashed_with(db, keyed))


def keyed_by(key: bytes) -> Callable[[str], str]:
    """How a text is hashed with a key: HMAC-SHA-256 in hex."""
    return lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
