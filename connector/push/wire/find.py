"""What stands at the destination already: the reading by which an unclear write is settled.

Searches go by POST (identifiers stay out of URLs, and a hundred tags do not fit into one) and are
never answered from the server's own cache. What a search returns is checked against what was
asked: a server that ignores a parameter answers with everything it has.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any, NamedTuple

from ...errors import Answered, DestinationRefused, EndpointError, Held
from ...fhir.bundle import PageEntry, page
from ...fhir.lossless import UndecodableError, decode
from ...fhir.outcome import issues
from ...fhir.record import peek
from ...fhir.shapes import dicts
from ...fhir.systems import TAG
from ..session import Session, parts

_TAGS_AT_ONCE = 100
_VERSION = re.compile(r"[!#-~]{1,64}", re.ASCII)
_TAG_LENGTH = 3 * len(TAG) // 2 + 40  # in a URL, its colons and the id after it encoded
_PAGES_MAX = 100


class Place(NamedTuple):
    """Where a resource stands: `Type/id` there, and its version if the server said so."""

    type: str
    id: str
    version: str | None

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"


def find(session: Session, keys: Iterable[str]) -> dict[str, Place]:
    """Those of `keys` (`Type/<derived id>`) that stand there, by our ids or by our tag.

    Raises `Held`: `doubled` if one stands there twice, `theirs` or `deleted` if under our own id
    there is a record that is not ours, or was one that somebody deleted.
    """
    return _by_id(session, keys) if session.settings.write == "put" else by_tag(session, keys)


def by_tag(session: Session, keys: Iterable[str]) -> dict[str, Place]:
    """Those of `keys` that stand there with our tag.

    Raises `Held` (`doubled`), unless somebody said of the copies that they may stand.
    """
    kept = set(session.case.state.duplicates_kept)
    found: dict[str, Place] = {}
    for key, places in tagged(session, keys).items():
        left = [place for place in places if place.reference not in kept] or places
        if len(left) > 1:
            raise doubled([key])
        found[key] = left[0]
    return found


def doubled(keys: Iterable[str]) -> Held:
    """What is said of records that stand more than once."""
    names = ", ".join(sorted({parts(key)[0] for key in keys}))
    return Held(
        "doubled",
        f"records of ours stand at the destination more than once: {names}",
        "`echo remove | connector resolve CASE --choose -` takes away the copies that nobody"
        " changed; `keep` leaves them as they are.",
    )


def search(
    session: Session, resource_type: str, parameters: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The decoded matches of a search by POST, all pages."""
    what = f"{resource_type} search"
    body = session.endpoint.search(resource_type, parameters, what).body
    return (resource(entry.body) for entry in matches(session, body, what))


def matches(session: Session, body: bytes, what: str) -> Iterator[PageEntry]:
    """The matches on the searchset `body` and on all pages after it.

    Raises `UndecodableError` for what is no clean searchset: then nobody knows what stands there.
    """
    seen: set[str] = set()
    shown = 0
    while True:
        found = page(body)
        for entry in found.entries:
            if entry.mode == "broken":
                raise UndecodableError("a search result without its resource")
            if entry.mode == "outcome" and _hides(entry.body):
                raise UndecodableError(f"{what}: an error stands among the results")
            if entry.mode == "match":
                yield entry
        shown += len(found.entries)
        url = found.next_url
        if url is None:
            if found.total and not shown:
                raise UndecodableError(f"{what}: matches are counted and none is shown")
            return
        if url in seen or len(seen) >= _PAGES_MAX:
            raise UndecodableError("a search whose pages do not end")
        seen.add(url)
        body = session.endpoint.get(url, what, fresh=True).body


def read(session: Session, reference: str) -> bytes | None:
    """The resource at `Type/id` as it is now; None if there is none or it was deleted."""
    try:
        return session.endpoint.get(reference, f"{parts(reference)[0]} read", fresh=True).body
    except Answered as error:
        if error.status in (404, 410):
            return None
        raise


def read_many(session: Session, resource_type: str, ids: Sequence[str]) -> dict[str, bytes]:
    """Resources as a search by `_id` shows them, by id: those of `ids` on its first page.

    What is missing is to be read by itself: a server may pass over the parameter, show less on a
    page, or not search this type. No more than a hundred ids at once.
    """
    parameters = {"_id": ",".join(ids), "_count": str(len(ids))}
    try:
        answer = session.endpoint.search(resource_type, parameters, f"{resource_type} search")
        matches = [entry.body for entry in page(answer.body).entries if entry.mode == "match"]
        found = {peek(body).id: body for body in matches if not peek(body).subsetted}
    except (EndpointError, UndecodableError):
        return {}
    return {one: found[one] for one in ids if one in found}


def _hides(outcome: bytes) -> bool:
    """Whether an OperationOutcome among the results says that some may be missing."""
    found = issues(decode(outcome))
    return found is None or any(issue.left_out for issue in found)


