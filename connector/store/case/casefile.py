"""One SQLite file per case: request, chart, packet, receipt. It holds patient data (mode 0600).

Every change happens inside `with case.commit():`, so that a step is either wholly there or not,
and any step can run again after a crash. Threads share one connection under one lock.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ...errors import ConnectorError, LockHeld
from ...failpoint import reach
from ..lock import in_turn
from ..private import private_folder
from .schema import bring_up
from .state import CaseState

_PIECE = 256 * 1024


class CaseFile:
    """An open case file. Use `open`; `close` when done (or `with`)."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._db = connection
        self._lock = threading.RLock()
        self._fence: int | None = None
        self.state = CaseState(self)
        self.path = path
        self.folder = path.parent

    @classmethod
    def open(cls, folder: Path) -> "CaseFile":
        """Open the case in `folder`, creating an empty one if there is none.

        `UsageError` if it was written by a newer version of this program.
        """
        private_folder(folder)
        path = folder / "case.db"
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        with _sqlite_errors(), in_turn(folder):
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA secure_delete = ON")
                bring_up(db)
            except BaseException:
                db.close()  # and what it had begun is undone
                raise
        return cls(db, path)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> "CaseFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def take(self, fence: int) -> None:
        """Become the one writer, by the number that the ledger gave.

        Who has a lower one by now was stopped and overtaken: every commit of theirs raises
        `LockHeld`. (The lock on the folder keeps writers apart; this holds where it was removed.)
        """
        self.state.fence = fence
        self._fence = fence

    @contextmanager
    def commit(self) -> Iterator[None]:
        """All writes inside are one transaction; an exception undoes them. May be nested."""
        with self._lock, _sqlite_errors():
            if self._db.in_transaction:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._check_fence()
                yield
                reach("commit.before")
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            reach("commit.after")

    @contextmanager
    def undone(self) -> Iterator[None]:
        """All writes inside are undone at its end: to see what comes of them. Not in a commit."""
        with self._lock, _sqlite_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                self._db.execute("ROLLBACK")

    def _check_fence(self) -> None:
        if self._fence is not None and self.state.fence != self._fence:
            raise LockHeld(
                "another run has taken over this case", "Let that one finish: `connector status`."
            )

    @contextmanager
    def rebuildable(self) -> Iterator[None]:
        """Commits inside outlive this process, but perhaps not a power cut (SQLite: WAL, NORMAL).

        For what can be had again: a page of a pull. Saves a disk flush a commit, which is most of
        what a commit costs; the next commit outside flushes these too.
        """
        with self._lock, _sqlite_errors():
            self._db.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            with self._lock, _sqlite_errors():
                self._db.execute("PRAGMA synchronous = FULL")

    def execute(self, sql: str, parameters: Iterable[Any] = ()) -> int:
        """Run one statement inside `commit`; returns the number of rows changed."""
        with self._lock, _sqlite_errors():
            return self._db.execute(sql, tuple(parameters)).rowcount

    def executemany(self, sql: str, rows: Iterable[Iterable[Any]]) -> None:
        """Run one statement for many rows inside `commit`."""
        with self._lock, _sqlite_errors():
            self._db.executemany(sql, [tuple(row) for row in rows])

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query. For bodies use `stream`: a chart does not fit in memory."""
        with self._lock, _sqlite_errors():
            return self._db.execute(sql, tuple(parameters)).fetchall()

    def row(self, sql: str, parameters: Iterable[Any] = ()) -> tuple[Any, ...] | None:
        """The first row, or None."""
        with self._lock, _sqlite_errors():
            found: tuple[Any, ...] | None = self._db.execute(sql, tuple(parameters)).fetchone()
            return found

    def stream(self, sql: str, parameters: Iterable[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Rows a hundred at a time. The same connection may be written to between them."""
        with self._lock, _sqlite_errors():
            cursor = self._db.cursor().execute(sql, tuple(parameters))
        while True:
            with self._lock, _sqlite_errors():
                rows = cursor.fetchmany(100)
            if not rows:
                return
            yield from rows

    def write_blob(self, table: str, column: str, rowid: int, content: IO[bytes]) -> None:
        """Fill a blob that has its size (`zeroblob`), piece by piece, inside `commit`."""
        with (
            self._lock,
            _sqlite_errors(),
            self._db.blobopen(table, column, rowid) as blob,
        ):
            while piece := content.read(_PIECE):
                blob.write(piece)


@contextmanager
def _sqlite_errors() -> Iterator[None]:
    # SQLite's messages name tables and files, not values; full disks are a person's to mend.
    try:
        yield
    except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
        raise ConnectorError(
            f"the case file can't be used: {error}", "Check the disk's space and the permissions."
        ) from None
