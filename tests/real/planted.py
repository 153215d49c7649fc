"""A chart file of one made-up patient whose records are hard to find: each in a way of its own."""

import gzip
import json
import uuid
from pathlib import Path
from typing import Any

_SYSTEM = "urn:oid:2.25.1"
_NAMES = uuid.UUID("0f6f4d52-3a3e-4f0b-9f0e-6f3f2c7b5d10")


def _id(name: str) -> str:
    return str(uuid.uuid5(_NAMES, name))


def _to(name: str) -> dict[str, str]:
    return {"reference": f"urn:uuid:{_id(name)}"}


def _coded(text: str) -> dict[str, Any]:
    return {"code": {"text": text}}


OURS = {"subject": _to("patient")}
ASKED = {"status": "active", "intent": "order"}
# Device and Task are not in the R4 patient compartment; nothing refers to a Provenance.
RECORDS: dict[str, dict[str, Any]] = {
    "patient": {
        "resourceType": "Patient",
        "name": [{"family": "Planted"}],
        "identifier": [{"system": _SYSTEM, "value": "planted"}],
    },
    "device": {"resourceType": "Device", "patient": _to("patient")},
    "task": {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "for": _to("patient"),
    },
    "condition": {
        "resourceType": "Condition",
        "evidence": [{"detail": [_to("circle 1")]}],
        **_coded("circle"),
        **OURS,
    },
    "circle 1": {
        "resourceType": "Observation",
        "status": "final",
        "hasMember": [_to("circle 2")],
        **_coded("one"),
        **OURS,
    },
    "circle 2": {  # of nobody: found by reference alone
        "resourceType": "Observation",
        "status": "final",
        "hasMember": [_to("circle 1")],
        "specimen": _to("specimen"),
        **_coded("two"),
    },
    "specimen": {"resourceType": "Specimen", "status": "available"},
    "order": {
        "resourceType": "MedicationRequest",
        "medicationReference": _to("drug"),
        **ASKED,
        **OURS,
    },
    "drug": {"resourceType": "Medication", "ingredient": [{"itemReference": _to("part")}]},
    "part": {"resourceType": "Medication", "manufacturer": _to("maker")},
    "maker": {"resourceType": "Organization", "name": "Maker", "partOf": _to("owner")},
    "owner": {"resourceType": "Organization", "name": "Owner", "partOf": _to("maker")},
    "encounter": {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "participant": [{"individual": {"reference": f"Practitioner?identifier={_SYSTEM}|7"}}],
        **OURS,
    },
    "physician": {
        "resourceType": "Practitioner",
        "identifier": [{"system": _SYSTEM, "value": "7"}],
    },
    "held": {
        "resourceType": "MedicationRequest",
        "contained": [{"resourceType": "Medication", "id": "in", "manufacturer": _to("maker")}],
        "medicationReference": {"reference": "#in"},
        **ASKED,
        **OURS,
    },
    "said": {
        "resourceType": "Provenance",
        "target": [_to("specimen")],
        "recorded": "2026-11-22T10:00:00Z",
        "agent": [{"who": _to("scribe")}],
    },
    "scribe": {"resourceType": "Practitioner", "name": [{"family": "Scribe"}]},
}


def write(folder: Path) -> Path:
    """The chart file, laid out as Synthea's are."""
    entry = [
        {
            "fullUrl": f"urn:uuid:{_id(name)}",
            "resource": {**record, "id": _id(name)},
            "request": {"method": "POST", "url": record["resourceType"]},
        }
        for name, record in RECORDS.items()
    ]
    path = folder / "Planted_one.json.gz"
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entry}
    path.write_bytes(gzip.compress(json.dumps(bundle).encode()))
    return path
