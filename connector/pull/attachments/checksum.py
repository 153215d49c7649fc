"""The hash that a record states of an attachment, in the forms that are met.

R4 Attachment.hash is the SHA-1 of the content, as base64. Records also hold it in hex, or the
SHA-256 (as in R5's XDS), or that of the base64 text instead of the content.
"""

import base64
import binascii
import hashlib
import re
from typing import IO

_BY_LENGTH = {16: "md5", 20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_NAMED = re.compile(r"(?:md5|sha-?\d+)[:=]", re.IGNORECASE)
_PIECE = 3 * 64 * 1024  # of three bytes each, so that pieces of base64 fit together


def digests(stated: str) -> set[bytes]:
    """What a stated hash may be, as bytes; empty: it is in no form that is known."""
    text = _NAMED.sub("", "".join(stated.split()), count=1)
    found = {bytes.fromhex(text)} if _HEX.fullmatch(text) else set()
    try:
        plain = text.replace("-", "+").replace("_", "/").rstrip("=")
        found.add(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (ValueError, binascii.Error):
        pass
    return {digest for digest in found if len(digest) in _BY_LENGTH}


def fits(wanted: set[bytes], file: IO[bytes]) -> bool:
    """Whether one of the digests is that of the content of `file`, or of its base64."""
    names = {_BY_LENGTH[len(digest)] for digest in wanted}
    # Checksums, not a protection: the record says which.
    of_content = [hashlib.new(name, usedforsecurity=False) for name in names]
    of_base64 = [hashlib.new(name, usedforsecurity=False) for name in names]
    file.seek(0)
    while piece := file.read(_PIECE):
        for digest in of_content:
            digest.update(piece)
        text = base64.b64encode(piece)
        for digest in of_base64:
            digest.update(text)
    return any(digest.digest() in wanted for digest in (*of_content, *of_base64))
