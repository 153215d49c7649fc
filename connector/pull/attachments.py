"""Attachments that are kept elsewhere than in their record: fetched, checked, stored once.

FHIR R4 datatypes.html#Attachment, binary.html. `attachment` holds one row for each url as
written; content is checked against the size and SHA-1 that the record states.
"""

import base64
import binascii
import hashlib
from typing import Any

from ..errors import EndpointError, NotFhir
from ..fhir.lossless import UndecodableError, decode, sha256
from ..fhir.references import attachments
from ..store import chart
from .context import Pull
from .gaps import kind_of
from .records import Problem


def fetch_open(pull: Pull) -> None:
    """Fetch every attachment not settled yet. Raises `Waiting` or `SourceFailed`."""
    rows = pull.case.rows("SELECT url, type, id FROM attachment WHERE status = 'open' ORDER BY url")
    pull.workers.each(lambda row: _fetch(pull, *row), rows)


def _fetch(pull: Pull, url: str, resource_type: str, resource_id: str) -> None:
    if pull.workers.stopping:
        return
    record = chart.record(pull.case, resource_type, resource_id)
    stated = [a for a in attachments(record.body) if a["url"] == url] if record else []
    result = _content(pull, url, stated[0]) if stated else None
    if result is None:  # the record was replaced meanwhile and has no such attachment any more
        with pull.case.commit():
            pull.case.execute("DELETE FROM attachment WHERE url = ?", (url,))
    elif isinstance(result, Problem):
        with pull.case.commit():
            pull.case.execute("UPDATE attachment SET status = 'gap' WHERE url = ?", (url,))
        pull.missing.add("attachment", f"of {resource_type}", *result)
    else:
        content_type, content = result
        with pull.case.commit():
            pull.case.execute(
                "UPDATE attachment SET status = 'had', content_type = ?, sha256 = ?, body = ?"
                " WHERE url = ?",
                (content_type, sha256(content), content, url),
            )
        pull.tell(f"attachment of {resource_type}")


def _content(pull: Pull, url: str, stated: dict[str, Any]) -> tuple[str, bytes] | Problem:
    """Content type and content, or why there is none."""
    limit = pull.settings.attachment_bytes_max
    size = stated.get("size")
    if isinstance(size, int) and size > limit:
        return _too_large(limit)
    content_type = str(stated.get("contentType") or "")
    try:
        answer = pull.source.get(url, "attachment", accept=_accept(content_type))
        sent_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        sent_type, content = _unwrapped(sent_type, answer.body)
    except EndpointError as error:
        pull.still_there(error)
        return Problem(kind_of(error), str(error))
    if len(content) > limit:
        return _too_large(limit)
    if sent_type == "text/html" and "html" not in content_type:
        return Problem("failed", "a web page came back instead of the attachment")
    return _checked(stated, content) or (content_type or sent_type, content)


def _accept(content_type: str) -> str:
    fit = content_type.isascii() and content_type.isprintable()
    return content_type if content_type and fit else "*/*"


def _unwrapped(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Content of a Binary that came as FHIR JSON (binary.html#rest); any other body as it is."""
    if content_type not in ("application/fhir+json", "application/json"):
        return content_type, body
    try:
        resource = decode(body)
        if not isinstance(resource, dict) or resource.get("resourceType") != "Binary":
            return content_type, body
        content = base64.b64decode("".join(str(resource.get("data", "")).split()), validate=True)
    except (UndecodableError, binascii.Error):
        raise NotFhir("attachment: the answer is not a FHIR Binary") from None
    return str(resource.get("contentType", "")), content


def _checked(stated: dict[str, Any], content: bytes) -> Problem | None:
    size, digest = stated.get("size"), stated.get("hash")
    if isinstance(size, int) and size != len(content):
        return Problem("failed", "its size is not the one the record states")
    sha1 = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    if isinstance(digest, str) and digest != sha1:
        return Problem("failed", "its hash is not the one the record states")
    return None


def _too_large(limit: int) -> Problem:
    return Problem("not-asked", f"larger than {limit} bytes (attachment_bytes_max)")
