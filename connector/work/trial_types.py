"""What a trial writes: the smallest of each type, no patient, marked HTEST, tagged. Pure."""

from base64 import b64encode
from typing import Any

from ..fhir import systems
from ..fhir.lossless import encode

NOTE = b"A note of a write test. " * 8
_TEXT = {"text": "write test"}
_NAMED = {"display": "write test"}
_DATE = "2026-01-01T00:00:00Z"
# What R4 demands of each. Drafts, so that nobody there is asked to do anything.
_BODIES: dict[str, dict[str, Any]] = {
    "Composition": {
        "status": "preliminary",
        "type": _TEXT,
        "date": _DATE,
        "author": [_NAMED],
        "title": "write test",
    },
    "Device": {"status": "entered-in-error"},
    "DocumentReference": {
        "status": "current",
        "type": _TEXT,
        "content": [
            {"attachment": {"contentType": "text/plain", "data": b64encode(NOTE).decode()}}
        ],
    },
    "Organization": {"active": False, "name": "write test"},
    "Provenance": {"target": [_NAMED], "recorded": _DATE, "agent": [{"who": _NAMED}]},
    "ServiceRequest": {"status": "draft", "intent": "proposal", "code": _TEXT, "subject": _NAMED},
    "Task": {"status": "draft", "intent": "proposal", "code": _TEXT},
}
TYPES = tuple(name for name in _BODIES if name != "DocumentReference")


def resource(resource_type: str, tag: str, resource_id: str | None = None) -> bytes:
    """One of `TYPES`, or a DocumentReference with `NOTE` in it."""
    own = {"id": resource_id} if resource_id else {}
    return encode(
        {"resourceType": resource_type, **own, "meta": meta(tag)} | _BODIES[resource_type]
    )


def meta(tag: str) -> dict[str, Any]:
    """What everything that a trial writes is known by."""
    return {
        "tag": [{"system": systems.TAG, "code": tag}],
        "security": [{"system": systems.ACT_REASON, "code": "HTEST"}],
    }
