"""Single records: by id, or by a search that should find one."""

from collections.abc import Mapping
from urllib.parse import quote

from ..endpoint import Endpoint
from ..errors import NotFhir
from ..fhir import bundle
from ..fhir.lossless import UndecodableError
from ..fhir.record import Peek, peek

_PAGES_MAX = 20


def read(source: Endpoint, resource_type: str, resource_id: str) -> bytes:
    """The current version of one resource, as sent. Raises `EndpointError`."""
    url = f"{resource_type}/{quote(resource_id)}"
    return source.get(url, f"{resource_type} read").body


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


def page_of(body: bytes, what: str) -> bundle.Page:
    """One page of a searchset. Raises `NotFhir`."""
    try:
        return bundle.page(body)
    except UndecodableError:
        raise NotFhir(f"{what}: the answer is not a FHIR Bundle") from None


def peek_of(body: bytes, what: str) -> Peek:
    """Type and id of a resource. Raises `NotFhir`."""
    try:
        return peek(body)
    except UndecodableError:
        raise NotFhir(f"{what}: the answer is not a FHIR resource") from None
