"""The ledger: state of every case, one row per write intended and answered. No patient data.

SQLAlchemy Core, one code path for SQLite (default) and PostgreSQL. Hashes are keyed (HMAC-SHA-256)
with a key kept beside the store: a leaked ledger can't be matched against known content.
"""

import contextlib
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from ..errors import ConnectorError, LockHeld, UsageError
from ..failpoint import reach
from ..request import due_at
from .lock import in_turn, only_one
from .private import private_folder

SCHEMA_VERSION = 1
_KEY_BYTES = 32

_metadata = MetaData()
_schema = Table("ledger_schema", _metadata, Column("version", Integer, nullable=False))
_cases = Table(
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
_writes = Table(
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
_turns = Table(
    "ledger_turn",
    _metadata,
    Column("destination_id", String(36), primary_key=True),
    Column("number", Integer, nullable=False),
)


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


class Ledger:
    """An open ledger."""

    def __init__(self, url: str, key_file: Path) -> None:
        """Open (and create) the ledger at a SQLAlchemy URL; `key_file` is made when missing."""
        try:
            self._engine = create_engine(url)
        except (SQLAlchemyError, ImportError):
            raise UsageError(
                "[ledger] url: not a database URL this program can open",
                "Use sqlite:///FILE or postgresql+psycopg://… (with psycopg installed).",
            ) from None
        if self._engine.dialect.name == "sqlite":
            _prepare_sqlite(self._engine)
        self._key = _key(key_file)
        self._turn: tuple[str, int] | None = None
        # Where locks are that everybody who shares this ledger on this machine has to find.
        sqlite = self._engine.dialect.name == "sqlite"
        self._folder = Path(str(self._engine.url.database)).parent if sqlite else key_file.parent
        with self._begin() as db:
            _metadata.create_all(db)
            version = db.execute(select(_schema.c.version)).scalar()
            if version is None:
                db.execute(insert(_schema).values(version=SCHEMA_VERSION))
            elif version != SCHEMA_VERSION:
                raise UsageError(
                    f"the ledger has schema {version}, this program knows {SCHEMA_VERSION}",
                    "Use the version of connector that wrote it.",
                )

    def close(self) -> None:
        self._engine.dispose()

    def take(self, handle: str, source_id: str, destination_id: str, due: str) -> int:
        """Become the one writer of a case. Returns our fencing number, one above the last.

        A process that was stopped and overtaken keeps the lower number, and `intend` refuses it.
        """
        with self._begin() as db:
            changed = db.execute(
                update(_cases)
                .where(_cases.c.handle == handle)
                .values(fence=_cases.c.fence + 1, due=due, updated_at=_now())
            )
            if changed.rowcount == 0:
                db.execute(
                    insert(_cases).values(
                        handle=handle,
                        source_id=source_id,
                        destination_id=destination_id,
                        due=due,
                        state="opened",
                        exit_code=4,
                        fence=1,
                        updated_at=_now(),
                    )
                )
            fence = db.execute(select(_cases.c.fence).where(_cases.c.handle == handle)).scalar_one()
        return int(fence)

    @contextmanager
    def turn(self, destination_id: str, wait_s: float) -> Iterator[None]:
        """Be the only one who writes at a destination: two writers would create what they share
        (practitioners, organisations, a patient) twice, each having looked before the other wrote.

        Waits `wait_s` for whoever has the turn, then raises `LockHeld`. On one machine a lock
        that dies with its process; everywhere a number, which `intend` compares, so that who was
        stopped meanwhile and overtaken can't write.
        """
        lock = self._folder / f"writing-{destination_id}.lock"
        with only_one(lock, "this destination", wait_s):
            with self._begin() as db:
                row = _turns.c.destination_id == destination_id
                mine = _turns.c.number + 1
                if db.execute(update(_turns).where(row).values(number=mine)).rowcount == 0:
                    db.execute(insert(_turns).values(destination_id=destination_id, number=1))
                number = db.execute(select(_turns.c.number).where(row)).scalar_one()
            self._turn = destination_id, int(number)
            try:
                yield
            finally:
                self._turn = None

    def intend(
        self, handle: str, fence: int, write_no: int, method: str, content: str, entries: int
    ) -> None:
        """Commit, before bytes leave, that we will write. `content`: its SHA-256, kept keyed.

        Raises `LockHeld` if another process has taken the case, or our turn, since.
        """
        with self._begin() as db:
            self._check_fence(db, handle, fence)
            self._check_turn(db)
            values = {
                "method": method,
                "content_hmac": self.keyed(content),
                "entries": entries,
                "fence": fence,
                "intended_at": _now(),
                "answered_at": None,
                "status": None,
                "outcome": None,
            }
            where = (_writes.c.handle == handle) & (_writes.c.write_no == write_no)
            if db.execute(update(_writes).where(where).values(values)).rowcount == 0:
                db.execute(insert(_writes).values(handle=handle, write_no=write_no, **values))

    def answer(self, handle: str, write_no: int, status: int | None, outcome: str) -> None:
        """Keep what became of a write. `status` None: no answer; `outcome`: one of our words."""
        with self._begin() as db:
            db.execute(
                update(_writes)
                .where((_writes.c.handle == handle) & (_writes.c.write_no == write_no))
                .values(status=status, outcome=outcome, answered_at=_now())
            )

    def set_state(self, handle: str, fence: int, state: str, exit_code: int) -> None:
        """Keep a case's state. Raises `LockHeld` if another process has taken the case since."""
        with self._begin() as db:
            self._check_fence(db, handle, fence)
            db.execute(
                update(_cases)
                .where(_cases.c.handle == handle)
                .values(state=state, exit_code=exit_code, updated_at=_now())
            )

    def next_write_no(self, handle: str) -> int:
        """The number of the case's next write, from 1; never used before, even for a lost one."""
        with self._begin() as db:
            last = db.execute(
                select(func.max(_writes.c.write_no)).where(_writes.c.handle == handle)
            ).scalar()
        return int(last or 0) + 1

    def cases(self) -> list[CaseRow]:
        """Every case, the nearest need first."""
        with self._begin() as db:
            rows = [CaseRow(*row) for row in db.execute(select(_cases)).all()]
        return sorted(rows, key=lambda row: (due_at(row.due), row.handle))

    def keyed(self, text: str) -> str:
        """The keyed hash under which something may be written here."""
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def _check_fence(self, db: Connection, handle: str, fence: int) -> None:
        query = select(_cases.c.fence).where(_cases.c.handle == handle).with_for_update()
        if db.execute(query).scalar() != fence:
            raise LockHeld(
                "another run has taken over this case", "Let that one finish: `connector status`."
            )

    def _check_turn(self, db: Connection) -> None:
        if self._turn is None:
            return
        destination_id, number = self._turn
        row = _turns.c.destination_id == destination_id
        query = select(_turns.c.number).where(row).with_for_update()
        if db.execute(query).scalar() != number:
            raise LockHeld(
                "another run writes at this destination by now", "Run the same command again."
            )

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as db:
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


def _key(file: Path) -> bytes:
    """The key in `file`; made there first if need be, whole or not at all, by whoever is first."""
    private_folder(file.parent)
    if not file.exists():
        part = file.with_name(f"{file.name}.{os.getpid()}")
        descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(os.urandom(_KEY_BYTES).hex() + "\n")
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, file)
        part.unlink()
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise UsageError(
            f"{file}: not the ledger's key ({2 * _KEY_BYTES} hex digits)",
            "Put the file back from a backup: hashes under another key tell nothing.",
        )
    return key


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
