"""Attachments travel inside their record: a URL at the source opens for nobody else."""

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

from ...fhir import base64binary
from ...fhir.attachments import attachment_nodes, checksums

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


def embed(
    resource: dict[str, Any],
    attached: Callable[[str], Attached | None],
    elsewhere: Callable[[dict[str, Any]], bool],
) -> None:
    """Put the bytes of each attachment in place of its `url`, in a decoded resource.

    One that was not had keeps no URL; an extension says that something is absent there. One whose
    bytes another record of the packet carries (`elsewhere`) keeps its description: type, title,
    size and hash.
    """
    for node in list(attachment_nodes(resource)):
        data, url = node.get("data"), node.get("url")
        if not isinstance(url, str) or url.startswith("#"):
            url = None
        if elsewhere(node) and (found := _bytes_of(data, url, attached)) is not None:
            node.pop("data", None)
            node.pop("url", None)
            _describe(node, found)
        elif url is not None:
            del node["url"]
            if data is not None:
                continue
            if (found := attached(url)) is None:
                node["_url"] = _ABSENT
            else:
                node["data"] = inline(found.body)["data"]
                _describe(node, found)


def _bytes_of(
    data: object, url: str | None, attached: Callable[[str], Attached | None]
) -> Attached | None:
    if isinstance(data, str):
        content = base64binary.content(data)
        return None if content is None else Attached(None, content)
    return attached(url) if url is not None else None


def inline(body: bytes) -> dict[str, Any]:
    """`data`, `size` and `hash` of an Attachment that holds `body` itself."""
    return {"data": base64.b64encode(body).decode("ascii"), **checksums(body)}


def _describe(node: dict[str, Any], found: Attached) -> None:
    if found.content_type:
        node.setdefault("contentType", found.content_type)
    for name, value in checksums(found.body).items():
        node.setdefault(name, value)