def resource(body: bytes) -> dict[str, Any]:
    """The decoded resource of an answer. Raises `UndecodableError` for what is no JSON object."""
    found = decode(body)
    if not isinstance(found, dict):
        raise UndecodableError("not a resource")
    return found


def version_of(resource: dict[str, Any]) -> str | None:
    """`meta.versionId` of a decoded resource; None for what can't stand in an If-Match."""
    return as_version(_meta(resource).get("versionId"))


def as_version(value: Any) -> str | None:
    """What a server calls a version, if it can be one (RFC 9110 8.8.3); some write a number."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _VERSION.fullmatch(text) else None


def read_version(session: Session, reference: str) -> tuple[bool, str | None]:
    """Whether a resource stands at `Type/id`, and in which version as it says."""
    body = read(session, reference)
    return body is not None, version_of(resource(body)) if body is not None else None


def made_once(session: Session, place: Place) -> bool:
    """Whether what stands at `place` is as it was created: nobody has written it since.

    A first version is mostly called 1; where it is not, its history has just that one
    (http.html#history). True where the server knows no versions.
    """
    if place.version in (None, "1"):
        return True
    try:
        body = session.endpoint.get(f"{place.reference}/_history", f"{place.type} history").body
        entries = resource(body).get("entry")
    except (Answered, UndecodableError):
        return False
    return isinstance(entries, list) and len(entries) == 1


def tags_of(resource: Any) -> set[str]:
    """The codes of our own tag on a decoded resource: derived ids."""
    tags = dicts(_meta(resource).get("tag"))
    return {str(tag.get("code")) for tag in tags if tag.get("system") == TAG}


def _meta(resource: Any) -> dict[str, Any]:
    meta = resource.get("meta") if isinstance(resource, dict) else None
    return meta if isinstance(meta, dict) else {}


def tagged(session: Session, keys: Iterable[str], *, strict: bool = True) -> dict[str, list[Place]]:
    """Where each of `keys` stands by our tag, what was made first before the others.

    `strict`: an answer with records that do not carry our tags is an error, else they are passed
    over. Raises `DestinationRefused`.
    """
    found: dict[str, dict[str, tuple[str, Place]]] = {}
    for resource_type, group in groupby(sorted(keys), key=lambda key: parts(key)[0]):
        ids = [parts(key)[1] for key in group]
        size = session.endpoint.at_once(_TAGS_AT_ONCE, _TAG_LENGTH)
        for at in range(0, len(ids), size):
            some = ids[at : at + size]
            for place, derived, made in _tagged(session, resource_type, some, strict=strict):
                seen = found.setdefault(f"{resource_type}/{derived}", {})
                seen[place.reference] = made, place
    return {
        key: [place for _, place in sorted(seen.values(), key=lambda one: (one[0], one[1].id))]
        for key, seen in found.items()
    }


def _tagged(
    session: Session, resource_type: str, ids: list[str], *, strict: bool
) -> Iterator[tuple[Place, str, str]]:
    """(place, derived id, when it was written last) of what carries one of our tags `ids`."""
    parameters = {"_tag": ",".join(f"{TAG}|{i}" for i in ids), "_elements": "id,meta"}
    try:
        resources = list(search(session, resource_type, parameters))
    except Answered as error:
        if error.status == 404:  # a type this server does not know: nothing of it can stand there
            return
        raise
    for there in resources:
        ours = tags_of(there) & set(ids)
        if not ours and strict:
            raise DestinationRefused(
                "the destination does not search by _tag: it returned records without our tag",
                'Set write = "put" for this destination, if it takes ids of ours.',
            )
        if not isinstance(there.get("id"), str):
            raise UndecodableError("a search result without an id")
        place = Place(resource_type, there["id"], version_of(there))
        made = str(_meta(there).get("lastUpdated", ""))
        yield from ((place, derived, made) for derived in ours)


def _by_id(session: Session, keys: Iterable[str]) -> dict[str, Place]:
    wanted = list(keys)
    with ThreadPoolExecutor(session.settings.connections) as pool:
        places = pool.map(lambda key: _own(session, key), wanted)
        return {key: place for key, place in zip(wanted, places, strict=True) if place}


def _own(session: Session, key: str) -> Place | None:
    resource_type, derived = parts(key)
    try:
        answer = session.endpoint.get(key, f"{resource_type} read", fresh=True)
    except Answered as error:
        if error.status == 404:
            return None
        if error.status == 410:
            raise Held(
                "deleted",
                f"a {resource_type} of ours was deleted at the destination; sending it again"
                " would undo that",
                "Ask the people who run the destination why, and exclude it from the request.",
            ) from None
        raise
    there = resource(answer.body)
    if derived not in tags_of(there):
        raise Held(
            "theirs",
            f"a {resource_type} that is not ours stands under our id at the destination",
            "Ask the people who run the destination; nothing was written over it.",
        )
    return Place(resource_type, derived, version_of(there))
