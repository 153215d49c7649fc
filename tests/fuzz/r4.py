"""R4 resources with every element filled, from the definitions, and what can be put in one's place.

The definitions are those of `fhir.resources` (R4B: identical to R4 for the types of a chart).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any, get_args

from fhir.resources.R4B import get_fhir_model_class

PATIENT = "p1"
CANARY = "Kanarienvogel"
"""A word in every text of a chart: it may stand in the case file and the packet only."""

TYPES = [
    "AllergyIntolerance", "Appointment", "CarePlan", "CareTeam", "ClinicalImpression",
    "Communication", "Composition", "Condition", "Consent", "Coverage", "Device",
    "DeviceRequest", "DeviceUseStatement", "DiagnosticReport", "DocumentReference", "Encounter",
    "EpisodeOfCare", "FamilyMemberHistory", "Flag", "Goal", "ImagingStudy", "Immunization",
    "List", "Media", "MedicationAdministration", "MedicationDispense", "MedicationRequest",
    "MedicationStatement", "NutritionOrder", "Observation", "Procedure", "Provenance",
    "QuestionnaireResponse", "RelatedPerson", "RiskAssessment", "ServiceRequest", "Specimen",
    "Binary", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole",
]  # fmt: skip
_DEPTH = 4  # elements below it are left out, unless R4 demands them
# So that the rules of the map step take these for what they are.
_THO = "http://terminology.hl7.org/CodeSystem/"
_CODED: dict[str, dict[str, tuple[str, str]]] = {
    "AllergyIntolerance": {"clinicalStatus": (_THO + "allergyintolerance-clinical", "active")},
    "Condition": {
        "clinicalStatus": (_THO + "condition-clinical", "active"),
        "category": (_THO + "condition-category", "problem-list-item"),
    },
    "DiagnosticReport": {
        "category": (_THO + "v2-0074", "PAT"),
        "code": ("http://loinc.org", "11526-1"),
    },
    "DocumentReference": {"type": ("http://loinc.org", "11504-8")},
    "Observation": {
        "category": (_THO + "observation-category", "laboratory"),
        "code": ("http://loinc.org", "718-7"),
    },
    "Consent": {"scope": (_THO + "consentscope", "patient-privacy")},
}  # fmt: skip
_OF_PATIENT = ("subject", "patient", "beneficiary", "individual", "for_fhir")

_PRIMITIVES: dict[str, Any] = {
    "Boolean": False,
    "Integer": 3,
    "UnsignedInt": 3,
    "PositiveInt": 3,
    "Decimal": 1.5,
    "Date": "2026-03-01",
    "DateTime": "2026-03-01T10:00:00Z",
    "Instant": "2026-03-01T10:00:00.000Z",
    "Time": "10:00:00",
    "Base64Binary": "SFRFU1Q=",
    "Uri": "urn:test:uri",
    "Url": "https://records.invalid/u",
    "Canonical": "http://hl7.org/fhir/StructureDefinition/Patient",
    "Oid": "urn:oid:1.2.3",
    "Uuid": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
    "Id": "one",
    "Xhtml": f'<div xmlns="http://www.w3.org/1999/xhtml">{CANARY}</div>',
}


@cache
def _filled(name: str, variant: int, depth: int) -> str:
    """A complex type as JSON; `variant` chooses among the types of a choice and among codes."""
    model: Any = get_fhir_model_class(name)
    made: dict[str, Any] = {}
    chosen: dict[str, list[tuple[str, Any]]] = {}
    for field, told in model.model_fields.items():
        extra = told.json_schema_extra or {}
        if field.endswith("__ext") or not extra.get("element_property"):
            continue
        if field in ("id", "contained", "implicitRules", "modifierExtension", "language"):
            continue
        if group := extra.get("one_of_many"):
            chosen.setdefault(group, []).append((field, told))
        elif depth < _DEPTH or extra.get("element_required") or told.is_required():
            value = _value(name, field, told, variant, depth)
            if value is not None:
                made[told.alias] = value
    for options in chosen.values():
        field, told = options[variant % len(options)]
        value = _value(name, field, told, variant, depth)
        if value is not None:
            made[told.alias] = value
    return json.dumps(made)


def _value(owner: str, field: str, told: Any, variant: int, depth: int) -> Any:
    kind, several = _kind(told.annotation)
    extra = told.json_schema_extra or {}
    one: Any
    if kind == "Reference":
        types = [t for t in extra.get("enum_reference_types") or ["Patient"] if t in TYPES]
        target = types[variant % len(types)] if types else "Organization"
        own = field in _OF_PATIENT or "Patient" in (extra.get("enum_reference_types") or [])
        one = {"reference": f"Patient/{PATIENT}" if own else f"{target}/{target.lower()}-1"}
    elif kind in ("Code", "String", "Markdown"):
        codes = [code for code in extra.get("enum_values", ()) if code != "+"]
        text = "active" if field == "status" else f"{CANARY} {owner}.{field}"
        one = codes[variant % len(codes)] if codes else ("en" if kind == "Code" else text)
    elif kind in _PRIMITIVES:
        one = _PRIMITIVES[kind]
    elif kind in ("Extension", "Resource") or depth > _DEPTH + 1:
        return None
    else:
        one = json.loads(_filled(kind, variant, depth + 1))
        if not one:
            return None
    return [one] if several else one


def _kind(annotation: Any) -> tuple[str, bool]:
    """The FHIR type behind an annotation, and whether it repeats."""
    text = str(annotation)
    several = "List[" in text
    while True:
        inner = [a for a in get_args(annotation) if a is not type(None)]
        if hasattr(annotation, "get_model_klass"):
            return annotation.get_model_klass().__name__, several
        named = next((a for a in inner if type(a).__module__.startswith("fhir_core")), None)
        if named is not None:
            return type(named).__name__, several
        if not inner:
            name = getattr(annotation, "__name__", "")
            return {"bool": "Boolean"}.get(name, name), several
        annotation = inner[0]


def resource(name: str, variant: int = 0) -> dict[str, Any]:
    """A resource with every element of its type, down to some depth, of the patient."""
    made: dict[str, Any] = {
        "resourceType": name,
        "id": f"{name.lower()}-1",
        "meta": {"versionId": "1", "lastUpdated": "2026-03-01T10:00:00Z"},
    }
    made |= {k: v for k, v in json.loads(_filled(name, variant, 0)).items() if k != "meta"}
    for element, (system, code) in _CODED.get(name, {}).items():
        concept = {"coding": [{"system": system, "code": code}], "text": f"{CANARY} {element}"}
        made[element] = [concept] if isinstance(made.get(element), list) else concept
    return made


def patient() -> dict[str, Any]:
    """The patient of every chart."""
    return {
        "resourceType": "Patient",
        "id": PATIENT,
        "meta": {"tag": [{"system": "urn:test", "code": "HTEST"}]},
        "identifier": [{"system": "urn:test:mrn", "value": f"{CANARY}-4711"}],
        "name": [{"family": CANARY, "given": ["Carla"]}],
        "gender": "female",
        "birthDate": "1961-02-03",
    }


class Literal:
    """A JSON text put in as it is: numbers that no encoder of ours would write, keys twice."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Literal({self.text[:40]!r})"


