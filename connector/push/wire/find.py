"""What stands at the destination already, by our tag or our ids: what settles an unclear write.

A server that ignores a parameter answers with everything it has: what a search returns is checked
against what was asked.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any, NamedTuple

from ...errors import Answered, DestinationRefused, Held
from ...fhir.lossless import UndecodableError
from ...fhir.shapes import dicts
from ...fhir.systems import TAG
from ..session import Session, parts
from .read import meta_of, resource, search, version_of

_TAGS_AT_ONCE = 100
_TAG_LENGTH = 3 * len(TAG) // 2 + 40  # in a URL, its colons and the id after it encoded


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
    tags = dicts(meta_of(resource).get("tag"))
    return {str(tag.get("code")) for tag in tags if tag.get("system") == TAG}


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
        made = str(meta_of(there).get("lastUpdated", ""))
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
