"""One value, written in other ways: the forms between which a server may choose. Pure.

Three, and no more (each by its R4 data type, found by the name of the element):

references   `Type/id`, and the same under the server's own base (references.html#literal)
base64       line breaks, padding, alphabet (RFC 4648 4 and 5): what counts are the bytes
times        `Z` and `+00:00`; a fraction that ends in zeros; the same instant by another offset

Everything that is not written in one of these forms stays as it is and equals only itself: each
plain form is itself a way to write that value, so that two values never get the same one.
"""

import base64
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from . import base64binary
from .lossless import UndecodableError
from .references import local_part

# Elements of type dateTime or instant in R4 that do not end in DateTime or Instant. None of these
# names has text in it elsewhere (`value`, of a contact point or an identifier, is left out).
_NAMES = """
    articleDate authored authoredOn collected created creation date dateAccessed dateAsserted
    dateTime dateWritten detected effectiveTime end enteredDate event expirationDate expiry
    identified ifModifiedSince issued lastModified lastOccurrence lastPerformed lastRevisionDate
    lastUpdated manufactureDate onset paymentDate presentationDate publicationDate received
    receivedTime recorded recordedDate recordedOn releaseDate restoreDate sent start started
    statusDate time timestamp useBy validTo validationDate verificationDate when whenHandedOver
    whenPrepared
"""
_TIMES = frozenset(_NAMES.split())
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", re.ASCII
)  # fmt: skip
_BASE64 = re.compile(r"([A-Za-z0-9+/_-]*)(={0,2})", re.ASCII)
_BREAKS = str.maketrans("", "", " \t\r\n")


class Form(StrEnum):
    """What may be written otherwise. The words stand in receipts."""

    REFERENCES = "references"
    BASE64 = "base64"
    TIMES = "times"


def plain(value: Any, base_url: str, forms: Collection[Form] = tuple(Form)) -> Any:
    """A decoded resource with each value of `forms` written in the one plain form.

    `base_url`: of the server whose absolute references are its own. Raises `UndecodableError` for
    what is nested too deeply to be walked.
    """
    try:
        return _walk(value, "", "", _rules(base_url, forms))
    except RecursionError:
        raise UndecodableError("nested too deeply") from None


_Rule = Callable[[str, str, str], str | None]  # element, the element around it, text


def _rules(base_url: str, forms: Collection[Form]) -> list[_Rule]:
    rules: dict[Form, _Rule] = {
        Form.REFERENCES: lambda name, _, text: _reference(name, text, base_url),
        Form.BASE64: _bytes,
        Form.TIMES: lambda name, _, text: _instant(name, text),
    }
    return [rule for form, rule in rules.items() if form in forms]


def _walk(value: Any, name: str, around: str, rules: list[_Rule]) -> Any:
    if isinstance(value, dict):
        return {key: _walk(item, key, name, rules) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, name, around, rules) for item in value]
    if isinstance(value, str):
        found = (rule(name, around, value) for rule in rules)
        return next((text for text in found if text is not None), value)
    return value


def _reference(name: str, text: str, base_url: str) -> str | None:
    if name == "reference":
        return local_part(text, base_url)
    if name == "url":  # of an attachment that went ahead; no other address of ours is relative
        local = local_part(text, base_url)
        return local if local is not None and local.startswith("Binary/") else None
    return None


def _bytes(name: str, around: str, text: str) -> str | None:
    # SampledData.data is a text of numbers.
    binary = name == "data" and not around.endswith("SampledData")
    if not (binary or name in ("hash", "carrierAIDC") or name.endswith("Base64Binary")):
        return None
    match = _BASE64.fullmatch(text.translate(_BREAKS))
    if match is None or len(match[1]) % 4 == 1:
        return None
    digits = match[1].translate(base64binary.FROM_URL_SAFE)
    return base64.b64encode(base64.b64decode(digits + "=" * (-len(digits) % 4))).decode()


def _instant(name: str, text: str) -> str | None:
    if not (name in _TIMES or name.endswith(("DateTime", "Instant"))):
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(match[1] + match[3]).astimezone(UTC)
    except (ValueError, OverflowError):  # no such moment: a text like any other
        return None
    fraction = (match[2] or "").rstrip("0")
    return f"{moment:%Y-%m-%dT%H:%M:%S}".zfill(19) + (f".{fraction}" if fraction else "") + "Z"
