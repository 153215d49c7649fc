"""What given files hold, by every name it can be referred to: fullUrl, `Type/id`, identifier.

A scratch database that SQLite removes with the connection (it spills to an unlinked file of mode
0600 when it is large): only names of the patient's own records, which are in the case file, and
whole records that are nobody's (practitioners, medications), until something refers to them.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from ...fhir.lossless import decode, encode, members
from ...fhir.references import Kind, literal, parse, tidy
from ...fhir.shapes import objects_in
from ...store.chart import Record
from ..bases import base_of
from ..last_updated import updated

Standing = Literal["new", "same", "older", "contradicts"]
Where = tuple[str, str, int]  # in the files (files_told.Place)

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


class Key(NamedTuple):
    """Type and id of a record that the files hold."""

    type: str
    id: str


class Register:
    """Used by one thread; to be closed (`contextlib.closing`)."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_SCHEMA)
        self._bases: set[str] = set()

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def add(self, full_url: str, record: Record, *, keep: bool) -> Standing:
        """Note a record, its body too if `keep`; says how it stands to one of the same id.

        Of two versions the one updated later counts (Resource.meta.lastUpdated), whatever their
        order; without that nobody can tell, and the first stays (`contradicted` says so later).
        """
        self._note(full_url, record)
        key = (record.type, record.id)
        changed = updated(record.body)
        before = self._db.execute(
            "SELECT sha256, updated FROM known WHERE type = ? AND id = ?", key
        ).fetchone()
        if before is not None:
            if before[0] == record.sha256:
                return "same"
            if not (changed and before[1]) or changed == before[1]:
                self._db.execute("UPDATE known SET contradicted = 1 WHERE type = ? AND id = ?", key)
                return "contradicts"
            if changed < before[1]:
                return "older"
        self._db.execute(
            "INSERT OR REPLACE INTO known (type, id, sha256, updated, body) VALUES (?, ?, ?, ?, ?)",
            (*key, record.sha256, changed, record.body if keep else None),
        )
        return "new"

    def call(self, reference: str, key: Key) -> None:
        """Note one more way to refer to a record."""
        self._db.execute("INSERT OR IGNORE INTO name VALUES (?, ?, ?)", (reference, *key))

    def find(self, reference: str) -> list[Key]:
        """The records that `reference` may mean: one, or none, or several that nobody can tell."""
        if found := self._named(reference):
            return found
        base = base_of(reference)
        target = parse(reference, base or "")
        if target.kind is Kind.CONDITIONAL:
            parameters = parse_qsl(reference.partition("?")[2])
            if len(parameters) != 1 or parameters[0][0] != "identifier":
                return []
            return self._named(f"{target.type}?identifier={parameters[0][1]}")
        if target.kind is not Kind.LOCAL:
            return []
        if base is not None and self._bases:  # one version of a record of a server we know
            return self._named(f"{base}/{target.local}")
        # NDJSON doesn't say which server's it is: its absolute references are meant by their end.
        found = self._db.execute(
            "SELECT type, id FROM known WHERE type = ? AND id = ?", (target.type, target.id)
        ).fetchall()
        return [Key(*row) for row in found]

    def body(self, key: Key) -> bytes | None:
        """A record that was added with `keep`."""
        found = self._db.execute("SELECT body FROM known WHERE type = ? AND id = ?", key).fetchone()
        return found[0] if found else None

    def delete(self, key: Key, when: str) -> None:
        """Note that a record was deleted; the latest deletion counts."""
        self._db.execute(
            "INSERT INTO deleted VALUES (?, ?, ?) ON CONFLICT (type, id)"
            " DO UPDATE SET moment = max(moment, excluded.moment)",
            (*key, when),
        )

    def deleted(self, key: Key, body: bytes) -> bool:
        """Whether this version of a record was deleted: unless it is known to be a later one."""
        sql = "SELECT moment FROM deleted WHERE type = ? AND id = ?"
        found = self._db.execute(sql, key).fetchone()
        return found is not None and not (found[0] and updated(body) > found[0])

    def add_theirs(self, full_url: str, key: Key, body: bytes) -> None:
        """Note how a record of another patient is referred to, and nothing else of it."""
        called = [f"{key.type}?identifier={token}" for token in tokens(body)]
        names = [(name,) for name in (full_url, f"{key.type}/{key.id}", *called) if name]
        self._db.executemany("INSERT OR IGNORE INTO theirs VALUES (?)", names)

    def add_visit(self, reference: str, key: Key, place: Where) -> None:
        """Note which encounter a record of ours belongs to."""
        row = (reference, *key, encode(place))
        self._db.execute("INSERT INTO visit VALUES (?, ?, ?, ?)", row)

    def visits(self) -> list[tuple[Key, Where]]:
        """The records of ours that belong to an encounter of another patient."""
        if self._db.execute("SELECT 1 FROM theirs").fetchone() is None:
            return []
        rows = self._db.execute("SELECT * FROM visit ORDER BY rowid").fetchall()
        return [(Key(t, i), _where(item)) for ref, t, i, item in rows if self._is_theirs(ref)]

    def _is_theirs(self, reference: str) -> bool:
        found = literal(reference)
        plain = tidy(reference) if found is None else f"{found.type}/{found.id}"
        sql = "SELECT 1 FROM theirs WHERE reference IN (?, ?)"
        return self._db.execute(sql, (reference, plain)).fetchone() is not None

    def add_unnamed(self, key: Key, place: Where, why: str) -> None:
        """Note a record that does not say whose it is; it is added with `keep` too."""
        row = (*key, encode(place), why)
        self._db.execute("INSERT OR REPLACE INTO unnamed VALUES (?, ?, ?, ?)", row)

    def unnamed(self) -> Iterator[tuple[Key, Where, str]]:
        """What `add_unnamed` noted."""
        for type_, id_, item, why in self._db.execute("SELECT * FROM unnamed ORDER BY rowid"):
            yield Key(type_, id_), _where(item), why

    def contradicted(self, key: Key) -> bool:
        """Whether the files hold another record under this id, and nobody can tell which counts."""
        sql = "SELECT contradicted FROM known WHERE type = ? AND id = ?"
        found = self._db.execute(sql, key).fetchone()
        return bool(found and found[0])

    def _note(self, full_url: str, record: Record) -> None:
        names = {f"{record.type}?identifier={token}" for token in tokens(record.body)}
        if full_url:
            names.add(full_url)
            if (base := base_of(full_url)) is not None:
                self._bases.add(base)
        self._db.executemany(
            "INSERT OR IGNORE INTO name VALUES (?, ?, ?)",
            [(name, record.type, record.id) for name in names],
        )

    def _named(self, reference: str) -> list[Key]:
        rows = self._db.execute("SELECT type, id FROM name WHERE reference = ?", (reference,))
        return [Key(*row) for row in rows]


def tokens(body: bytes) -> Iterator[str]:
    """The identifiers of a resource as search tokens: `system|value`, and `value` alone."""
    found = _member(body, "identifier")
    for identifier in objects_in(found):
        value = identifier.get("value")
        if isinstance(value, str):
            yield f"{identifier.get('system') or ''}|{value}"
            yield value


def _member(body: bytes, name: str) -> Any:
    top = members(body)
    return decode(top[name]) if name in top else None


def _where(item: bytes) -> Where:
    file, inside, number = decode(item)
    return str(file), str(inside), int(number)
