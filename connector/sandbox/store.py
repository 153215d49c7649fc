"""The resources of one sandbox, in memory: every version, and an index by search term."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from ..fhir.lossless import canonical, decode, encode
from .outcome import Resource
from .references import links
from .terms import Term, terms

Ids = dict[str, None]  # an ordered set
_SERVER_SET = ("resourceType", "id", "meta")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource. `body` is its JSON; a deleted version has an empty one."""

    type: str
    id: str
    number: int
    updated: datetime
    body: bytes
    links: tuple[tuple[str, str], ...] = ()
    terms: frozenset[Term] = frozenset()

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def location(self) -> str:
        return f"{self.reference}/_history/{self.number}"

    @property
    def deleted(self) -> bool:
        return not self.body

    @property
    def last_updated(self) -> str:
        return instant(self.updated)

    @property
    def targets(self) -> set[str]:
        return {target for _, target in self.links}


class Store:
    """Versions are made by `successor` and `tombstone` and count once they are committed."""

    def __init__(self, clock_ahead_s: float = 0) -> None:
        self._ahead = timedelta(seconds=clock_ahead_s)
        self._history: dict[str, list[Version]] = {}
        self._alive: dict[str, dict[str, Version]] = {}
        self._index: dict[tuple[str, Term], Ids] = {}
        self._referrers: dict[str, Ids] = {}
        self._numbers = count(1000)

    def new_id(self, name: str) -> str:
        """A server-assigned id no resource of type `name` ever had: numeric, as HAPI's are."""
        return next(id_ for id_ in map(str, self._numbers) if f"{name}/{id_}" not in self._history)

    def latest(self, reference: str) -> Version | None:
        """The newest version of `Type/id`, which may be a deletion; None if there never was one."""
        history = self._history.get(reference)
        return history[-1] if history else None

    def alive(self, reference: str) -> Version | None:
        """The current version of `Type/id`; None if there is none or it was deleted."""
        version = self.latest(reference)
        return None if version is None or version.deleted else version

    def version(self, reference: str, number: str) -> Version | None:
        """One version by its number."""
        history = self._history.get(reference, [])
        return next((version for version in history if str(version.number) == number), None)

    def history(self, reference: str) -> list[Version]:
        """Every version of `Type/id`, the latest first."""
        return list(reversed(self._history.get(reference, [])))

    def of_type(self, name: str) -> dict[str, Version]:
        """Current versions of a type by id, oldest entry first."""
        return self._alive.get(name, {})

    def find(self, name: str, term: Term) -> Ids:
        """Ids of a type's current resources that carry a term."""
        return self._index.get((name, term), {})

    def referrers(self, reference: str) -> list[Version]:
        """Current resources that point at `Type/id`."""
        found = (self.alive(source) for source in self._referrers.get(reference, ()))
        return [version for version in found if version]

    def current(self) -> Iterator[Version]:
        """Everything that stands now."""
        for versions in self._alive.values():
            yield from versions.values()

    def successor(self, resource: Resource, reference: str) -> Version:
        """The version that follows from writing `resource`; the present one if nothing changes.

        Tags and security labels are added to those that stand, never removed (so does HAPI).
        """
        before = self.latest(reference)
        content = _content(resource)
        if before and not before.deleted:
            standing = _content(decode(before.body))
            _keep_labels(content, standing)
            if canonical(content) == canonical(standing):
                return before
        number = before.number + 1 if before else 1
        now = self._now()
        name, _, identifier = reference.partition("/")
        meta = {"versionId": str(number), "lastUpdated": instant(now), **content.pop("meta", {})}
        stamped: Resource = {"resourceType": name, "id": identifier, "meta": meta, **content}
        found = links(stamped)
        body = encode(stamped)
        return Version(name, identifier, number, now, body, found, terms(stamped, found))

    def tombstone(self, version: Version) -> Version:
        """The version that deletes `version`."""
        return Version(version.type, version.id, version.number + 1, self._now(), b"")

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def commit(self, versions: Iterable[Version]) -> None:
        """Make versions current, in order; one that already is stays as it is."""
        for version in versions:
            before = self.latest(version.reference)
            if before is not version:
                self._history.setdefault(version.reference, []).append(version)
                self._enter(version, before)

    def _enter(self, version: Version, before: Version | None) -> None:
        alive = self._alive.setdefault(version.type, {})
        if version.deleted:
            alive.pop(version.id, None)
        else:
            alive[version.id] = version
        for term in (before.terms if before else frozenset()) - version.terms:
            self._index[version.type, term].pop(version.id)
        for term in version.terms:
            self._index.setdefault((version.type, term), {})[version.id] = None
        for target in (before.targets if before else set()) - version.targets:
            self._referrers[target].pop(version.reference)
        for target in version.targets:
            self._referrers.setdefault(target, {})[version.reference] = None


def instant(moment: datetime) -> str:
    """A FHIR instant, in milliseconds."""
    return moment.isoformat(timespec="milliseconds")


def _content(resource: Resource) -> Resource:
    """A resource without what the server sets: type, id, version, time of change."""
    content = {name: value for name, value in resource.items() if name not in _SERVER_SET}
    meta = {
        name: value
        for name, value in resource.get("meta", {}).items()
        if name not in ("versionId", "lastUpdated")
    }
    return {**content, "meta": meta} if meta else content


def _keep_labels(content: Resource, standing: Resource) -> None:
    """Add to `content` the tags and security labels that `standing` has and it lacks."""
    meta, had = content.get("meta", {}), standing.get("meta", {})
    for name in ("tag", "security"):
        # The standing ones first: so the same labels in another order are no change.
        labels = list(had.get(name, []))
        keys = {_label(label) for label in labels}
        labels += [label for label in meta.get(name, []) if _label(label) not in keys]
        if labels:
            content["meta"] = meta = {**meta, name: labels}


def _label(coding: Resource) -> tuple[str | None, str | None]:
    return coding.get("system"), coding.get("code")
