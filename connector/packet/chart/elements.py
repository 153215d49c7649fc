"""What single elements of a record tell the index: dates, codes, statuses, whom it names. Pure."""

import re
from collections.abc import Iterable, Iterator
from sys import intern
from typing import Any

from ...fhir.attachments import attachment_nodes
from ...fhir.shapes import as_dict, dicts, objects_in
from ..record import words
from ..record.dates import OPEN, Interval, interval
from ..record.links import Links

# Where a record's own date stands, first found wins (R4: the elements behind the `date` searches).
_DATES = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "performedDateTime",
    "performedPeriod", "occurrenceDateTime", "occurrencePeriod", "period", "date", "started",
    "authoredOn", "issued", "recordedDate", "onsetDateTime", "onsetPeriod", "dateAsserted",
    "whenHandedOver", "recorded", "created", "startDate", "statusDate", "authored",
    "dateTime",
)  # fmt: skip
_STATUSES = ("status", "lifecycleStatus", "clinicalStatus")
_DEVICE_ACTION = "http://hl7.org/fhir/device-action"
ERROR = "entered-in-error"
# Where names and titles stand.
_CALLED = (
    "code", "type", "category", "title", "description", "procedureCode", "series", "bodySite",
    "medicationCodeableConcept", "name", "scope", "vaccineCode", "modelNumber",
)  # fmt: skip
_PIXELS = "application/dicom"  # an image is no report of what is on it
_TEAMS_GOAL = re.compile(r"[<>≤≥%\d]")
IMAGES = ("ImagingStudy", "Media")
NOTES = ("DocumentReference", "DiagnosticReport")  # types whose content is an attachment


def substances_of(resource: dict[str, Any]) -> Iterator[Any]:
    """What an allergy is to, where it has no `code` (R4 allergyintolerance.html)."""
    if resource["resourceType"] == "AllergyIntolerance":
        yield from words.substances(resource)


def done_to(resource: dict[str, Any]) -> Iterator[Any]:
    """What a Procedure did to its devices; where it does not say, they count as implanted."""
    devices = resource.get("focalDevice")
    for device in devices if isinstance(devices, list) else ():
        action = device.get("action") if isinstance(device, dict) else None
        yield action or {"system": _DEVICE_ACTION, "code": "implanted"}


def imaged(resource: dict[str, Any]) -> Iterator[Any]:
    """With what and of which part of the body images are (R4 imagingstudy.html, media.html)."""
    if resource["resourceType"] not in IMAGES:
        return
    for node in (resource, *dicts(resource.get("series"))):
        yield from (node.get(name) for name in ("modality", "bodySite", "procedureCode", "view"))


def coded_beside(resource: dict[str, Any]) -> Iterator[Any]:
    """What has codes beside the elements that name a record."""
    yield from substances_of(resource)
    yield from done_to(resource)
    yield from imaged(resource)
    yield from (drug.get("code") for drug in contained_drugs(resource))


