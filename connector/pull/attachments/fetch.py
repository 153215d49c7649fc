"""Attachments that are kept elsewhere than in their record: fetched, checked, stored once.

FHIR R4 datatypes.html#Attachment, binary.html. `attachment` holds one row for each url as
written; content is checked against the size and hash that the record states.
"""

import hashlib
import tempfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from typing import IO, Any, NamedTuple

from ...endpoint import FHIR_JSON, Answer
from ...errors import Answered, EndpointError, TooLarge
from ...fhir.about import SUBJECT
from ...fhir.attachments import attachment_places, attachments
from ...fhir.embedded import may_say_whose, names_another
from ...fhir.references import literal
from ...fhir.shapes import dicts
from ...fhir.whose import Whose
from ...gap import GapKind
from ...store.mapped.content import put_content
from ...store.pulled import attachments as kept
from ...store.pulled import chart
from ..context import Gathering, Pull
from ..gaps import kind_of
from ..records import Problem
from .addresses import content_path, is_elsewhere
from .binary import (
    FHIR_TYPES,
    HEAD,
    WRAPPED_EXTRA,
    looks_like_fhir,
    media_type_of,
    of_another,
    unwrapped,
)
from .checksum import digests, fits

_PIECE = 256 * 1024
_TYPE = Problem(GapKind.NOT_ASKED, "of a type that is not in attachment_types")
_ANOTHERS = Problem(GapKind.REFUSED, "it holds records of another patient: not taken")
_NO_CONTENT = Problem(
    GapKind.REFUSED, "its address is no Binary of the source, so it was not asked"
)
_NOT_SO = (406, 415)  # answers to an Accept that the server does not have
_NO_HASH = Problem(GapKind.UNSUPPORTED, "kept; the record states its hash in no form that is known")


# Brings the content at a url into a file; the content type as sent. May raise `EndpointError`.
Fetch = Callable[[str, str, IO[bytes]], str | Problem]


class _Had(NamedTuple):
    """What was fetched: its bytes are in the file it was fetched into. `doubt`: told beside it."""

    content_type: str
    sha256: str
    size: int
    doubt: Problem | None = None


def fetch_open(pull: Pull) -> None:
    """Fetch every attachment not settled yet. Raises `Waiting` or `SourceFailed`."""
    addresses = kept.unsettled(pull.case)
    pull.workers.each(lambda row: _settle_unless_stopping(pull, *row), addresses)


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


def _fetched(pull: Pull, url: str, content_type: str, file: IO[bytes]) -> str | Problem:
    """Fetch into `file`; the content type as sent. Raises `EndpointError`."""
    bases = pull.bases()

    def content(address: str) -> str | None:
        path = content_path(address, partial(_is_here, pull), *bases)
        return path or (address if is_elsewhere(address, *bases) else None)

    address = content(url)
    if address is None:
        return _NO_CONTENT
    at = [address]  # where the content is: the server may send us on to another Binary

    def may_follow(redirected: str) -> bool:
        on = content(redirected)
        at.append(on or "")
        return on is not None

    # Base64 is a third longer; whether it comes so is known only when it is there.
    most = pull.settings.attachment_bytes_max * 4 // 3 + WRAPPED_EXTRA
    try:
        answer = _downloaded(
            lambda accept: pull.source.download(
                address,
                "attachment",
                file,
                most,
                accept=accept,
                may_follow=may_follow,
            ),
            content_type or "*/*",
        )
    except EndpointError as error:
        pull.still_there(error)
        raise
    context = answer.headers.get("x-security-context")
    if context and not _may_be_seen(pull, {"reference": context}):
        raise of_another()
    note_labels(pull, url, None, {"reference": context})
    if answer.media_type not in FHIR_TYPES and not looks_like_fhir(file):
        return answer.media_type
    note = partial(note_labels, pull, url)
    asked = at[-1].split("/")[1] if at[-1].startswith("Binary/") else None
    return unwrapped(answer.media_type, file, partial(_may_be_seen, pull), note, asked)


def note_labels(pull: Gathering, url: str, labels: Any, context: Any) -> None:
    """Keep what a Binary says of who may see it, for the map step: `CaseState.binaries`."""
    named = context.get("reference") if isinstance(context, dict) else None
    kept = dicts(labels)
    said = {"security": kept, "context": named if isinstance(named, str) else None}
    with pull.case.commit():
        before = pull.case.state.binaries
        if url in before or kept or said["context"]:
            pull.case.state.binaries = before | {url: said}


def _downloaded(download: Callable[[str], Answer], content_type: str) -> Answer:
    """The content as such, or in FHIR where the server has it in no other form (406)."""
    try:
        return download(content_type)
    except Answered as error:
        if error.status not in _NOT_SO:
            raise
        return download(FHIR_JSON)


def _is_here(pull: Pull, key: str) -> bool:
    return chart.has_record(pull.case, *key.split("/", 1))


def _may_be_seen(pull: Pull, context: Any) -> bool:
    """Whether content that may be seen by who may see `context` is of this patient.

    binary.html#Binary.securityContext: mostly the Patient, or the record that it belongs to.
    """
    if isinstance(context, list):  # wrongly, but it says what it says
        return all(_may_be_seen(pull, one) for one in context)
    if {Whose.STRANGER, Whose.OTHERWISE} & set(pull.sieve.person.of_reference(context)):
        return False
    string = context.get("reference") if isinstance(context, dict) else None
    target = literal(string) if isinstance(string, str) else None
    return (
        target is None or target.type not in SUBJECT or _is_here(pull, f"{target.type}/{target.id}")
    )


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
