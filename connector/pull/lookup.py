"""Single exchanges: a record by id, a search that should find one, a page, a count."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

from ..endpoint import Answer, Endpoint
from ..errors import Answered, EndpointError, NotFhir
from ..fhir import bundle
from ..fhir.lossless import UndecodableError, decode, members
from ..fhir.outcome import codes, issues
from ..fhir.record import Peek, peek
from ..fhir.shapes import objects_in

_PAGES_MAX = 20
DEMANDS = (400, 422)  # answers to a search that lacks something, or has what the server won't take
# Longer URLs are refused by some servers and proxies (HAPI: 8 kB): those searches are POSTed.
_URL_MAX = 2000


def read(source: Endpoint, resource_type: str, resource_id: str) -> bytes:
    """The current version of one resource, as sent. Raises `EndpointError`."""
    url = f"{resource_type}/{quote(resource_id)}"
    return source.get(url, f"{resource_type} read").body


def carries(body: bytes, token: str) -> bool:
    """Whether a resource has the identifier `system|value`: exactly this, in both parts.

    Of a token without `|` the value is meant, in any system (search.html#token).
    Raises `UndecodableError`.
    """
    system, bar, value = token.rpartition("|")
    found = members(body).get("identifier")
    listed = decode(found) if found is not None else []
    for item in objects_in(listed):
        if item.get("value") == value and (not bar or (item.get("system") or "") == system):
            return True
    return False


def find(source: Endpoint, resource_type: str, parameters: Mapping[str, str]) -> dict[str, bytes]:
    """All matches of a search by POST, id → resource as sent. Raises `EndpointError`."""
    what = f"{resource_type} search"
    answer = source.search(resource_type, parameters, what)
    found: dict[str, bytes] = {}
    for _ in range(_PAGES_MAX):
        page = page_of(answer.body, what)
        for entry in page.entries:
            if entry.mode == "broken":
                raise NotFhir(f"{what}: a record could not be read")
            if entry.mode == "match":
                seen = peek_of(entry.body, what)
                if seen.type == resource_type:
                    found[seen.id] = entry.body
        if page.next_url is None:
            return found
        answer = source.get(page.next_url, what)
    raise NotFhir(f"{what}: its pages do not end")


def ask(source: Endpoint, url: str, what: str) -> Answer:
    """The answer to a search as it stands now, however long its URL is. Raises `EndpointError`."""
    if "://" not in url and len(url) > _URL_MAX:
        resource_type, _, parameters = url.partition("?")
        return source.search(resource_type, dict(parse_qsl(parameters)), what)
    return source.get(url, what, fresh=True)


def count(source: Endpoint, url: str, name: str) -> int | None:
    """The server's own number of the records of a search; None if it does not say."""
    what = f"{name} count"
    try:
        return page_of(ask(source, f"{url}&_summary=count", what).body, what).total
    except EndpointError:
        return None


def page_of(body: bytes, what: str) -> bundle.Page:
    """One page of a searchset. Raises `NotFhir`; `Answered` for an OperationOutcome in its place.

    Its status is 200, which no other `Answered` has, where it only warns.
    """
    try:
        return bundle.page(body)
    except UndecodableError as error:
        why = str(error)
    try:
        said = issues(decode(body))
    except UndecodableError:
        said = None
    if said and not any(issue.left_out for issue in said):
        raise Answered(200, f"{what}: an OperationOutcome that only warns ({codes(said)})")
    raise NotFhir(f"{what}: the answer is not the result of a search ({why})")


def peek_of(body: bytes, what: str) -> Peek:
    """Type and id of a resource. Raises `NotFhir`."""
    try:
        return peek(body)
    except UndecodableError:
        raise NotFhir(f"{what}: the answer is not a FHIR resource") from None
