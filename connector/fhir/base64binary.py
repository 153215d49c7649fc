"""Bytes that stand in JSON as base64 (FHIR R4 datatypes.html#base64Binary), however written."""

import base64
import re

_PLAIN = re.compile(r"[A-Za-z0-9+/]*")
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
FROM_URL_SAFE = str.maketrans("-_", "+/")


def content(data: str) -> bytes | None:
    """The bytes: of base64 in lines, without padding, in the URL-safe alphabet, in a `data:` URL.

    None if it is no base64: what could be guessed from it would be another document.
    """
    begins = _DATA_URL.match(data)
    text = "".join((data[begins.end() :] if begins else data).split())
    text = text.rstrip("=").translate(FROM_URL_SAFE)
    if len(text) % 4 == 1 or not _PLAIN.fullmatch(text):
        return None
    return base64.b64decode(text + "=" * (-len(text) % 4))


def is_base64(data: str) -> bool:
    """Whether it is written as R4 has it, so that any receiver can read it; white space may be."""
    text = "".join(data.split())
    return (
        len(text) % 4 == 0
        and _PLAIN.fullmatch(text.removesuffix("=").removesuffix("=")) is not None
    )
