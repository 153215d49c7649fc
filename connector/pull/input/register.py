"""What given files hold, by every name it can be referred to: fullUrl, `Type/id`, identifier.

Only names of the patient's own records, which are in the case file, and whole records that are
nobody's (practitioners, medications), until something refers to them (`store/pulled/scratch.py`).
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

from ...fhir.lossless import decode, encode, members
from ...fhir.references import Kind, literal, parse, tidy
from ...fhir.shapes import objects_in
from ...store.pulled.chart import Record
from ...store.pulled.scratch import Scratch
from ..bases import base_of
from ..last_updated import updated

Standing = Literal["new", "same", "older", "contradicts"]
Where = tuple[str, str, int]  # in the files (files_told.Place)


class Key(NamedTuple):
    """Type and id of a record that the files hold."""

    type: str
    id: str


class Register:
    """Used by one thread; to be closed (`contextlib.closing`)."""

    def __init__(self) -> None:
        self._rows = Scratch()
        self._bases: set[str] = set()

    def close(self) -> None:
        """Forget everything."""
        self._rows.close()

    def add(self, full_url: str, record: Record, *, keep: bool) -> Standing:
        """Note a record, its body too if `keep`; says how it stands to one of the same id.

        Of two versions the one updated later counts (Resource.meta.lastUpdated), whatever their
        order; without that nobody can tell, and the first stays (`contradicted` says so later).
        """
        self._note(full_url, record)
        key = (record.type, record.id)
        changed = updated(record.body)
        before = self._rows.known(key)
        if before is not None:
            if before[0] == record.sha256:
                return "same"
            if not (changed and before[1]) or changed == before[1]:
                self._rows.contradict(key)
                return "contradicts"
            if changed < before[1]:
                return "older"
        self._rows.add(key, record.sha256, changed, record.body if keep else None)
        return "new"

    def call(self, reference: str, key: Key) -> None:
        """Note one more way to refer to a record."""
        self._rows.call([reference], key)

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
        key = Key(target.type, target.id)
        return [key] if self._rows.known(key) else []

    def body(self, key: Key) -> bytes | None:
        """A record that was added with `keep`."""
        return self._rows.body(key)

    def delete(self, key: Key, when: str) -> None:
        """Note that a record was deleted; the latest deletion counts."""
        self._rows.delete(key, when)

    def deleted(self, key: Key, body: bytes) -> bool:
        """Whether this version of a record was deleted: unless it is known to be a later one."""
        when = self._rows.deleted(key)
        return when is not None and not (when and updated(body) > when)

    def add_theirs(self, full_url: str, key: Key, body: bytes) -> None:
        """Note how a record of another patient is referred to, and nothing else of it."""
        called = [f"{key.type}?identifier={token}" for token in tokens(body)]
        names = (full_url, f"{key.type}/{key.id}", *called)
        self._rows.add_theirs(name for name in names if name)

    def add_visit(self, reference: str, key: Key, place: Where) -> None:
        """Note which encounter a record of ours belongs to."""
        self._rows.add_visit(reference, key, encode(place))

    def visits(self) -> list[tuple[Key, Where]]:
        """The records of ours that belong to an encounter of another patient."""
        rows = self._rows.visits()
        return [(Key(*key), _where(item)) for ref, key, item in rows if self._is_theirs(ref)]

    def _is_theirs(self, reference: str) -> bool:
        found = literal(reference)
        plain = tidy(reference) if found is None else f"{found.type}/{found.id}"
        return self._rows.is_theirs(reference, plain)

    def add_unnamed(self, key: Key, place: Where, why: str) -> None:
        """Note a record that does not say whose it is; it is added with `keep` too."""
        self._rows.add_unnamed(key, encode(place), why)

    def unnamed(self) -> Iterator[tuple[Key, Where, str]]:
        """What `add_unnamed` noted."""
        for key, item, why in self._rows.unnamed():
            yield Key(*key), _where(item), why

    def contradicted(self, key: Key) -> bool:
        """Whether the files hold another record under this id, and nobody can tell which counts."""
        return self._rows.contradicted(key)

    def _note(self, full_url: str, record: Record) -> None:
        names = {f"{record.type}?identifier={token}" for token in tokens(record.body)}
        if full_url:
            names.add(full_url)
            if (base := base_of(full_url)) is not None:
                self._bases.add(base)
        self._rows.call(names, Key(record.type, record.id))

    def _named(self, reference: str) -> list[Key]:
        return [Key(*key) for key in self._rows.called(reference)]


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
