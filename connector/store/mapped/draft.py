"""What is a draft in the packet, and how it reads once it is announced."""

from ...errors import ConnectorError
from ...fhir.lossless import decode, encode
from ..case.casefile import CaseFile
from .packet import LETTER, Entry, authored

# What carries the request, or an update of it, is a draft in the packet; with these statuses it is
# announced. The last is what the receiving team looks out for.
ANNOUNCED = {"ServiceRequest": "active", "Task": "requested", LETTER: "completed"}
_DRAFT = {"ServiceRequest": "draft", "Task": "draft", LETTER: "preparation"}


def drafts(case: CaseFile) -> list[Entry]:
    """The entries that are announced when all of the packet is there."""
    return [entry for name in ANNOUNCED if (entry := authored(case, name)) is not None]


def announced(entry: Entry, at: str | None = None) -> bytes:
    """One of `ANNOUNCED` as it is announced, at a FHIR dateTime if given."""
    resource = decode(entry.body)
    if resource.get("status") != _DRAFT[entry.source]:
        raise ConnectorError(f"internal: the packet's {entry.source} is not a draft")
    resource["status"] = ANNOUNCED[entry.source]
    moment = {"Task": "lastModified", LETTER: "sent"}.get(entry.type)
    if at is not None and moment is not None:
        resource[moment] = at
    return encode(resource)
