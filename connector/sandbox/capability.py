"""What the sandbox says of itself: its CapabilityStatement."""

from datetime import datetime

from .behaviour import Behaviour
from .outcome import Resource
from .parameters import COMMON, NONE, PARAMETERS
from .store import instant
from .transaction import types

_INTERACTIONS = ("read", "vread", "update", "create", "delete", "search-type")


def capability_statement(base: str, behaviour: Behaviour, started: datetime) -> Resource:
    """FHIR R4 CapabilityStatement of a sandbox at `base`; like HAPI's, without updateCreate."""
    offered = {"batch": behaviour.batches, "transaction": behaviour.transactions}
    system = [code for code, offers in offered.items() if offers] or ["search-system"]
    rest: Resource = {
        "mode": "server",
        "resource": [_type(name, behaviour) for name in sorted(types(behaviour))],
        "interaction": [{"code": code} for code in system],
    }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(started),
        "kind": "instance",
        "software": {"name": behaviour.software},
        "implementation": {"description": "Embedded FHIR server, synthetic data", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [rest],
    }


def _type(name: str, behaviour: Behaviour) -> Resource:
    parameters = PARAMETERS.get(name, NONE)
    tokens, references = sorted(parameters.tokens), sorted(parameters.references)
    kinds = {**COMMON, "_lastUpdated": "date"}
    kinds |= dict.fromkeys(tokens, "token") | dict.fromkeys(references, "reference")
    described: Resource = {
        "type": name,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "conditionalCreate": True,
        "conditionalUpdate": True,
        "searchInclude": ["*", *(f"{name}:{parameter}" for parameter in references)],
        "searchRevInclude": _revincludes(name, behaviour),
        "searchParam": [{"name": key, "type": kind} for key, kind in kinds.items()],
    }
    if behaviour.update_create is not None and name in behaviour.update_create:
        described["updateCreate"] = behaviour.update_create[name]
    if name == "Patient" and behaviour.everything:
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        described["operation"] = [{"name": "everything", "definition": definition}]
    return described


def _revincludes(name: str, behaviour: Behaviour) -> list[str]:
    """Parameters of other types that may lead here: Provenance to all, `patient` to Patient."""
    served = sorted(types(behaviour))
    found = ["Provenance:target"] if "Provenance" in served else []
    if name == "Patient":
        referring = (t for t in served if "patient" in PARAMETERS.get(t, NONE).references)
        found += [f"{other}:patient" for other in referring]
    return found
