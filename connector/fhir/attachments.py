"""The attachments that records hold or refer to (R4 datatypes.html#Attachment). Pure."""

import base64
import hashlib
import re
from collections.abc import Iterator
from typing import Any

from .lossless import decode
from .references import objects
from .shapes import objects_in

# Attachment elements of R4 by the name of their member (datatypes.html#Attachment is used there).
_ATTACHMENT_NAMES = r"attachment|presentedForm|photo|image|content|form|document|[a-z]\w*Attachment"
_ATTACHMENT = re.compile(rf"(?:{_ATTACHMENT_NAMES})\Z")
_ATTACHMENT_HINT = re.compile(rf'"(?:{_ATTACHMENT_NAMES})"\s*:'.encode())


def attachments(data: bytes) -> list[dict[str, Any]]:
    """Every Attachment in a record that has a `url`, decoded."""
    if b'"url"' not in data or not _ATTACHMENT_HINT.search(data):
        return []
    return [a for a in attachment_nodes(decode(data)) if isinstance(a.get("url"), str)]


def may_attach(data: bytes) -> bool:
    """Whether a record may have an Attachment at all: told without decoding it."""
    return _ATTACHMENT_HINT.search(data) is not None


def attachment_places(data: bytes, url: str) -> list[str]:
    """The paths of the Attachments with this `url` in a record: `content.attachment`."""
    found: list[str] = []
    stack: list[tuple[str, Any]] = [("", decode(data))]
    while stack:
        path, node = stack.pop()
        if isinstance(node, list):
            stack += [(path, item) for item in node]
        elif isinstance(node, dict):
            if _ATTACHMENT.match(path.rpartition(".")[2]) and node.get("url") == url:
                found.append(path)
            stack += [(f"{path}.{name}".lstrip("."), child) for name, child in node.items()]
    return sorted(found)


def checksums(content: bytes) -> dict[str, Any]:
    """`size` and `hash` of an Attachment that holds `content`."""
    # R4 Attachment.hash is SHA-1 by definition: a checksum, not a protection.
    sha1 = hashlib.sha1(content, usedforsecurity=False).digest()
    return {"size": len(content), "hash": base64.b64encode(sha1).decode("ascii")}


def attachment_nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every Attachment object inside a decoded resource."""
    for node in objects(value):
        for name, child in node.items():
            if _ATTACHMENT.match(name):
                yield from objects_in(child)
