"""What a physician reads of a record: what it is about, and what it says. Plain text, one line."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...fhir.shapes import as_dict, items

_LONGEST = 300  # characters; the record itself is an entry
# What says what a record is about, first found wins.
_TOPICS = (
    "title", "code", "type", "vaccineCode", "medicationCodeableConcept", "medicationReference",
    "procedureCode", "relationship", "description", "category",
)  # fmt: skip


# Controls, and what turns the direction of a line: a text would show other than it is written.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def plain(text: str) -> str:
    """`text` without characters that nobody sees and that XML 1.0 or a reader can't take."""
    return _UNSEEN.sub(" ", text)


def title(resource: dict[str, Any]) -> str:
    """A line a physician recognises the record by; the type when it says nothing better."""
    return plain(_title(resource))


def substances(allergy: dict[str, Any]) -> list[Any]:
    """What an allergy is to, as its reactions say: concepts, for one without a `code`."""
    if allergy.get("code") not in (None, {}, []):
        return []
    found = (as_dict(one).get("substance") for one in items(allergy.get("reaction")))
    return [one for one in found if one]


def _title(resource: dict[str, Any]) -> str:
    if resource["resourceType"] == "AllergyIntolerance":
        named = dict.fromkeys(filter(None, map(concept, substances(resource))))
        if named:
            return ", ".join(named)
    for name in _TOPICS:
        value = resource.get(name)
        for item in items(value):
            if text := item if isinstance(item, str) and name == "title" else concept(item):
                return text
        if name == "medicationReference" and value:
            break  # the drug is another record's to name; its category would be no name
    return str(resource["resourceType"])


def finding(resource: dict[str, Any]) -> str:
    """What the record says beside its title: a result, a dosage, a reaction. Empty: nothing."""
    say = _FINDINGS.get(resource["resourceType"])
    text = plain("; ".join(dict.fromkeys(filter(None, say(resource))))) if say else ""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def concept(value: Any) -> str:
    """The words of a CodeableConcept, or what a Reference or Coding is called."""
    value = as_dict(value)
    displays = [as_dict(coding).get("display") for coding in items(value.get("coding"))]
    return next(
        (str(text) for text in (value.get("text"), *displays, value.get("display")) if text), ""
    )


def _observation(resource: dict[str, Any]) -> Iterator[str]:
    yield _result(resource)
    for component in items(resource.get("component")):
        if said := _result(as_dict(component)):
            yield f"{concept(as_dict(component).get('code'))} {said}".strip()
    yield from (concept(item) for item in items(resource.get("interpretation")))


def _result(holder: dict[str, Any]) -> str:
    """`value[x]` of an Observation or component, digits as they are (R4 observation.html)."""
    for name, value in holder.items():
        if name.startswith("value"):
            return _value(value)
    absent = concept(holder.get("dataAbsentReason"))
    return f"no value ({absent})" if absent else ""


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, dict):
        return "" if isinstance(value, list) else str(value)
    if "numerator" in value or "denominator" in value:
        parts = (value.get("numerator"), value.get("denominator"))
        return " : ".join(_quantity(as_dict(part)) for part in parts)
    if "low" in value or "high" in value:
        return f"{_quantity(as_dict(value.get('low')))} to {_quantity(as_dict(value.get('high')))}"
    if "start" in value or "end" in value:
        return f"{value.get('start', '')} to {value.get('end', '')}"
    if "value" in value:
        return _quantity(value)
    if "data" in value:
        return "a recorded curve"
    return concept(value)


def _quantity(value: dict[str, Any]) -> str:
    parts = (value.get("comparator"), value.get("value"), value.get("unit") or value.get("code"))
    return " ".join(str(part) for part in parts if part is not None)


def _allergy(resource: dict[str, Any]) -> Iterator[str]:
    for reaction in items(resource.get("reaction")):
        yield from map(concept, items(as_dict(reaction).get("manifestation")))
    if criticality := resource.get("criticality"):
        yield f"criticality {criticality}"


def _condition(resource: dict[str, Any]) -> Iterator[str]:
    yield concept(resource.get("severity"))
    for stage in items(resource.get("stage")):
        yield concept(as_dict(stage).get("summary"))
    if since := resource.get("onsetDateTime"):
        yield f"since {str(since)[:10]}"
    if until := resource.get("abatementDateTime"):
        yield f"until {str(until)[:10]}"
    yield from (f"({word})" for word in [concept(resource.get("verificationStatus"))] if word)


def _imaging(resource: dict[str, Any]) -> Iterator[str]:
    yield from _texts("description")(resource)
    for series in map(as_dict, items(resource.get("series"))):
        parts = (series.get("modality"), series.get("bodySite"))
        yield " ".join(filter(None, map(concept, parts)))
        yield from _texts("description")(series)


def _texts(*path: str) -> Callable[[dict[str, Any]], Iterator[str]]:
    """The strings or concepts that stand at a path of element names, lists included."""

    def say(resource: dict[str, Any]) -> Iterator[str]:
        found: Iterable[Any] = [resource]
        for name in path:
            found = [i for node in found for i in items(as_dict(node).get(name))]
        return (item if isinstance(item, str) else concept(item) for item in found)

    return say


_FINDINGS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "Observation": _observation,
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "DiagnosticReport": _texts("conclusion"),
    "MedicationRequest": _texts("dosageInstruction", "text"),
    "MedicationStatement": _texts("dosage", "text"),
    "MedicationAdministration": _texts("dosage", "text"),
    "Procedure": _texts("outcome"),
    "Goal": _texts("achievementStatus"),
    "CarePlan": _texts("description"),
    "FamilyMemberHistory": _texts("condition", "code"),
    "ImagingStudy": _imaging,
    "ClinicalImpression": _texts("summary"),
}
