"""A scratch database about the records of given files, gone with its connection.

SQLite removes it, and spills to an unlinked file of mode 0600 when it is large. `key`: type and id.
"""

import sqlite3
from collections.abc import Iterable, Iterator

Key = tuple[str, str]

_SCHEMA = """
CREATE TABLE known (
  type TEXT, id TEXT, sha256 TEXT, updated TEXT, body BLOB, contradicted INTEGER DEFAULT 0,
  PRIMARY KEY (type, id));
CREATE TABLE name (reference TEXT, type TEXT, id TEXT, PRIMARY KEY (reference, type, id));
CREATE TABLE deleted (type TEXT, id TEXT, moment TEXT, PRIMARY KEY (type, id));
CREATE TABLE theirs (reference TEXT PRIMARY KEY);
CREATE TABLE visit (reference TEXT, type TEXT, id TEXT, item BLOB);
CREATE TABLE unnamed (type TEXT, id TEXT, item BLOB, why TEXT, PRIMARY KEY (type, id));
BEGIN;
"""


class Scratch:
    """Used by one thread; to be closed."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def add(self, key: Key, digest: str, updated: str, body: bytes | None) -> None:
        """Keep a record, in place of one of the same key."""
        self._db.execute(
            "INSERT OR REPLACE INTO known (type, id, sha256, updated, body) VALUES (?, ?, ?, ?, ?)",
            (*key, digest, updated, body),
        )

    def known(self, key: Key) -> tuple[str, str] | None:
        """Hash of a record, and when it was last changed."""
        sql = "SELECT sha256, updated FROM known WHERE type = ? AND id = ?"
        found: tuple[str, str] | None = self._db.execute(sql, key).fetchone()
        return found

    def body(self, key: Key) -> bytes | None:
        """The bytes of a record that was added with them."""
        found = self._db.execute("SELECT body FROM known WHERE type = ? AND id = ?", key).fetchone()
        return found[0] if found else None

    def contradict(self, key: Key) -> None:
        """Say that there is another record of this key."""
        self._db.execute("UPDATE known SET contradicted = 1 WHERE type = ? AND id = ?", key)

    def contradicted(self, key: Key) -> bool:
        sql = "SELECT contradicted FROM known WHERE type = ? AND id = ?"
        found = self._db.execute(sql, key).fetchone()
        return bool(found and found[0])

    def call(self, references: Iterable[str], key: Key) -> None:
        """Say how a record is referred to."""
        self._db.executemany(
            "INSERT OR IGNORE INTO name VALUES (?, ?, ?)", [(name, *key) for name in references]
        )

    def called(self, reference: str) -> list[Key]:
        """The records that are referred to so."""
        rows = self._db.execute("SELECT type, id FROM name WHERE reference = ?", (reference,))
        return [(str(t), str(i)) for t, i in rows]

    def delete(self, key: Key, moment: str) -> None:
        """Say when a record was deleted; the latest deletion counts."""
        self._db.execute(
            "INSERT INTO deleted VALUES (?, ?, ?) ON CONFLICT (type, id)"
            " DO UPDATE SET moment = max(moment, excluded.moment)",
            (*key, moment),
        )

    def deleted(self, key: Key) -> str | None:
        """When a record was deleted; None if it was not."""
        sql = "SELECT moment FROM deleted WHERE type = ? AND id = ?"
        found = self._db.execute(sql, key).fetchone()
        return str(found[0]) if found else None

    def add_theirs(self, references: Iterable[str]) -> None:
        """Say how records of other patients are referred to."""
        rows = [(reference,) for reference in references]
        self._db.executemany("INSERT OR IGNORE INTO theirs VALUES (?)", rows)

    def is_theirs(self, *references: str) -> bool:
        """Whether one of these refers to a record of another patient."""
        marks = ", ".join("?" * len(references))
        sql = f"SELECT 1 FROM theirs WHERE reference IN ({marks})"  # noqa: S608 - marks
        return self._db.execute(sql, references).fetchone() is not None

    def add_visit(self, reference: str, key: Key, place: bytes) -> None:
        """Say which encounter a record belongs to."""
        self._db.execute("INSERT INTO visit VALUES (?, ?, ?, ?)", (reference, *key, place))

    def visits(self) -> list[tuple[str, Key, bytes]]:
        """The references to encounters, in order; none where nothing is another patient's."""
        if self._db.execute("SELECT 1 FROM theirs").fetchone() is None:
            return []
        rows = self._db.execute("SELECT * FROM visit ORDER BY rowid").fetchall()
        return [(reference, (t, i), place) for reference, t, i, place in rows]

    def add_unnamed(self, key: Key, place: bytes, why: str) -> None:
        """Keep a record that does not say whose it is, and why nobody can tell."""
        self._db.execute("INSERT OR REPLACE INTO unnamed VALUES (?, ?, ?, ?)", (*key, place, why))

    def unnamed(self) -> Iterator[tuple[Key, bytes, str]]:
        """Those records, in order."""
        for t, i, place, why in self._db.execute("SELECT * FROM unnamed ORDER BY rowid"):
            yield (t, i), place, why
