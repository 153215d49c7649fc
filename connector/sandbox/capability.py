"""What the sandbox says of itself: its CapabilityStatement."""

from datetime import datetime

from .outcome import Resource
from .parameters import COMMON, NONE, PARAMETERS
from .quirks import Quirks
from .store import instant
from .transaction import types

_INTERACTIONS = ("read", "vread", "update", "create", "delete", "search-type")


def _interactions(name: str, quirks: Quirks) -> tuple[str, ...]:
    unread = name == "Patient" and quirks.bulk is not None and not quirks.bulk.reads_patient
    return _INTERACTIONS[2:] if unread else _INTERACTIONS


def capability_statement(base: str, quirks: Quirks, started: datetime) -> Resource:
    """FHIR R4 CapabilityStatement of a sandbox at `base`; like HAPI's, without updateCreate."""
    offered = {"batch": quirks.batches, "transaction": quirks.transactions}
    system = [code for code, offers in offered.items() if offers] or ["search-system"]
    rest: Resource = {
        "mode": "server",
        "resource": [_type(name, quirks, base) for name in sorted(types(quirks))],
        "interaction": [{"code": code} for code in system],
    }
    said: Resource = {}
    if quirks.messages is not None:
        definition = "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message"
        rest["operation"] = [{"name": "process-message", "definition": definition}]
        said = {"messaging": [{"reliableCache": quirks.messages}]}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(started),
        "kind": "instance",
        "software": {"name": quirks.software},
        "implementation": {"description": "Embedded FHIR server, synthetic data", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [rest],
        **said,
    }


def _type(name: str, quirks: Quirks, base: str) -> Resource:
    parameters = PARAMETERS.get(name, NONE)
    tokens, references = sorted(parameters.tokens), sorted(parameters.references)
    kinds = {**COMMON, "_lastUpdated": "date"}
    kinds |= dict.fromkeys(tokens, "token") | dict.fromkeys(references, "reference")
    described: Resource = {
        "type": name,
        "interaction": [{"code": code} for code in _interactions(name, quirks)],
        "versioning": "versioned-update",
        "conditionalCreate": True,
        "conditionalUpdate": True,
        "searchInclude": ["*", *(f"{name}:{parameter}" for parameter in references)],
        "searchRevInclude": _revincludes(name, quirks),
        "searchParam": [{"name": key, "type": kind} for key, kind in kinds.items()],
    }
    if quirks.update_create is not None and name in quirks.update_create:
        described["updateCreate"] = quirks.update_create[name]
    if name == "Patient" and quirks.everything:
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        described["operation"] = [{"name": "everything", "definition": definition}]
    if name == "Patient" and quirks.match is not None:
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-match"
        matching = {"name": "match", "definition": definition}
        described["operation"] = [*described.get("operation", []), matching]
    if name == "Patient" and quirks.bulk is not None:
        definition = f"{base}/OperationDefinition/patient-export"
        exports = {"name": "export", "definition": definition}
        described["operation"] = [*described.get("operation", []), exports]
    return described


def _revincludes(name: str, quirks: Quirks) -> list[str]:
    """Parameters of other types that may lead here: Provenance to all, `patient` to Patient."""
    served = sorted(types(quirks))
    found = ["Provenance:target"] if "Provenance" in served else []
    if name == "Patient":
        referring = (t for t in served if "patient" in PARAMETERS.get(t, NONE).references)
        found += [f"{other}:patient" for other in referring]
    return found
