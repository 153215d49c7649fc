"""What the body of a request holds, and a Binary as the content that it holds."""

import base64
import binascii
from urllib.parse import parse_qsl

from ..fhir.lossless import decode
from .exchange import Request, Response
from .outcome import Refusal, Resource
from .search import Query
from .store import Version

_JSON_TYPES = {"application/fhir+json", "application/json", "application/json+fhir"}


def resource_of(request: Request) -> Resource:
    """The FHIR resource in a body. Raises `Refusal`, or `UndecodableError`."""
    if request.media_type("content-type") not in _JSON_TYPES:
        raise Refusal(415, "not-supported", "The body must be application/fhir+json")
    value = decode(request.body)
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise Refusal(400, "structure", "The body is not a FHIR resource")
    return value


def form_of(request: Request) -> Query:
    """The parameters of a search by POST, with those of its URL. Raises `Refusal`."""
    if request.media_type("content-type") != "application/x-www-form-urlencoded":
        raise Refusal(415, "not-supported", "A search by POST must be a form")
    return [
        *request.query,
        *parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True),
    ]


def asks_for_fhir(request: Request) -> bool:
    """Whether a Binary is wanted as a resource."""
    accepted = request.headers.get("accept", "")
    return "json" in accepted or "json" in dict(request.query).get("_format", "")


def raw(version: Version) -> Response:
    """A Binary as what it holds."""
    binary = decode(version.body)
    try:
        content = base64.b64decode(binary.get("data", ""), validate=True)
    except binascii.Error:
        raise Refusal(500, "exception", "The Binary does not hold base64") from None
    headers = {"Content-Type": binary["contentType"], "ETag": f'W/"{version.number}"'}
    return Response(200, content, headers)
