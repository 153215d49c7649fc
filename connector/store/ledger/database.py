"""The ledger's database, opened and made where it is missing."""

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from ...errors import UsageError
from ..lock import in_turn
from ..private import private_folder


def engine_for(url: str) -> Engine:
    """The engine for a SQLAlchemy URL. A SQLite file is made, readable by its owner only."""
    try:
        engine = create_engine(url)
    except (SQLAlchemyError, ImportError):
        raise UsageError(
            "[ledger] url: not a database URL this program can open",
            "Use sqlite:///FILE or postgresql+psycopg://… (with psycopg installed).",
        ) from None
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    return engine


def _prepare_sqlite(engine: Engine) -> None:
    if engine.url.database in (None, "", ":memory:"):
        raise UsageError("[ledger] url: names no file", "Use sqlite:///FILE.")
    file = Path(str(engine.url.database))
    private_folder(file.parent)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        # Transactions are begun by us, and at once for writing: two processes queue up instead
        # of failing when a reader wants to become a writer.
        connection.isolation_level = None
        with in_turn(file.parent):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA busy_timeout = 30000")

    @event.listens_for(engine, "begin")
    def _begin_immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
