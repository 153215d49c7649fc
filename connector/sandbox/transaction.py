"""Writes: one or many changes together, all or none. A single PUT is a transaction of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from . import search
from .behaviour import Behaviour
from .outcome import Refusal, Resource
from .parameters import PARAMETERS
from .references import conditional, local, rewrite
from .store import Store, Version


@dataclass(frozen=True)
class Change:
    """One write asked for: `url` is `Type`, `Type/id` or `Type?query`, as in Bundle.entry.request.

    `resource` is decoded for this change alone: it may be altered.
    """

    method: str
    url: str
    resource: Resource | None = None
    full_url: str | None = None
    if_match: str | None = None
    if_none_exist: str | None = None


@dataclass(frozen=True)
class Applied:
    """What became of a change: HTTP status, and the version that stands.

    `version` is None when there was nothing to delete.
    """

    status: int
    version: Version | None


@dataclass(frozen=True)
class _Target:
    """What a change is about: `found` is the present resource, `query` the condition, if any."""

    reference: str
    found: Version | None
    query: search.Query = ()
    writes: bool = True


def apply(store: Store, behaviour: Behaviour, changes: Sequence[Change]) -> list[Applied]:
    """Carry out all changes, or raise the `Refusal` of the first that fails and do nothing."""
    targets = [_target(store, behaviour, change) for change in changes]
    _no_overlap(changes, targets)
    writing = _Writing(store, behaviour, changes, targets)
    staged = [writing.stage(*pair) for pair in zip(changes, targets, strict=True)]
    store.commit(applied.version for applied in staged if applied.version)
    return staged


def _target(store: Store, behaviour: Behaviour, change: Change) -> _Target:
    path, _, query_text = change.url.partition("?")
    name, _, id_ = path.partition("/")
    declared(behaviour, name)
    if change.method == "DELETE":
        if not id_ or query_text:
            raise Refusal(400, "not-supported", "Only one resource by its id can be deleted")
        return _Target(path, store.alive(path))
    if change.resource is None or change.resource.get("resourceType") != name:
        raise Refusal(400, "processing", f"The body must be a {name}")
    if change.method == "PUT" and id_:
        found = _by_id(store, change, path)
        if found.found is None and not (behaviour.update_create or {}).get(name, True):
            raise Refusal(405, "not-supported", f"A client may not name a new {name}")
        if behaviour.own_ids and found.found is None:
            return _Target(f"{name}/{store.new_id(name)}", None)
        return found
    if change.method == "PUT" and query_text:
        return _by_query(store, name, query_text)
    if change.method != "POST" or id_ or query_text:
        raise Refusal(400, "processing", f"Invalid {change.method} of {change.url}")
    if change.if_none_exist and behaviour.conditional_create:
        condition = change.if_none_exist.rpartition("?")[2]
        target = _by_query(store, name, condition)
        return _Target(target.reference, target.found, target.query, writes=target.found is None)
    return _Target(f"{name}/{store.new_id(name)}", None)


def _by_id(store: Store, change: Change, reference: str) -> _Target:
    id_ = reference.partition("/")[2]
    if change.resource is not None and change.resource.get("id") != id_:
        raise Refusal(400, "processing", "The id in the body must be the one in the URL")
    if local(reference) != reference:
        raise Refusal(400, "processing", f"Invalid id {id_}")
    latest = store.latest(reference)
    if latest is None and id_.isdigit():
        text = f"No resource {reference} exists, and a client may not assign a numeric id"
        raise Refusal(400, "processing", text)
    return _Target(reference, store.alive(reference))


def _by_query(store: Store, name: str, text: str) -> _Target:
    query = parse_qsl(text, keep_blank_values=True)
    found = search.matches(store, name, query)
    if len(found) > 1:
        text = f"Invalid match URL {name}?{text} - Multiple resources match this search"
        raise Refusal(412, "multiple-matches", text)
    # HAPI assigns the id of its own, also where the body names one.
    reference = found[0].reference if found else f"{name}/{store.new_id(name)}"
    return _Target(reference, found[0] if found else None, query)


def _no_overlap(changes: Sequence[Change], targets: Sequence[_Target]) -> None:
    """Refuse two entries for one resource (R4 http.html#trules), under whatever names."""
    full_urls = [change.full_url for change in changes if change.full_url]
    # Two conditions that find nothing get two new ids, so they are compared as written.
    conditions = [
        f"{change.url}?{change.if_none_exist}"
        for change, target in zip(changes, targets, strict=True)
        if target.query and not target.found
    ]
    references = [target.reference for target in targets if target.writes]
    for keys in (full_urls, conditions, references):
        twice = {key for key in keys if keys.count(key) > 1} if len(set(keys)) < len(keys) else ()
        for key in sorted(twice):
            raise Refusal(400, "processing", f"Transaction contains multiple resources with {key}")


class _Writing:
    """The new versions of one transaction, made against the store as it was before it."""

    def __init__(
        self,
        store: Store,
        behaviour: Behaviour,
        changes: Sequence[Change],
        targets: Sequence[_Target],
    ) -> None:
        self._store = store
        self._behaviour = behaviour
        pairs = list(zip(changes, targets, strict=True))
        self._renamed = {c.full_url: t.reference for c, t in pairs if c.full_url}
        self._deleted = {t.reference for c, t in pairs if c.method == "DELETE"}
        self._written = {t.reference for t in targets} - self._deleted

    def stage(self, change: Change, target: _Target) -> Applied:
        """The version a change leads to. Raises `Refusal`."""
        if change.method == "DELETE":
            if self._behaviour.if_match_on_delete:
                self._must_be_current(change, target)
            return self._delete(target)
        if target.found and not target.writes:
            return Applied(200, target.found)
        self._must_be_current(change, target)
        assert change.resource is not None  # _target refused the others
        rewrite(change.resource, self._resolve, self._renamed)
        resource = self._behaviour.stored(change.resource)
        version = self._store.successor(resource, target.reference)
        if not target.found and not search.satisfies(version, target.query):
            raise Refusal(400, "processing", "The resource does not satisfy its conditional URL")
        return Applied(200 if target.found else 201, version)

    def _must_be_current(self, change: Change, target: _Target) -> None:
        if (
            change.if_match
            and self._behaviour.if_match
            and target.found
            and number(change.if_match) != target.found.number
        ):
            text = f"Trying to write over {target.reference}, but not its current version"
            raise Refusal(self._behaviour.stale_status, "conflict", text)

    def _delete(self, target: _Target) -> Applied:
        if target.found is None:
            return Applied(200, None)
        for source in self._store.referrers(target.reference):
            if self._behaviour.integrity and source.reference not in self._deleted:
                text = f"{target.reference} is referred to by {source.reference}"
                raise Refusal(409, "conflict", text)
        return Applied(200, self._store.tombstone(target.found))

    def _resolve(self, reference: str) -> str:
        """A reference as it is stored: placeholders and conditions replaced, versions cut off."""
        if reference in self._renamed:
            return self._renamed[reference]
        if reference.startswith("#"):
            return reference
        if condition := conditional(reference):
            return self._only(*condition)
        target = local(reference)
        if self._behaviour.integrity:
            self._must_stand(reference, target)
        return target or reference

    def _only(self, name: str, query: str) -> str:
        found = _by_query(self._store, name, query).found
        if found is None:
            text = f"Invalid match URL {name}?{query} - No resources match this search"
            raise Refusal(404, "processing", text)
        return found.reference

    def _must_stand(self, reference: str, target: str | None) -> None:
        if target is None:
            text = f"Reference {reference} is neither local nor one of the transaction's entries"
            raise Refusal(400, "processing", text)
        if target.partition("/")[0] not in PARAMETERS:
            raise Refusal(422, "processing", f"Invalid type in reference {reference}")
        stands = target in self._written or self._store.alive(target)
        if not stands or target in self._deleted:
            raise Refusal(400, "processing", f"Resource {target} not found")


def declared(behaviour: Behaviour, name: str) -> None:
    """Refuse a type this server does not serve."""
    if name not in types(behaviour):
        raise Refusal(404, "not-supported", f"Unknown resource type {name}")


def types(behaviour: Behaviour) -> frozenset[str]:
    """The types this server declares."""
    return frozenset(PARAMETERS) if behaviour.types is None else behaviour.types


def number(etag: str) -> int | None:
    """The version number in an ETag, weak or not; None if it holds none."""
    text = etag.strip().removeprefix("W/").strip('"')
    return int(text) if text.isdigit() else None
