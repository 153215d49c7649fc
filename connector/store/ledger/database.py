"""The ledger's database: opened, made where it is missing, and one commit at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from ...errors import ConnectorError, UsageError
from ...failpoint import reach
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


@contextmanager
def one_commit(engine: Engine) -> Iterator[Connection]:
    """All of it, or nothing. `ConnectorError` if the database can't be used."""
    try:
        with engine.connect() as db:
            yield db
            reach("ledger.before")
            db.commit()
    except SQLAlchemyError as error:
        # Only the driver's own words: SQLAlchemy's would add the statement's parameters.
        cause = getattr(error, "orig", None) or type(error).__name__
        raise ConnectorError(
            f"the ledger can't be used: {cause}",
            "Check the disk's space, the permissions and [ledger] url.",
        ) from None
    reach("ledger.after")


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
