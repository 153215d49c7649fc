"""Attachments that are kept elsewhere than in their record, fetched from the source.

FHIR R4 binary.html. What comes in FHIR is unwrapped, and says itself who may see it.
"""

from collections.abc import Callable
from functools import partial
from typing import IO, Any

from ...endpoint import FHIR_JSON, Answer
from ...errors import Answered, EndpointError
from ...fhir import document
from ...fhir.about import SUBJECT
from ...fhir.references import literal
from ...fhir.whose import Whose
from ...gap import GapKind
from ...store.pulled import attachments as kept
from ...store.pulled import chart
from ..context import Pull
from ..records import Problem
from .addresses import content_path, is_document, is_elsewhere
from .binary import (
    FHIR_TYPES,
    WRAPPED_EXTRA,
    looks_like_fhir,
    of_another,
    unwrapped,
)
from .settle import note_labels, settle

_NO_CONTENT = Problem(
    GapKind.REFUSED, "its address is no Binary of the source, so it was not asked"
)
_NO_DOCUMENT = Problem(
    GapKind.REFUSED, "at its address is no FHIR document that proves to be of this patient"
)
_NOT_SO = (406, 415)  # answers to an Accept that the server does not have


def fetch_open(pull: Pull) -> None:
    """Fetch every attachment not settled yet. Raises `Waiting` or `SourceFailed`."""
    addresses = kept.unsettled(pull.case)
    pull.workers.each(lambda row: _settle_unless_stopping(pull, *row), addresses)


def _settle_unless_stopping(pull: Pull, url: str, resource_type: str, resource_id: str) -> None:
    if not pull.workers.stopping:
        settle(pull, partial(_fetched, pull), url, resource_type, resource_id)
        pull.tell(f"attachment of {resource_type}")


def _fetched(pull: Pull, url: str, content_type: str, file: IO[bytes]) -> str | Problem:
    """Fetch into `file`; the content type as sent. Raises `EndpointError`."""
    bases = pull.bases()

    def content(address: str) -> str | None:
        path = content_path(address, partial(_is_here, pull), *bases)
        return path or (address if is_elsewhere(address, *bases) else None)

    address = content(url)
    if address is None:
        return _NO_CONTENT
    if is_document(address):
        return _document(pull, address, content_type, file)
    at = [address]  # where the content is: the server may send us on to another Binary

    def may_follow(redirected: str) -> bool:
        on = content(redirected)
        at.append(on or "")
        return on is not None and not is_document(on)

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
    file.seek(0)
    if document.is_of(file.read(), pull.sieve.at(*bases).person):
        return FHIR_TYPES[0]  # a server that gives what a Binary holds under the type of it
    note = partial(note_labels, pull, url)
    asked = at[-1].split("/")[1] if at[-1].startswith("Binary/") else None
    return unwrapped(answer.media_type, file, partial(_may_be_seen, pull), note, asked)


def _document(pull: Pull, address: str, content_type: str, file: IO[bytes]) -> str | Problem:
    """Fetch a FHIR document: whatever else is at its address is not kept, and not told of."""
    if content_type and content_type not in FHIR_TYPES:
        return _NO_CONTENT
    try:
        pull.source.download(
            address,
            "attachment",
            file,
            pull.settings.attachment_bytes_max,
            accept=FHIR_JSON,
            may_follow=lambda _: False,
        )
    except EndpointError as error:
        pull.still_there(error)
        raise
    file.seek(0)
    if not document.is_of(file.read(), pull.sieve.at(*pull.bases()).person):
        return _NO_DOCUMENT
    return FHIR_TYPES[0]


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
