"""What a record says beside its title: a result, a dose, a conclusion. Plain text.

Whole: a conclusion's last sentence is often the one that counts.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from html import unescape
from typing import Any

from ...fhir.attachments import attachment_nodes
from ...fhir.shapes import as_dict, as_text, dicts, items
from .values import doses, flags, quantity, reference, result, value
from .words import called, concept, plain, title

LONGEST = 20_000  # characters; beyond that a text is a document, and its record an entry
_UNREAD = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_MARKUP = re.compile(r"<[^>]*>")
_STOPPED = ("stopped", "cancelled", "not-done", "on-hold", "not-taken", "declined")


def finding(resource: dict[str, Any]) -> str:
    """What the record says beside its title. Empty: nothing."""
    kind = str(resource["resourceType"])
    said = [*_FINDINGS.get(kind, _nothing)(resource), *_reasons(resource), *_notes(resource)]
    named = title(resource)  # what the name says already is not said again
    text = plain("; ".join(dict.fromkeys(each for each in said if each and each != named)))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _nothing(_: dict[str, Any]) -> Iterator[str]:
    return iter(())


def _reasons(resource: dict[str, Any]) -> Iterator[str]:
    """Why it was done, given, or not, or no longer."""
    reasons = [n for n in map(called, items(resource.get("statusReason"))) if n]
    if reasons:
        word = "stopped because of" if resource.get("status") in _STOPPED else "reason"
        yield f"{word}: {', '.join(reasons)}"
    if why := [n for n in map(called, items(resource.get("reasonCode"))) if n]:
        yield f"for: {', '.join(why)}"


def _notes(resource: dict[str, Any]) -> Iterator[str]:
    """Annotations (R4 datatypes.html#Annotation)."""
    notes = items(resource.get("note"))
    texts = [as_text(note) or as_text(as_dict(note).get("text")) for note in notes]
    yield from (f"note: {text}" for text in texts if text)


def _observation(resource: dict[str, Any]) -> Iterator[str]:
    yield _measured(resource)
    for component in dicts(resource.get("component")):
        if said := _measured(component):
            yield f"{called(component.get('code'))} {said}".strip()
    yield from flags(resource)
    yield called(resource.get("bodySite"))


def _measured(holder: dict[str, Any]) -> str:
    told = result(holder)
    own = [] if "resourceType" in holder else flags(holder)
    return " ".join([told, *(f for f in own if f), *reference(holder)]).strip() if told else ""


def _allergy(resource: dict[str, Any]) -> Iterator[str]:
    for reaction in map(as_dict, items(resource.get("reaction"))):
        yield from map(called, items(reaction.get("manifestation")))
        if severity := as_text(reaction.get("severity")):
            yield f"{severity} reaction"
        yield as_text(reaction.get("description"))
    if criticality := resource.get("criticality"):
        yield f"criticality {criticality}"


def _condition(resource: dict[str, Any]) -> Iterator[str]:
    yield called(resource.get("severity"))
    for stage in map(as_dict, items(resource.get("stage"))):
        yield called(stage.get("summary"))
    since, noted = resource.get("onsetDateTime"), as_text(resource.get("recordedDate"))
    if since and str(since)[:10] != noted[:10]:
        yield f"since {str(since)[:10]}"
    if until := resource.get("abatementDateTime"):
        yield f"until {str(until)[:10]}"
    verified = as_dict(resource.get("verificationStatus"))
    codes = [as_text(coding.get("code")) for coding in dicts(verified.get("coding"))]
    yield from (f"({word})" for word in [concept(verified) or "".join(codes[:1])] if word)


def _report(resource: dict[str, Any]) -> Iterator[str]:
    yield as_text(resource.get("conclusion"))
    yield from map(called, items(resource.get("conclusionCode")))
    found = as_text(resource.get("effectiveDateTime"))[:10]
    if (issued := as_text(resource.get("issued"))[:10]) and found and issued != found:
        yield f"issued {issued}"


def _imaging(resource: dict[str, Any]) -> Iterator[str]:
    yield as_text(resource.get("description"))
    yield from map(called, items(resource.get("modality")))
    for series in dicts(resource.get("series")):
        parts = (series.get("modality"), series.get("bodySite"), series.get("laterality"))
        yield " ".join(filter(None, map(called, parts)))
        yield as_text(series.get("description"))
    for each in dicts(resource.get("identifier")):
        if each.get("system") == "urn:dicom:uid":
            yield f"study {as_text(each.get('value')).removeprefix('urn:oid:')}"


def _drug(resource: dict[str, Any]) -> Iterator[str]:
    yield from doses(resource.get("dosageInstruction") or resource.get("dosage") or [])
    ends = [as_dict(resource.get("effectivePeriod")).get("end")]
    ends.append(as_dict(as_dict(resource.get("dispenseRequest")).get("validityPeriod")).get("end"))
    for end in map(as_text, ends):
        if end:
            yield f"until {end[:10]}"


def _procedure(resource: dict[str, Any]) -> Iterator[str]:
    yield called(resource.get("outcome"))
    for name, word in (("complication", "complication"), ("followUp", "follow-up")):
        if told := [n for n in map(called, items(resource.get(name))) if n]:
            yield f"{word}: {', '.join(told)}"


def _device(resource: dict[str, Any]) -> Iterator[str]:
    names = [as_text(each.get("name")) for each in dicts(resource.get("deviceName"))]
    made = [as_text(resource.get(name)) for name in ("manufacturer", "modelNumber")]
    yield ", ".join(dict.fromkeys(filter(None, [*names, *made])))
    for name, word in (("lotNumber", "lot"), ("serialNumber", "serial number")):
        if told := as_text(resource.get(name)):
            yield f"{word} {told}"
    if told := as_text(resource.get("expirationDate")):
        yield f"expires {told[:10]}"
    yield from map(called, items(resource.get("safety")))


def _family(resource: dict[str, Any]) -> Iterator[str]:
    for each in dicts(resource.get("condition")):
        age = quantity(as_dict(each.get("onsetAge")))
        parts = [called(each.get("code")), f"at {age}" if age else "", called(each.get("outcome"))]
        yield " ".join(filter(None, parts))


def _consent(resource: dict[str, Any]) -> Iterator[str]:
    yield from map(called, items(resource.get("category")))
    yield called(resource.get("policyRule"))


def _document(resource: dict[str, Any]) -> Iterator[str]:
    yield as_text(resource.get("description"))
    yield from (as_text(node.get("title")) for node in attachment_nodes(resource))


def _plan(resource: dict[str, Any]) -> Iterator[str]:
    yield as_text(resource.get("description"))
    for activity in dicts(resource.get("activity")):
        detail = as_dict(activity.get("detail"))
        yield called(detail.get("code")) or as_text(detail.get("description"))


def _answers(resource: dict[str, Any]) -> Iterator[str]:
    stack = dicts(resource.get("item"))[::-1]
    while stack:
        item = stack.pop()
        given = []
        for answer in dicts(item.get("answer")):
            given += [value(found) for name, found in answer.items() if name.startswith("value")]
            stack += dicts(answer.get("item"))[::-1]
        if given:
            yield f"{as_text(item.get('text')) or item.get('linkId', '')}: {', '.join(given)}"
        stack += dicts(item.get("item"))[::-1]


def _coverage(resource: dict[str, Any]) -> Iterator[str]:
    yield from map(called, items(resource.get("payor")))
    yield as_text(resource.get("subscriberId"))


def _goal(resource: dict[str, Any]) -> Iterator[str]:
    yield called(resource.get("achievementStatus"))
    for target in dicts(resource.get("target")):
        detail = [value(found) for name, found in target.items() if name.startswith("detail")]
        yield " ".join(filter(None, [called(target.get("measure")), *detail]))


def _texts(*path: str) -> Callable[[dict[str, Any]], Iterator[str]]:
    """The strings or concepts that stand at a path of element names, lists included."""

    def say(resource: dict[str, Any]) -> Iterator[str]:
        found: Iterable[Any] = [resource]
        for name in path:
            found = [i for node in found for i in items(as_dict(node).get(name))]
        return (item if isinstance(item, str) else called(item) for item in found)

    return say


def _sections(resource: dict[str, Any]) -> Iterator[str]:
    """What the sections of a document tell in words (R4 composition.html)."""
    for section in sections_of(resource):
        if text := narrative_text(section):
            head = as_text(section.get("title")) or called(section.get("code"))
            yield f"{head}: {text}" if head else text


def sections_of(resource: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The sections of a Composition, and those in them, in their order."""
    stack = dicts(resource.get("section"))[::-1]
    while stack:
        section = stack.pop()
        yield section
        stack += dicts(section.get("section"))[::-1]


def narrative_text(holder: dict[str, Any]) -> str:
    """The words of a narrative (R4 narrative.html), its markup gone."""
    div = as_text(as_dict(holder.get("text")).get("div"))
    return " ".join(unescape(_MARKUP.sub(" ", _UNREAD.sub(" ", div))).split())


_FINDINGS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "Observation": _observation,
    "AllergyIntolerance": _allergy,
    "Condition": _condition,
    "DiagnosticReport": _report,
    "MedicationRequest": _drug,
    "MedicationStatement": _drug,
    "MedicationDispense": _drug,
    "MedicationAdministration": _drug,
    "Procedure": _procedure,
    "Device": _device,
    "DeviceUseStatement": _texts("bodySite"),
    "Goal": _goal,
    "CarePlan": _plan,
    "FamilyMemberHistory": _family,
    "ImagingStudy": _imaging,
    "Composition": _sections,
    "ClinicalImpression": _texts("summary"),
    "Consent": _consent,
    "DocumentReference": _document,
    "QuestionnaireResponse": _answers,
    "Coverage": _coverage,
    "Immunization": _texts("doseQuantity"),
    "Flag": _texts("category"),
    "AdverseEvent": _texts("outcome"),
}
