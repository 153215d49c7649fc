"""The packet as a Bundle: one model, the packet's entries, in the shapes R4 has for them.

Pure apart from the case file, and streamed: one entry is in memory at a time. The same packet gives
the same bytes. Unlike a push, which announces when everything was read back, such a Bundle is
all there is: its ServiceRequest is active, its Task requested.
"""

import uuid
from collections.abc import Iterator
from typing import Any, Literal

from ...errors import ConnectorError, UsageError
from ...fhir import systems
from ...fhir.lossless import decode, encode
from ...fhir.references import spans, splice
from ...store.case.casefile import CaseFile
from ...store.case.state import required
from ...store.mapped import draft, packet

Kind = Literal["transaction", "document", "message"]
# What a kind has to begin with, by the names of our templates (R4 bdl-11, bdl-12).
_FIRST: dict[Kind, tuple[str, ...]] = {
    "transaction": (),
    "document": ("Composition",),
    "message": ("Task", "ServiceRequest", "Composition"),
}


def render(case: CaseFile, kind: Kind) -> Iterator[bytes]:
    """A Bundle of this kind (R4 bundle.html), in pieces, from a case that is mapped.

    Every reference between its entries is their `fullUrl`. Raises `UsageError` for a message
    whose sender or receiver can't be reached.
    """
    envelope = case.state.envelope
    if envelope is None:
        raise ConnectorError("internal: a Bundle is made of a packet")
    rows = packet.heads(case)
    header = _header(envelope) if kind == "message" else None
    urls = {f"{name}/{new_id}": f"urn:uuid:{new_id}" for name, new_id, _, _ in rows}
    if kind == "transaction" and (theirs := _patient_there(case)):
        ours = _subject(case)
        urls[ours] = theirs
        rows = [row for row in rows if f"{row[0]}/{row[1]}" != ours]
    yield _head(envelope, kind, required(case.state.packet_hash))
    first = True
    for resource_type, resource_id, body in _bodies(case, kind, header, rows):
        yield b"\n" if first else b",\n"
        first = False
        yield b'{"fullUrl":' + encode(f"urn:uuid:{resource_id}") + b',"resource":'
        yield _linked(body, urls, envelope["owner_entry"])
        if kind == "transaction":
            yield b',"request":' + encode(_request(resource_type, resource_id))
        yield b"}"
    yield b"\n]}\n"


def _patient_there(case: CaseFile) -> str | None:
    """`Patient/ID` at the destination, where the request names it or a search found it.

    A transaction then refers to it, as a push does, and creates no other. `UsageError` where the
    request names it by an identifier that was not looked up yet.
    """
    if found := case.state.destination_patient:
        return str(found)
    asked = (case.state.request or {}).get("destination_patient") or {}
    if asked.get("identifier"):
        raise UsageError(
            "the request names the patient at the destination by an identifier, and a file can't"
            " look it up",
            "Name the record by its id there (destination_patient: {id: …}), or push the packet.",
        )
    return f"Patient/{asked['id']}" if asked.get("id") else None


def _subject(case: CaseFile) -> str:
    contents = packet.authored(case, "Composition")
    assert contents is not None
    return str(decode(contents.body)["subject"]["reference"])


def must_be_sendable(case: CaseFile, kind: str) -> None:
    """`UsageError` if the packet can't be made into this kind, whatever its records are."""
    if kind == "message":
        _header(required(case.state.envelope))


def _head(envelope: dict[str, Any], kind: Kind, digest: str) -> bytes:
    # Another content or another shape is another Bundle (bdl-9: a document's identifier is whole).
    name = uuid.uuid5(uuid.UUID(hex=digest[:32]), kind)
    head = {
        "resourceType": "Bundle",
        "id": str(name),
        "meta": {"security": envelope["labels"]},
        "identifier": {"system": systems.URI, "value": f"urn:uuid:{name}"},
        "type": kind,
        "timestamp": envelope["timestamp"],
    }
    return encode(head)[:-1] + b',"entry":['


def _header(envelope: dict[str, Any]) -> dict[str, Any]:
    header: dict[str, Any] | None = envelope["message_header"]
    if header is None:
        raise UsageError(
            "a message names who sends and who receives it, with a way to reach each",
            "Give requester.telecom (or `telecom` of the source) and performer.telecom, and map"
            " the case again.",
        )
    return header


def _bodies(
    case: CaseFile, kind: Kind, header: dict[str, Any] | None, rows: list[tuple[str, str, str, str]]
) -> Iterator[tuple[str, str, bytes]]:
    """Type, id and bytes of each entry, in the order of the kind."""
    if header is not None:
        yield header["resourceType"], header["id"], encode(header)
    first = [row for name in _FIRST[kind] for row in rows if row[2:] == ("authored", name)]
    for resource_type, resource_id, *_ in [*first, *(row for row in rows if row not in first)]:
        entry = packet.entry(case, resource_type, resource_id)
        assert entry is not None
        signal = entry.origin == "authored" and entry.source in draft.ANNOUNCED
        yield resource_type, resource_id, draft.announced(entry) if signal else entry.body


def _linked(body: bytes, urls: dict[str, str], owner: str | None) -> bytes:
    """References to entries as their `fullUrl`; the destination's own Organization by its name."""
    if owner and any(span.value == owner for span in spans(body)):
        resource = decode(body)
        _drop(resource, owner)
        body = encode(resource)
    return splice(body, urls.get)


def _drop(node: Any, reference: str) -> None:
    if isinstance(node, dict):
        if node.get("reference") == reference:
            del node["reference"]  # identifier and display stay
        for child in node.values():
            _drop(child, reference)
    elif isinstance(node, list):
        for child in node:
            _drop(child, reference)


def _request(resource_type: str, resource_id: str) -> dict[str, str]:
    # As a push does: our own tag, so that the receiver has each record once however often it comes.
    condition = f"_tag={systems.TAG}|{resource_id}"
    return {"method": "POST", "url": resource_type, "ifNoneExist": condition}
