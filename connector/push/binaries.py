"""Attachments of an entry too large for one write: their bytes go ahead as Binary resources.

R4 binary.html; attachment.url is then `Binary/ID` there. The packet stays as it was approved: a
Binary is made from its entry whenever it is needed, and the case file holds only which there are.
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from ..fhir import base64binary
from ..fhir.attachments import attachment_nodes, checksums
from ..fhir.lossless import decode, encode, sha256
from ..fhir.systems import TAG
from ..store.case.casefile import CaseFile
from ..store.mapped import packet
from ..store.sent import ahead

BINARY = "Binary"
_UNKNOWN_TYPE = "application/octet-stream"


def open_up(case: CaseFile, entry: packet.Entry) -> dict[str, int]:
    """Say that the attachments of `entry` go ahead. Key of each Binary → bytes of its content."""
    found = {
        f"{BINARY}/{_id(entry, number)}": len(node["data"])
        for number, node in enumerate(_with_data(decode(entry.body)))
    }
    with case.commit():
        ids = [key.partition("/")[2] for key in found]
        ahead.add(case, ((id_, entry.type, entry.id, number) for number, id_ in enumerate(ids)))
    return found


def opened(case: CaseFile) -> dict[str, list[str]]:
    """`Type/<derived id>` of an entry → keys of its Binaries, in the order of its attachments."""
    found: dict[str, list[str]] = {}
    for i, t, owner, _ in ahead.listed(case):
        found.setdefault(f"{t}/{owner}", []).append(f"{BINARY}/{i}")
    return found


def binary(case: CaseFile, resource_id: str) -> packet.Entry | None:
    """A Binary in packet form by its derived id."""
    row = ahead.found(case, resource_id)
    owner = packet.entry(case, row[1], row[2]) if row else None
    if row is None or owner is None:
        return None
    node = list(_with_data(decode(owner.body)))[row[3]]
    patient = packet.key_of_carried(case, f"Patient/{case.state.source_patient}")
    resource = {
        "resourceType": BINARY,
        "id": resource_id,
        "meta": {"tag": [{"system": TAG, "code": resource_id}]},
        "contentType": node.get("contentType") or _UNKNOWN_TYPE,
        # Who may see the patient may see it (R4 binary.html, securityContext).
        **({"securityContext": {"reference": patient}} if patient else {}),
        "data": node["data"],
    }
    body = encode(resource)
    name = f"{owner.source}#{row[3]}"
    return packet.Entry(0, BINARY, resource_id, owner.origin, name, sha256(body), body)


def emptied(body: bytes, binaries: list[str], places: Mapping[str, str]) -> bytes:
    """`body` with the address of each Binary in place of its bytes.

    Where the destination does not take one, the attachment keeps its description: type, title,
    size and hash.
    """
    resource = decode(body)
    for node, key in zip(list(_with_data(resource)), binaries, strict=True):
        _describe(node)
        del node["data"]
        if key in places:
            node["url"] = places[key]
    return encode(resource)


def _with_data(resource: Any) -> Iterator[dict[str, Any]]:
    return (node for node in attachment_nodes(resource) if isinstance(node.get("data"), str))


def _id(entry: packet.Entry, number: int) -> str:
    return str(uuid.uuid5(uuid.UUID(entry.id), f"attachment/{number}"))


def _describe(node: dict[str, Any]) -> None:
    content = base64binary.content(node["data"])
    if content is None:
        return
    for name, value in checksums(content).items():
        node.setdefault(name, value)
