"""What a physician calls a record: what it is about. Plain text, one line.

What it says beside that: `findings.py`.
"""

import re
from typing import Any

from ...fhir.shapes import as_dict, as_text, dicts, items, objects_in

# What says what a record is about, first found wins.
_TOPICS = (
    "title", "code", "type", "vaccineCode", "medicationCodeableConcept", "medicationReference",
    "procedureCode", "relationship", "description", "category",
)  # fmt: skip
# Code systems by the names that people use.
_SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://www.ama-assn.org/go/cpt": "CPT",
    "http://www.whocc.no/atc": "ATC",
    "http://dicom.nema.org/resources/ontology/DCM": "DICOM",
}
_SIDED = ("Condition", "Procedure")  # two of the same code are two things on two sides

# Controls, halves of characters, and what turns the direction of a line: a text would show other
# than it is written.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def plain(text: str) -> str:
    """`text` without characters that nobody sees and that XML 1.0 or a reader can't take."""
    return _UNSEEN.sub(" ", text)


def title(resource: dict[str, Any]) -> str:
    """A line a physician recognises the record by; the type when it says nothing better."""
    named = _title(resource)
    if resource["resourceType"] in _SIDED:
        sites = [name for name in map(called, items(resource.get("bodySite"))) if name]
        new = [site for site in dict.fromkeys(sites) if site.casefold() not in named.casefold()]
        named += f" ({', '.join(new)})" if new else ""
    return plain(named)


def substances(allergy: dict[str, Any]) -> list[Any]:
    """What an allergy is to, as its reactions say: concepts, for one without a `code`."""
    if allergy.get("code") not in (None, {}, []):
        return []
    found = (as_dict(one).get("substance") for one in items(allergy.get("reaction")))
    return [one for one in found if one]


def _title(resource: dict[str, Any]) -> str:
    if resource["resourceType"] == "AllergyIntolerance":
        named = dict.fromkeys(filter(None, map(called, substances(resource))))
        if named:
            return ", ".join(named)
    for name in _TOPICS:
        value = resource.get(name)
        for item in items(value):
            if text := item if isinstance(item, str) and name == "title" else called(item):
                return text
        if name == "medicationReference" and value:
            # The drug is another record's to name, inside or outside; its category is no name.
            return _contained_drug(resource, value) or str(resource["resourceType"])
    if names := [str(d["name"]) for d in dicts(resource.get("deviceName")) if d.get("name")]:
        return names[0]
    return str(resource["resourceType"])


def _contained_drug(resource: dict[str, Any], reference: Any) -> str:
    wanted = as_dict(reference).get("reference")
    for inside in dicts(resource.get("contained")):
        if f"#{inside.get('id')}" == wanted:
            return called(inside.get("code"))
    return ""


def concept(value: Any) -> str:
    """The words of a CodeableConcept, or what a Reference or Coding is called."""
    value = as_dict(value)
    displays = [as_dict(coding).get("display") for coding in items(value.get("coding"))]
    return next(
        (str(text) for text in (value.get("text"), *displays, value.get("display")) if text), ""
    )


def person(names: Any) -> str:
    """The official of somebody's names, else the first (R4 datatypes.html#HumanName)."""
    found = sorted(objects_in(names), key=lambda name: name.get("use") != "official")
    for name in found[:1]:
        parts = [*items(name.get("given")), *items(name.get("family"))]  # DSTU2: a list
        return as_text(name.get("text")) or " ".join(filter(None, map(as_text, parts)))
    return as_text(names)


def called(value: Any) -> str:
    """The words of a CodeableConcept or Coding; where there are none, its first code and system."""
    if words := concept(value):
        return words
    value = as_dict(value)
    for coding in [*items(value.get("coding")), value]:
        code, system = as_dict(coding).get("code"), str(as_dict(coding).get("system") or "")
        if isinstance(code, str) and code:
            return f"{_SYSTEMS.get(system, system)} {code}".strip()
    return ""
