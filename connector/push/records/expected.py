"""What each resource has to look like at the destination, and whether it does."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ...fhir.equality import Verdict, comparable, relation
from ...fhir.lossless import UndecodableError, canonical, decode, encode, sha256
from ...fhir.record import with_identity
from ...store.mapped import packet
from ...store.mapped.draft import announced, drafts
from ..session import LETTER, REQUEST, TASK, Session, key_of
from ..wire.find import Place
from ..wire.read import resource, version_of
from .reference_map import ReferenceMap

_STATUS = {
    Verdict.EQUAL: "verified",
    Verdict.FORM_CHANGED: "form-changed",
    Verdict.PRECISION_CHANGED: "precision-changed",
    Verdict.DIFFERS: "differs",
}


# What the receiving team changes while it works on the request (R4 task.html#statemachine): their
# work is no difference in what we delivered.
WORKFLOW = {
    REQUEST: frozenset({"status"}),
    TASK: frozenset(
        {"status", "statusReason", "businessStatus", "owner", "output", "note", "lastModified"}
        | {"executionPeriod"}
    ),
}


# What may differ in a request that was announced at another moment.
ANNOUNCED_ASIDE = WORKFLOW | {LETTER: frozenset({"status", "sent"})}


class Expected:
    """The packet as it has to stand there; announced at `announced_at` (FHIR dateTime) or not."""

    def __init__(self, session: Session, announced_at: str | None) -> None:
        self._session = session
        self._references = ReferenceMap(session)
        self._at = announced_at
        self.signals = {key_of(entry): entry.source for entry in drafts(session.case)}

    def of(self, key: str) -> bytes:
        """The entry `key` (`Type/<derived id>`) as the destination should hold it."""
        entry = self._session.entry(key)
        if self._at is not None and key in self.signals:
            entry = entry._replace(body=announced(entry, self._at))
        return self._references.render(entry)

    def unplaced(self, keys: Iterable[str]) -> list[str]:
        """Those of `keys` that are entries of the packet and have no place there yet."""
        there = self._references.places.keys() | self._references.lost
        return sorted(packet.names(self._session.case).keys() & set(keys) - there)

    def meet(self, places: Mapping[str, Place]) -> None:
        """Take note of where entries were found, for this comparison only."""
        self._references.places |= {key: place.reference for key, place in places.items()}

    def out(self, key: str) -> bytes:
        """A signal as it is announced, but for the moment."""
        entry = self._session.entry(key)
        return self._references.render(entry._replace(body=announced(entry)))

    def first(self, key: str, missing: Collection[str]) -> bytes:
        """The entry as it left when `missing` had no place yet."""
        return self._references.render(self._session.entry(key), without=missing)


class Reading(NamedTuple):
    """One resource read: status (`delivery.ARRIVED` or differs) and canonical hashes.

    `note`: which form was changed, or why it differs where that is known; codes and our own words.
    """

    status: str
    sent_sha256: str
    read_sha256: str
    version: str | None
    note: str = ""


def judge(
    target_id: str | None,
    expected: bytes,
    body: bytes | None,
    base_url: str,
    aside: Collection[str] = (),
) -> Reading:
    """What `body`, read under `target_id` (None: nothing there), proves about `expected`.

    `base_url`: of the destination. `aside`: top-level elements that may differ. The version of the
    reading is the one read.
    """
    sent_sha256 = canonical_sha256(expected)
    if body is None:
        return Reading("differs", sent_sha256, "", None)
    try:
        there = decode(body)
        if isinstance(there, dict) and there.get("id") == target_id:
            found = relation(_without(expected, aside), _without(body, aside), base_url)
            read, version = canonical_sha256(body), version_of(there)
            return Reading(_STATUS[found.verdict], sent_sha256, read, version, found.why)
    except UndecodableError:
        pass  # what can't be read is not what was sent
    return Reading("differs", sent_sha256, sha256(body), None)


def _without(body: bytes, names: Collection[str]) -> bytes:
    if not names:
        return body
    return encode({name: value for name, value in decode(body).items() if name not in names})


def content_sha256(body: bytes) -> str:
    """As `canonical_sha256`, without what a server keeps in `meta` for itself.

    So what was read is compared with what we meant to write, not with what was read.
    """
    return canonical_sha256(with_identity(body, None, ()))


def canonical_sha256(body: bytes) -> str:
    """SHA-256 of the form in which two records are equal (`fhir.equality`).

    Raises `UndecodableError` for what is no JSON object.
    """
    return sha256(canonical(comparable(resource(body))))
