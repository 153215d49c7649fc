"""One attachment settled: brought by whoever has it, checked, stored once; or why there is none.

FHIR R4 datatypes.html#Attachment. `attachment` holds one row for each url as written; content is
checked against the size and hash that the record states.
"""

import hashlib
import tempfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import IO, Any, NamedTuple

from ...errors import EndpointError, TooLarge
from ...fhir.attachments import attachment_places, attachments
from ...fhir.embedded import may_say_whose, names_another
from ...fhir.shapes import dicts
from ...gap import GapKind
from ...store.mapped.content import put_content
from ...store.pulled import attachments as kept
from ...store.pulled import chart
from ..context import Gathering
from ..gaps import kind_of
from ..records import Problem
from .binary import (
    HEAD,
    media_type_of,
)
from .checksum import digests, fits

_PIECE = 256 * 1024
_TYPE = Problem(GapKind.NOT_ASKED, "of a type that is not in attachment_types")
_ANOTHERS = Problem(GapKind.REFUSED, "it holds records of another patient: not taken")
_NO_HASH = Problem(GapKind.UNSUPPORTED, "kept; the record states its hash in no form that is known")


# Brings the content at a url into a file; the content type as sent. May raise `EndpointError`.
Fetch = Callable[[str, str, IO[bytes]], str | Problem]


class _Had(NamedTuple):
    """What was fetched: its bytes are in the file it was fetched into. `doubt`: told beside it."""

    content_type: str
    sha256: str
    size: int
    doubt: Problem | None = None


def settle(pull: Gathering, fetch: Fetch, url: str, resource_type: str, resource_id: str) -> None:
    """Keep the attachment that `fetch` brings, or say why there is none."""
    record = chart.record(pull.case, resource_type, resource_id)
    stated = [a for a in attachments(record.body) if a["url"] == url] if record else []
    if not stated:  # the record was replaced meanwhile and has no such attachment any more
        with pull.case.commit():
            kept.drop(pull.case, url)
        return
    # Beside the case file, as private as that, and without a name: a crash leaves nothing.
    with tempfile.TemporaryFile(dir=pull.case.folder) as file:
        result = _content(pull, fetch, url, stated[0], file)
        if isinstance(result, _Had):
            _keep(pull, url, result, file)
            if result.doubt is None:
                return
            result = result.doubt
        else:
            with pull.case.commit():
                kept.give_up(pull.case, url)
    places = attachment_places(record.body, url) if record else []
    where = f"{resource_type}/{resource_id} {places[0] if places else ''}".rstrip()
    pull.missing.add("attachment", f"of {resource_type}", *result, where)


def _keep(pull: Gathering, url: str, had: _Had, file: IO[bytes]) -> None:
    with pull.case.commit():
        put_content(pull.case, had.sha256, had.size, file)
        kept.had(pull.case, url, had.content_type, had.sha256)


def _content(
    pull: Gathering, fetch: Fetch, url: str, stated: dict[str, Any], file: IO[bytes]
) -> _Had | Problem:
    """Bring the content into `file`, or say why there is none."""
    limit = pull.settings.attachment_bytes_max
    size = stated.get("size")
    if isinstance(size, int) and size > limit:
        return _too_large(limit)
    content_type = media_type_of(stated.get("contentType"))
    if content_type and not _wanted(pull, content_type):
        return _TYPE
    try:
        sent_type = fetch(url, content_type, file)
    except TooLarge:
        return _too_large(limit)
    except EndpointError as error:
        return Problem(kind_of(error), str(error))
    if isinstance(sent_type, Problem):
        return sent_type
    if file.seek(0, 2) > limit:
        return _too_large(limit)
    if "html" in sent_type and "html" not in content_type:
        return Problem(GapKind.FAILED, "a web page came back instead of the attachment")
    if not content_type and not _wanted(pull, sent_type):
        return _TYPE
    file.seek(0)
    if may_say_whose(file.read(HEAD)):
        file.seek(0)
        if names_another(file.read(), pull.sieve.person):
            return _ANOTHERS
    return _checked(stated, content_type or sent_type, file)


def note_labels(pull: Gathering, url: str, labels: Any, context: Any) -> None:
    """Keep what a Binary says of who may see it, for the map step: `CaseState.binaries`."""
    named = context.get("reference") if isinstance(context, dict) else None
    kept = dicts(labels)
    said = {"security": kept, "context": named if isinstance(named, str) else None}
    with pull.case.commit():
        before = pull.case.state.binaries
        if url in before or kept or said["context"]:
            pull.case.state.binaries = before | {url: said}


def _wanted(pull: Gathering, content_type: str) -> bool:
    return any(
        fnmatchcase(content_type, wanted.lower()) for wanted in pull.settings.attachment_types
    )


def _checked(stated: dict[str, Any], content_type: str, file: IO[bytes]) -> _Had | Problem:
    """What is in `file`, if it has the size and the hash that the record states."""
    sha256 = hashlib.sha256()
    file.seek(0)
    while piece := file.read(_PIECE):
        sha256.update(piece)
    length, size, digest = file.tell(), stated.get("size"), stated.get("hash")
    # Some records state the size of the base64 instead.
    if isinstance(size, int) and size not in (length, (length + 2) // 3 * 4):
        return Problem(GapKind.FAILED, "its size is not the one the record states")
    if not length and size != 0:
        return Problem(GapKind.FAILED, "it came without content")
    doubt = None
    if digest is not None:
        wanted = digests(digest) if isinstance(digest, str) else set()
        if wanted and not fits(wanted, file):
            return Problem(GapKind.FAILED, "its hash is not the one the record states")
        doubt = None if wanted else _NO_HASH
    return _Had(content_type, sha256.hexdigest(), length, doubt)


def _too_large(limit: int) -> Problem:
    return Problem(GapKind.NOT_ASKED, f"larger than {limit} bytes (attachment_bytes_max)")
