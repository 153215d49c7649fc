"""One look at the destination: a resource read, a search of all pages, many that we brought.

Searches go by POST: identifiers stay out of URLs, and a hundred tags do not fit into one. Nothing
is answered from the server's own cache.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from ...errors import Answered, EndpointError
from ...fhir.bundle import PageEntry, page
from ...fhir.lossless import UndecodableError, decode
from ...fhir.outcome import issues
from ...fhir.record import peek
from ...store.sent.delivery import Delivery
from ..session import Session, parts

# How many are read between two commits: what a crash makes us read again.
AT_ONCE = 500
_IN_ONE_SEARCH = 100
_ID_LENGTH = 37  # a UUID and a comma
_WORTH_A_SEARCH = 10  # of one type
_VERSION = re.compile(r"[!#-~]{1,64}", re.ASCII)
_PAGES_MAX = 100


def read(session: Session, reference: str) -> bytes | None:
    """The resource at `Type/id` as it is now; None if there is none or it was deleted."""
    try:
        return session.endpoint.get(reference, f"{parts(reference)[0]} read", fresh=True).body
    except Answered as error:
        if error.status in (404, 410):
            return None
        raise


def read_version(session: Session, reference: str) -> tuple[bool, str | None]:
    """Whether a resource stands at `Type/id`, and in which version as it says."""
    body = read(session, reference)
    return body is not None, version_of(resource(body)) if body is not None else None


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


def _hides(outcome: bytes) -> bool:
    """Whether an OperationOutcome among the results says that some may be missing."""
    found = issues(decode(outcome))
    return found is None or any(issue.left_out for issue in found)


def shown(session: Session, pool: Executor, rows: Sequence[Delivery]) -> dict[Delivery, bytes]:
    """What searches show of `rows`; not all of them, and perhaps not the latest."""
    groups = list(_groups(rows, session.endpoint.at_once(_IN_ONE_SEARCH, _ID_LENGTH)))
    found = pool.map(
        lambda some: _read_many(session, some[0].type, [str(row.target_id) for row in some]), groups
    )
    return {
        row: body
        for some, bodies in zip(groups, found, strict=True)
        for row in some
        if (body := bodies.get(str(row.target_id))) is not None
    }


def standing(session: Session, rows: Sequence[Delivery]) -> Iterator[tuple[Delivery, bytes | None]]:
    """Each of `rows` as it stands; None where nothing does any more."""
    with ThreadPoolExecutor(session.settings.connections) as pool:
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            found = shown(session, pool, some)
            yield from found.items()
            rest = [row for row in some if row not in found]
            bodies = pool.map(lambda row: read(session, f"{row.type}/{row.target_id}"), rest)
            yield from zip(rest, bodies, strict=True)


def _groups(rows: Sequence[Delivery], size: int) -> Iterator[list[Delivery]]:
    """Rows of one type that are worth a search, no more than `size`, which fit into one."""
    types: dict[str, list[Delivery]] = {}
    for row in rows:
        types.setdefault(row.type, []).append(row)
    for some in types.values():
        if len(some) >= _WORTH_A_SEARCH:
            yield from (some[at : at + size] for at in range(0, len(some), size))


def _read_many(session: Session, resource_type: str, ids: Sequence[str]) -> dict[str, bytes]:
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


def resource(body: bytes) -> dict[str, Any]:
    """The decoded resource of an answer. Raises `UndecodableError` for what is no JSON object."""
    found = decode(body)
    if not isinstance(found, dict):
        raise UndecodableError("not a resource")
    return found


def version_of(resource: dict[str, Any]) -> str | None:
    """`meta.versionId` of a decoded resource; None for what can't stand in an If-Match."""
    return as_version(meta_of(resource).get("versionId"))


def as_version(value: Any) -> str | None:
    """What a server calls a version, if it can be one (RFC 9110 8.8.3); some write a number."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return text if _VERSION.fullmatch(text) else None


def meta_of(resource: Any) -> dict[str, Any]:
    """`meta` of a decoded resource; empty where there is none."""
    meta = resource.get("meta") if isinstance(resource, dict) else None
    return meta if isinstance(meta, dict) else {}
