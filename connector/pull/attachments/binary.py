"""A Binary around an attachment: told apart from content, unwrapped (R4 binary.html)."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import IO, Any

from ...errors import Forbidden, NotFhir
from ...fhir.embedded import BLANK
from ...fhir.lossless import UndecodableError, decode
from ...fhir.references import objects

FHIR_TYPES = ("application/fhir+json", "application/json")
WRAPPED_EXTRA = 100_000  # what a Binary's JSON may hold beside its data, in bytes
_FHIR_XML = re.compile(rb"<[\w:]+[^>]*\sxmlns(?::\w+)?=[\"']http://hl7.org/fhir[\"']")
HEAD = 4096
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


def looks_like_fhir(file: IO[bytes]) -> bool:
    """Whether content is a FHIR resource, whatever media type it was sent as."""
    file.seek(0)
    begins = file.read(HEAD).lstrip(BLANK)[:1]
    if begins not in (b"{", b"[", b"<"):
        return False
    file.seek(0)
    data = file.read()
    return bool(_FHIR_XML.search(data)) if begins == b"<" else b'"resourceType"' in data


def media_type_of(value: Any) -> str:
    """The media type (RFC 9110 8.3.1), in lower case; empty for what is none, such as `PDF`."""
    text = value.partition(";")[0].strip().lower() if isinstance(value, str) else ""
    return text if _MEDIA_TYPE.fullmatch(text) else ""


def unwrapped(
    content_type: str,
    file: IO[bytes],
    may_be_seen: Callable[[Any], bool] = lambda _: True,
    note: Callable[[Any, Any], None] = lambda _labels, _context: None,
    asked: str | None = None,
) -> str:
    """Put the content of a Binary that came as FHIR JSON (binary.html#rest) in its place.

    JSON that is no FHIR stays as it is; a FHIR resource that is no Binary is no content (an
    OperationOutcome, another record). This alone is held in memory: it is one JSON value.
    `note` gets its security labels and its securityContext; `asked`: the id it must have, if it
    has one. Raises `NotFhir`; `Forbidden` for a
    Binary whose securityContext is not to be seen.
    """
    file.seek(0)
    try:
        resource = decode(file.read())
        if isinstance(resource, list) and any("resourceType" in r for r in objects(resource)):
            raise NotFhir("attachment: FHIR resources came back, and no Binary")
        if not isinstance(resource, dict) or "resourceType" not in resource:
            return content_type
        if resource["resourceType"] != "Binary":
            raise NotFhir("attachment: a FHIR resource came back that is no Binary")
        if not may_be_seen(resource.get("securityContext") or {}):
            raise of_another()
        if asked is not None and resource.get("id") not in (None, asked):
            raise NotFhir("attachment: another Binary came back than was asked for")
        content = _data(resource.get("data"))
    except (UndecodableError, binascii.Error):
        raise NotFhir("attachment: the answer is not a FHIR Binary") from None
    file.seek(0)
    file.truncate()
    file.write(content)
    meta = resource.get("meta")
    note(meta.get("security") if isinstance(meta, dict) else None, resource.get("securityContext"))
    return media_type_of(resource.get("contentType"))


def _data(value: Any) -> bytes:
    """The bytes of Binary.data, also where they are written URL-safe or without padding."""
    if not isinstance(value, str):
        raise NotFhir("attachment: a Binary without data came back")
    text = "".join(value.split()).replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def of_another() -> Forbidden:
    """What an attachment is refused for that tells of another patient."""
    return Forbidden("attachment: the answer is not of this patient", "Tell who runs the source.")