def contained_drugs(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The Medications that a medication record has inside."""
    if not resource["resourceType"].startswith("Medication"):
        return []
    inside = dicts(resource.get("contained"))
    return [each for each in inside if each.get("resourceType") == "Medication"]


def named_as(resource: dict[str, Any]) -> tuple[str, ...]:
    """All texts that say what a record is: names and titles, not what it found."""
    nodes = [resource, *dicts(resource.get("deviceName")), *contained_drugs(resource)]
    if resource["resourceType"] in IMAGES:
        nodes += dicts(resource.get("series"))
    if resource["resourceType"] in NOTES:
        nodes += attachment_nodes(resource)
    texts: dict[str, None] = {}
    for node in nodes:
        for name in _CALLED:
            value = node.get(name)
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, str):
                    texts[item] = None
                elif isinstance(item, dict):
                    texts.update(dict.fromkeys(_texts_of(item)))
    return tuple(texts)


def _texts_of(concept: dict[str, Any]) -> Iterator[str]:
    codings = dicts(concept.get("coding"))
    for text in (concept.get("text"), *(node.get("display") for node in (*codings, concept))):
        if isinstance(text, str):
            yield text


def replaced_by(resource: dict[str, Any], links: Links) -> Iterator[str]:
    """Documents that this one says it replaces (R4 document-relationship-type)."""
    for related in dicts(resource.get("relatesTo")):
        if related.get("code") == "replaces":
            yield from keys_in({k: v for k, v in related.items() if k.startswith("target")}, links)


def in_own_words(resource: dict[str, Any]) -> bool:
    """Whether a Goal is the patient's: they express it (R4 goal.html), or it reads like theirs.

    Without `expressedBy` a goal with a target, a problem that it addresses, a code or a number in
    it is a team's.
    """
    if resource["resourceType"] != "Goal":
        return False
    said_by = str(as_dict(resource.get("expressedBy")).get("reference") or "")
    if said_by:
        return "Patient/" in said_by or "RelatedPerson/" in said_by
    description = as_dict(resource.get("description"))
    if any(resource.get(name) for name in ("target", "addresses")) or description.get("coding"):
        return False
    return not _TEAMS_GOAL.search(str(description.get("text") or ""))


def status_of(resource: dict[str, Any]) -> str:
    """The status of a record, by the first element that tells one; `unstated`."""
    for name in _STATUSES:
        value = resource.get(name)
        if isinstance(value, str):
            return intern(value)
        # clinicalStatus is a CodeableConcept: its plain code, whatever the system
        for token in tokens_of(value):
            if "|" not in token:
                return token
    return "unstated"


def date_of(resource: dict[str, Any]) -> tuple[str, Interval | None]:
    """The record's own date, as written and as an interval."""
    for name in _DATES:
        value = resource.get(name)
        if isinstance(value, str) and (found := interval(value)):
            return value, found
        if isinstance(value, dict):
            first, last = (interval(str(value.get(name))) for name in ("start", "end"))
            if first or last:
                # A period without end goes on (R4 datatypes.html#Period).
                lasts = last[1] if last else OPEN
                written = value["start" if first else "end"]
                return written, (first[0] if first else lasts, lasts)
    return "", None


def tokens_of(value: Any) -> Iterator[str]:
    """`system|code` and `code` of a Coding, a CodeableConcept or a list of either."""
    for item in objects_in(value):
        codings = item.get("coding") if isinstance(item.get("coding"), list) else [item]
        for coding in codings or []:
            code = coding.get("code") if isinstance(coding, dict) else None
            if isinstance(code, str):
                yield intern(f"{coding.get('system', '')}|{code}")
                yield intern(code)


def coded(value: Any) -> frozenset[str]:
    """The codes of a Coding or CodeableConcept, as `system|code` and as `code`."""
    return frozenset(tokens_of(value))


def any_filled(resource: dict[str, Any], group: Iterable[str], links: Links) -> bool:
    """Whether one of a group of elements (`value*`) says something."""
    for pattern in group:
        names = [pattern]
        if pattern.endswith("*"):
            names = [name for name in resource if name.startswith(pattern[:-1])]
        if any(_filled(name, resource.get(name), links) for name in names):
            return True
    return False


def _filled(name: str, value: Any, links: Links) -> bool:
    if name in ("content", "presentedForm"):
        return any(
            node.get("data") or links.had(node.get("url"))
            for node in attachment_nodes({name: value})
            if not str(node.get("contentType") or "").startswith(_PIXELS)
        )
    if name == "reaction":
        return bool(words.substances({name: value}))
    if name == "result":
        return any(True for _ in keys_in(value, links))
    return value not in (None, "", [], {})


def keys_in(value: Any, links: Links) -> Iterator[str]:
    """Records of the chart that the references inside `value` point to."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            reference = node.get("reference")
            if isinstance(reference, str) and (key := links.key(reference)):
                yield key
            stack.extend(child for child in node.values() if isinstance(child, dict | list))
        elif isinstance(node, list):
            stack.extend(child for child in node if isinstance(child, dict | list))


def says_none(resource: dict[str, Any]) -> str:
    """Why a List is empty (its emptyReason); of other records nothing."""
    if resource["resourceType"] != "List":
        return ""
    return next((t for t in tokens_of(resource.get("emptyReason")) if "|" not in t), "")
