"""Attachments travel inside their record: a URL at the source opens for nobody else."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

from ..fhir.references import attachment_nodes

_ABSENT = {
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "unknown",
        }
    ]
}


class Attached(NamedTuple):
    """What the pull step fetched from an attachment's URL."""

    content_type: str | None
    body: bytes


def embed(resource: dict[str, Any], attached: Callable[[str], Attached | None]) -> None:
    """Put the bytes of each attachment in place of its `url`, in a decoded resource.

    One that was not had keeps no URL; an extension says that something is absent there.
    """
    for node in list(attachment_nodes(resource)):
        url = node.get("url")
        if not isinstance(url, str) or url.startswith("#"):
            continue
        del node["url"]
        if "data" in node:
            continue
        if (found := attached(url)) is None:
            node["_url"] = _ABSENT
        else:
            _fill(node, found)


def inline(body: bytes) -> dict[str, Any]:
    """`data`, `size` and `hash` of an Attachment that holds `body` itself."""
    # R4 Attachment.hash is SHA-1 by definition: a checksum, not a protection.
    sha1 = hashlib.sha1(body, usedforsecurity=False).digest()
    return {
        "data": base64.b64encode(body).decode("ascii"),
        "size": len(body),
        "hash": base64.b64encode(sha1).decode("ascii"),
    }


def _fill(node: dict[str, Any], found: Attached) -> None:
    made = inline(found.body)
    node["data"] = made.pop("data")
    if found.content_type:
        node.setdefault("contentType", found.content_type)
    for name, value in made.items():
        node.setdefault(name, value)
