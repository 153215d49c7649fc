"""One SQLite file per case: request, chart, packet, receipt. It holds patient data (mode 0600).

Every change happens inside `with case.commit():`, so that a step is either wholly there or not,
and any step can run again after a crash. Threads share one connection under one lock.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..errors import ConnectorError, LockHeld, UsageError
from ..failpoint import reach
from ..gap import read
from .lock import in_turn
from .private import private_folder
from .state import CaseState

# 1: no `answered` items; 2: no `unfinished`, `answer`; 3: no `recalled`; 5: fewer delivery states;
# 7: no `ruling`, decisions without label and `because`; 8: a gap's `what` and `why` as text
# 9: the state under other names
SCHEMA_VERSION = 10
_PIECE = 256 * 1024

_DELIVERY = """(
  type TEXT NOT NULL, id TEXT NOT NULL, write_no INTEGER NOT NULL,
  target_id TEXT, version TEXT, sent_sha256 TEXT, read_sha256 TEXT,
  status TEXT NOT NULL CHECK (status IN
    ('intended', 'sent', 'accepted', 'verified', 'form-changed', 'precision-changed', 'differs',
     'rejected', 'theirs', 'removed')),
  note TEXT NOT NULL DEFAULT '', PRIMARY KEY (type, id)) STRICT"""

_GAP = """(
  wanted TEXT NOT NULL, kind TEXT NOT NULL, reasons TEXT NOT NULL,
  expected INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (wanted, kind)) STRICT"""

# Bodies are bytes as the source sent them. `state` holds JSON by name: state.py.
# IF NOT EXISTS: two processes may open a new case at the same moment.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

-- pull: one row per search or operation asked; `next_url` is where to go on
CREATE TABLE IF NOT EXISTS query (
  key TEXT PRIMARY KEY, url TEXT NOT NULL, why TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done', 'failed')),
  next_url TEXT, pages INTEGER NOT NULL DEFAULT 0, matches INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS page (
  query TEXT NOT NULL, url_sha256 TEXT NOT NULL, PRIMARY KEY (query, url_sha256)) STRICT;
-- how many records a query has by the source's own count, and how many entries came of it
CREATE TABLE IF NOT EXISTS counted (
  query TEXT PRIMARY KEY, total INTEGER, entries INTEGER NOT NULL,
  stand TEXT NOT NULL DEFAULT 'new' CHECK (stand IN ('new', 'again', 'settled'))) STRICT;
CREATE TABLE IF NOT EXISTS record (
  type TEXT NOT NULL, id TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
  body BLOB NOT NULL, query TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (type, id)) STRICT;
CREATE INDEX IF NOT EXISTS record_open ON record (closed);
-- references as written in the records, and what became of each
CREATE TABLE IF NOT EXISTS target (
  reference TEXT PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'had', 'gap'))) STRICT;
CREATE INDEX IF NOT EXISTS target_open ON target (status);
CREATE TABLE IF NOT EXISTS attachment (
  url TEXT PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('open', 'had', 'gap')),
  content_type TEXT, sha256 TEXT) STRICT;
-- what attachments hold: once, however many addresses lead to it
CREATE TABLE IF NOT EXISTS content (sha256 TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
-- `wanted` and `reasons` as JSON (store/gaps.py)
CREATE TABLE IF NOT EXISTS gap _GAP;
-- what the pull before had, and how this one differs from it
CREATE TABLE IF NOT EXISTS earlier (
  type TEXT NOT NULL, id TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
CREATE TABLE IF NOT EXISTS change (
  type TEXT NOT NULL, id TEXT NOT NULL,
  how TEXT NOT NULL CHECK (how IN ('new', 'corrected', 'disappeared')),
  PRIMARY KEY (type, id)) STRICT;

-- what people say in place of the chart: documents they bring, items they do without
CREATE TABLE IF NOT EXISTS supplied (
  item TEXT NOT NULL, sha256 TEXT NOT NULL, content_type TEXT NOT NULL, size INTEGER NOT NULL,
  title TEXT NOT NULL, date TEXT NOT NULL, loinc TEXT NOT NULL,
  PRIMARY KEY (item, sha256)) STRICT;
CREATE TABLE IF NOT EXISTS waiver (
  item TEXT PRIMARY KEY, waived_by TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL) STRICT;
-- single records that a person lets leave, or keeps, whatever the release rules say of them
CREATE TABLE IF NOT EXISTS ruling (
  record TEXT PRIMARY KEY, how TEXT NOT NULL CHECK (how IN ('release', 'keep')),
  ruled_by TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL) STRICT;

-- map: what was decided of each record, what the checklist found, what leaves
CREATE TABLE IF NOT EXISTS decision (
  type TEXT NOT NULL, id TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN
    ('selected', 'not-selected', 'withheld', 'entered-in-error', 'merged')),
  rule TEXT NOT NULL, reason TEXT NOT NULL, label TEXT NOT NULL DEFAULT '',
  because TEXT NOT NULL DEFAULT '', PRIMARY KEY (type, id)) STRICT;
CREATE TABLE IF NOT EXISTS item (
  seq INTEGER PRIMARY KEY, item TEXT NOT NULL, need TEXT NOT NULL, kind TEXT NOT NULL,
  why TEXT NOT NULL, ask TEXT NOT NULL, evidence TEXT NOT NULL,
  answered INTEGER NOT NULL DEFAULT 0) STRICT;
-- `body` is the packet form: own id is the derived id, references are Type/<derived id>
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('carried', 'authored')),
  source TEXT NOT NULL, sha256 TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (type, id)) STRICT;
CREATE INDEX IF NOT EXISTS entry_authored ON entry (source) WHERE origin = 'authored';
-- what rules changed in the records that leave, and what became of their elements (no values)
CREATE TABLE IF NOT EXISTS changed (
  type TEXT NOT NULL, id TEXT NOT NULL, rule TEXT NOT NULL, path TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('translated', 'changed', 'dropped')),
  PRIMARY KEY (type, id, rule, path)) STRICT;
CREATE TABLE IF NOT EXISTS coverage (
  path TEXT PRIMARY KEY, carried INTEGER NOT NULL, translated INTEGER NOT NULL,
  changed INTEGER NOT NULL, dropped INTEGER NOT NULL, untranslated INTEGER NOT NULL) STRICT;

-- update: entries as an earlier packet had them, where this one has them otherwise or no more; and
-- those that go anew under another id, since theirs was changed or deleted
CREATE TABLE IF NOT EXISTS former (
  type TEXT NOT NULL, id TEXT NOT NULL, origin TEXT NOT NULL, source TEXT NOT NULL,
  sha256 TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (type, id)) STRICT;
-- what the source had sent of each record when a packet with it was told
CREATE TABLE IF NOT EXISTS told (
  type TEXT NOT NULL, id TEXT NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
CREATE TABLE IF NOT EXISTS renewed (
  type TEXT NOT NULL, id TEXT NOT NULL, new_id TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;

-- push: what was sent in which write, where it stands now, what was read back
CREATE TABLE IF NOT EXISTS delivery _DELIVERY;
-- entries that left before something they refer to: `missing` are those, as a JSON list of keys
CREATE TABLE IF NOT EXISTS unfinished (
  type TEXT NOT NULL, id TEXT NOT NULL, missing TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
-- attachments that go ahead as Binary resources: `number` of those with data in the entry
CREATE TABLE IF NOT EXISTS parcel (
  id TEXT PRIMARY KEY, type TEXT NOT NULL, entry_id TEXT NOT NULL, number INTEGER NOT NULL) STRICT;
-- the destination's own words about writes that did not pass whole
CREATE TABLE IF NOT EXISTS answer (
  write_no INTEGER NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
-- what became of each resource when the packet was recalled
CREATE TABLE IF NOT EXISTS recalled (
  type TEXT NOT NULL, id TEXT NOT NULL, place TEXT NOT NULL,
  fate TEXT NOT NULL CHECK (fate IN ('going', 'deleted', 'gone', 'marked', 'kept', 'remains')),
  why TEXT NOT NULL, PRIMARY KEY (type, id)) STRICT;
"""