JUNK: tuple[Any, ...] = (
    None, True, 0, -1, "", " ", [], {}, [None], [[]], [{}], [{}, None], {"a": {}}, "x", ["x"],
    [["x", 1]], 0.1, Literal("1e999999"), Literal("-1E-400"), Literal("9" * 330),
    Literal('{"reference":"Patient/p1","reference":"Patient/other"}'),
    Literal("[" * 1500 + "]" * 1500), Literal('{"a":' * 1500 + "1" + "}" * 1500),
    Literal('"\\ud800"'), Literal('"\\u0000"'), "\x0b\x1b[2J\x1b]0;x\x07", "\u202egnp.exe\u202c",
    "\ufeff", "\u2028", "a" * 70_000, "2026-13-45", "0000-00-00", "2026-02-30T25:61:61Z", "99999",
    "2026-11-01T10:00:00+99:99", "-0001-01-01", "Patient/../x", "Patient/other", "#", "#x", "//",
    "http://[", "http://127.0.0.1:1/fhir/Patient/p1", "urn:uuid:", "javascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD4=", "data:,", "Binary/binary-1?x=1", "====", "SGk", "_-_-",
    "<div>", "</div><script>alert(1)</script>", "&bogus;", "<!DOCTYPE a [<!ENTITY b 'c'>]><div/>",
    {"resourceType": "Patient", "id": "other"}, {"resourceType": 7}, {"reference": None},
    {"reference": ["Patient/p1"]}, {"identifier": "x"}, {"identifier": {"system": 1, "value": []}},
    {"coding": {}}, {"coding": [None]}, {"coding": [{"system": [], "code": {}}], "text": 7},
    {"value": "twelve", "unit": 7}, {"value": Literal("1e400")}, {"start": "x", "end": []},
    {"start": "2026-05-01", "end": "2025"}, {"url": "x", "data": 7, "contentType": []},
    {"status": "generated", "div": 7}, {"extension": "x"}, {"extension": [None, {"url": 3}]},
)  # fmt: skip


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every path within a JSON value, the value itself (an empty path) left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield (*path, number)
            yield from places(inner, (*path, number))


def put(value: Any, path: tuple[str | int, ...], junk: Any) -> None:
    """`junk` at `path` of a JSON value."""
    *way, last = path
    for step in way:
        value = value[step]
    value[last] = deepcopy(junk)


def text(value: Any) -> bytes:
    """JSON, with every `Literal` as it stands."""
    literals: list[str] = []

    def hold(each: Any) -> Any:
        if isinstance(each, Literal):
            literals.append(each.text)
            return f"@literal-{len(literals) - 1}@"
        if isinstance(each, dict):
            return {k: hold(v) for k, v in each.items()}
        if isinstance(each, list):
            return [hold(v) for v in each]
        return each

    made = json.dumps(hold(value))
    for number, literal in enumerate(literals):
        made = made.replace(f'"@literal-{number}@"', literal)
    return made.encode()
