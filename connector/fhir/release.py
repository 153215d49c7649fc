"""Is a record FHIR R4, or another release under the same roof? Pure.

Files don't say which release they are. `elements.json` lists, for the types that are in a chart,
the elements R4 has and in which JSON shape (a value, an object, lists of them), and under `other`
the elements that only DSTU2, STU3 or R5 have. Made from the definitions of those releases; a test
holds it against the R4 models.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from .types import TYPES

# Types of other releases, and what R4 calls the same thing (hl7.org/fhir/R4/diff.html).
SUCCESSORS = {
    "BodySite": "BodyStructure",
    "DeviceComponent": "Device",
    "DeviceUsage": "DeviceUseStatement",
    "DeviceUseRequest": "DeviceRequest",
    "DiagnosticOrder": "ServiceRequest",
    "EligibilityRequest": "CoverageEligibilityRequest",
    "EligibilityResponse": "CoverageEligibilityResponse",
    "ImagingManifest": "ImagingStudy",
    "ImagingObjectSelection": "ImagingStudy",
    "ImagingSelection": "ImagingStudy",
    "MedicationOrder": "MedicationRequest",
    "MedicationUsage": "MedicationStatement",
    "NutritionIntake": "MedicationStatement",
    "ProcedureRequest": "ServiceRequest",
    "ReferralRequest": "ServiceRequest",
    "RequestOrchestration": "RequestGroup",
    "Sequence": "MolecularSequence",
}
_BRACKETS = {b"{": ("object",), b"[": ("objects", "values")}
_NULL = b"null"


def unlike_r4(resource_type: str, top: Mapping[str, msgspec.Raw]) -> str | None:
    """Why a record is not as R4 has it, in the words of its element; None if nothing shows that.

    `top`: its members. Names a type only if it is one, and elements only; never a value.
    """
    if resource_type not in TYPES:
        if resource_type in SUCCESSORS:
            return f"{resource_type} is a type of another FHIR release, not of R4"
        return "of a type that FHIR R4 does not know"
    shapes, other = _elements().get(resource_type, ({}, frozenset()))
    for name, raw in top.items():
        if name in other:
            return f"of another FHIR release: R4 has no {resource_type}.{name}"
        if name in shapes:
            value = bytes(raw).lstrip()
            wanted = shapes[name]
            if value == _NULL:
                continue
            fits = _BRACKETS.get(value[:1], ("value",))
            if wanted not in fits or (wanted == "objects" and _holds_value(value)):
                return f"{resource_type}.{name} is not as R4 has it"
    return None


def _holds_value(value: bytes) -> bool:
    return value[1:].lstrip()[:1] not in (b"{", b"]", b"n", b"")


@cache
def _elements() -> dict[str, tuple[dict[str, str], frozenset[str]]]:
    listed = json.loads(Path(__file__).with_name("elements.json").read_text("utf-8"))
    return {
        resource_type: (
            {
                name: shape
                for shape, names in shapes.items()
                if shape != "other"
                for name in names.split()
            },
            frozenset(shapes.get("other", "").split()),
        )
        for resource_type, shapes in listed.items()
    }