# What an older file needs beside further tables, by the version it has.
_CHANGES = {
    1: "ALTER TABLE item ADD COLUMN answered INTEGER NOT NULL DEFAULT 0;"
    "UPDATE item SET answered = (kind = 'present');",
    5: "CREATE TABLE delivery_now _DELIVERY;"
    "INSERT INTO delivery_now SELECT * FROM delivery ORDER BY rowid;"
    "DROP TABLE delivery; ALTER TABLE delivery_now RENAME TO delivery;",
    7: "ALTER TABLE decision ADD COLUMN label TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE decision ADD COLUMN because TEXT NOT NULL DEFAULT '';",
    8: "CREATE TABLE gap_now _GAP;"
    "INSERT INTO gap_now SELECT wanted(what), kind, json_array(why), expected FROM gap;"
    "DROP TABLE gap; ALTER TABLE gap_now RENAME TO gap;",
    9: "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "INSERT OR REPLACE INTO state SELECT CASE name WHEN 'state' THEN 'status'"
    " WHEN 'mapped' THEN 'mapped_with' WHEN 'identity' THEN 'route'"
    " WHEN 'doubt' THEN 'unknown_outcome' WHEN 'told' THEN 'unknown_outcome_said'"
    " WHEN 'doubts' THEN 'unknown_outcomes' WHEN 'doubles' THEN 'duplicates_decided'"
    " WHEN 'copies_kept' THEN 'duplicates_kept' WHEN 'risen' THEN 'undeleted'"
    " WHEN 'taken_back' THEN 'cancel_contents' WHEN 'write_no' THEN 'last_write'"
    " ELSE name END, value FROM fact"
    " WHERE name NOT IN ('source_software', 'second_write'); DROP TABLE fact;",
}


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
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA secure_delete = ON")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version < SCHEMA_VERSION:
                db.create_function("wanted", 1, lambda what: json.dumps(read(what)))
                changes = "".join(sql for older, sql in _CHANGES.items() if 0 < version <= older)
                db.executescript(
                    f"BEGIN IMMEDIATE;{_SCHEMA}{changes}".replace("_DELIVERY", _DELIVERY).replace(
                        "_GAP", _GAP
                    )
                    + f"PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
                )
            elif version > SCHEMA_VERSION:
                raise UsageError(
                    f"the case file has schema {version}, this program knows {SCHEMA_VERSION}",
                    "Use the version of connector that wrote it.",
                )
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
