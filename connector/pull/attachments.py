"""Attachments that are kept elsewhere than in their record: fetched, checked, stored once.

FHIR R4 datatypes.html#Attachment, binary.html. `attachment` holds one row for each url as
written; content is checked against the size and SHA-1 that the record states.
"""

import base64
import binascii
import hashlib
import tempfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from typing import IO, Any, NamedTuple

from ..errors import EndpointError, NotFhir, TooLarge
from ..fhir.lossless import UndecodableError, decode
from ..fhir.references import attachments
from ..store import chart
from ..store.content import put_content
from .context import Gathering, Pull
from .gaps import kind_of
from .records import Problem

_FHIR = ("application/fhir+json", "application/json")
_WRAPPED_EXTRA = 100_000  # what a Binary's JSON may hold beside its data, in bytes
_PIECE = 256 * 1024
_TYPE = Problem("not-asked", "of a type that is not in attachment_types")


class Sent(NamedTuple):
    """Content in a file: its type as sent, and what its Binary said of who may see it."""

    content_type: str
    security: list[Any] = []  # noqa: RUF012 - a default that nobody changes
    context: str | None = None  # Binary.securityContext


# Brings the content at a url into a file. May raise `EndpointError`.
Fetch = Callable[[str, str, IO[bytes]], Sent | Problem]


class _Had(NamedTuple):
    """What was fetched: its bytes are in the file it was fetched into."""

    sent: Sent
    sha256: str
    size: int


def fetch_open(pull: Pull) -> None:
    """Fetch every attachment not settled yet. Raises `Waiting` or `SourceFailed`."""
    rows = pull.case.rows("SELECT url, type, id FROM attachment WHERE status = 'open' ORDER BY url")
    pull.workers.each(lambda row: _settle_unless_stopping(pull, *row), rows)


def _settle_unless_stopping(pull: Pull, url: str, resource_type: str, resource_id: str) -> None:
    if not pull.workers.stopping:
        settle(pull, partial(_fetched, pull), url, resource_type, resource_id)
        pull.tell(f"attachment of {resource_type}")


def settle(pull: Gathering, fetch: Fetch, url: str, resource_type: str, resource_id: str) -> None:
    """Keep the attachment that `fetch` brings, or say why there is none."""
    record = chart.record(pull.case, resource_type, resource_id)
    stated = [a for a in attachments(record.body) if a["url"] == url] if record else []
    if not stated:  # the record was replaced meanwhile and has no such attachment any more
        with pull.case.commit():
            pull.case.execute("DELETE FROM attachment WHERE url = ?", (url,))
        return
    # Beside the case file, as private as that, and without a name: a crash leaves nothing.
    with tempfile.TemporaryFile(dir=pull.case.folder) as file:
        result = _content(pull, fetch, url, stated[0], file)
        if isinstance(result, _Had):
            _keep(pull, url, result, file)
            return
    with pull.case.commit():
        pull.case.execute("UPDATE attachment SET status = 'gap' WHERE url = ?", (url,))
    pull.missing.add("attachment", f"of {resource_type}", *result)


def _keep(pull: Gathering, url: str, had: _Had, file: IO[bytes]) -> None:
    with pull.case.commit():
        put_content(pull.case, had.sha256, had.size, file)
        pull.case.execute(
            "UPDATE attachment SET status = 'had', content_type = ?, sha256 = ? WHERE url = ?",
            (had.sent.content_type, had.sha256, url),
        )
        binaries = pull.case.fact("binaries", {})
        if had.sent.security or had.sent.context or url in binaries:
            said = {"security": had.sent.security, "context": had.sent.context}
            pull.case.set_fact("binaries", binaries | {url: said})


def _content(
    pull: Gathering, fetch: Fetch, url: str, stated: dict[str, Any], file: IO[bytes]
) -> _Had | Problem:
    """Bring the content into `file`, or say why there is none."""
    limit = pull.settings.attachment_bytes_max
    size = stated.get("size")
    if isinstance(size, int) and size > limit:
        return _too_large(limit)
    content_type = _media_type(stated.get("contentType"))
    if content_type and not _wanted(pull, content_type):
        return _TYPE
    try:
        sent = fetch(url, content_type, file)
    except TooLarge:
        return _too_large(limit)
    except EndpointError as error:
        return Problem(kind_of(error), str(error))
    if isinstance(sent, Problem):
        return sent
    sent_type = sent.content_type
    if file.seek(0, 2) > limit:
        return _too_large(limit)
    if "html" in sent_type and "html" not in content_type:
        return Problem("failed", "a web page came back instead of the attachment")
    if not content_type and not _wanted(pull, sent_type):
        return _TYPE
    return _checked(stated, sent._replace(content_type=content_type or sent_type), file)


def _fetched(pull: Pull, url: str, content_type: str, file: IO[bytes]) -> Sent:
    """Fetch into `file`. Raises `EndpointError`."""
    # Base64 is a third longer; whether it comes so is known only when it is there.
    most = pull.settings.attachment_bytes_max * 4 // 3 + _WRAPPED_EXTRA
    try:
        answer = pull.source.download(url, "attachment", file, most, accept=_accept(content_type))
    except EndpointError as error:
        pull.still_there(error)
        raise
    if answer.media_type not in _FHIR:
        return Sent(answer.media_type)
    return unwrapped(answer.media_type, file)


def _wanted(pull: Gathering, content_type: str) -> bool:
    return any(
        fnmatchcase(content_type, wanted.lower()) for wanted in pull.settings.attachment_types
    )


def _media_type(value: Any) -> str:
    return str(value or "").partition(";")[0].strip().lower()


def _accept(content_type: str) -> str:
    fit = content_type.isascii() and content_type.isprintable()
    return content_type if content_type and fit else "*/*"


def unwrapped(content_type: str, file: IO[bytes]) -> Sent:
    """Put the content of a Binary that came as FHIR JSON (binary.html#rest) in its place.

    Any other JSON stays as it is. This alone is held in memory: it is one JSON value.
    """
    file.seek(0)
    try:
        resource = decode(file.read())
        if not isinstance(resource, dict) or resource.get("resourceType") != "Binary":
            return Sent(content_type)
        content = base64.b64decode("".join(str(resource.get("data", "")).split()), validate=True)
    except (UndecodableError, binascii.Error):
        raise NotFhir("attachment: the answer is not a FHIR Binary") from None
    file.seek(0)
    file.truncate()
    file.write(content)
    meta, context = resource.get("meta"), resource.get("securityContext")
    labels = meta.get("security") if isinstance(meta, dict) else None
    named = context.get("reference") if isinstance(context, dict) else None
    return Sent(
        _media_type(resource.get("contentType")),
        [label for label in labels if isinstance(label, dict)] if isinstance(labels, list) else [],
        named if isinstance(named, str) else None,
    )


def _checked(stated: dict[str, Any], sent: Sent, file: IO[bytes]) -> _Had | Problem:
    """What is in `file`, if it has the size and the SHA-1 that the record states."""
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        sha1.update(piece)
        sha256.update(piece)
    size, digest = stated.get("size"), stated.get("hash")
    if isinstance(size, int) and size != file.tell():
        return Problem("failed", "its size is not the one the record states")
    if isinstance(digest, str) and digest != base64.b64encode(sha1.digest()).decode():
        return Problem("failed", "its hash is not the one the record states")
    return _Had(sent, sha256.hexdigest(), file.tell())


def _too_large(limit: int) -> Problem:
    return Problem("not-asked", f"larger than {limit} bytes (attachment_bytes_max)")
