"""What the request and the configuration give to what we author, as elements of FHIR."""

from typing import Any

from ... import regularfile
from ...errors import UsageError
from ...fhir import systems
from ...request import Organization, Request
from ...settings import Source
from ..record.attachment import inline
from ..record.media_type import HEAD, media_type


def original(source: Source, key: str) -> dict[str, Any]:
    """The record that a revision is of, as Provenance.entity."""
    # A revision (R4 provenance-entity-role): derived from the original, whose substance is kept.
    identifier = {"system": f"urn:uuid:{source.id}", "value": key}
    return {"role": "revision", "what": {"identifier": identifier}}


def key_questions(request: Request) -> list[dict[str, str]]:
    """The key questions as codings, the main one first."""
    texts = {request.key_question: f"Key question: {request.key_question}"}
    for also in request.also:
        texts.setdefault(also, f"Also asked: {also}")
    return [
        {"system": systems.KEY_QUESTION, "code": code, "text": text} for code, text in texts.items()
    ]


def actor_name(organization: Organization) -> str:
    """By what an organisation of ours is told apart."""
    return organization.npi or organization.name


def signed_document(request: Request, bytes_max: int) -> dict[str, Any]:
    """The signed authorization as an Attachment. `UsageError` if it can't be read."""
    path = request.basis.document
    assert path is not None
    try:
        body = regularfile.read(path, bytes_max, follow=False)
        content_type = media_type(path.name, body[:HEAD])
    except UsageError as error:
        raise UsageError(f"basis.document: {error}", error.what_to_do) from None
    return {"contentType": content_type, **inline(body), "title": "Signed authorization"}
