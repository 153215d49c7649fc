"""The rule that gives a record a literal reference to its patient where it has none.

The pull step took only what is the patient's, but a record may say so by an identifier, by a form
of reference that another server doesn't follow, or not at all (the search for this patient brought
it). At the destination it would stand beside the patient, and no search by patient would find it.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from ...fhir.about import PERHAPS_NOBODYS, SUBJECT
from ...fhir.identifiers import identifiers, pairs
from ...fhir.ids import derived_id
from ...fhir.lossless import decode, encode
from ...fhir.references import literal
from ...fhir.shapes import items
from ...fhir.types import proper
from ...settings import Source
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ..ruleset.change import Note

# Where patients take part among others: the element, and in what of it the reference stands.
_TAKING_PART = {
    "Appointment": ("participant", "actor"),
    "AppointmentResponse": ("actor", ""),
    "SupplyRequest": ("deliverTo", ""),
}


class LiteralSubject:
    """`reference`: the patient in packet form. `identifiers`: (system, value) that they carry."""

    id = "literal-subject"
    reason = (
        "The source says otherwise than by a reference, or by the search that found it, whose"
        " record this is; the reference to the patient was added"
    )

    def __init__(self, reference: str, identifiers: frozenset[tuple[str, str]]) -> None:
        self._reference = reference
        self._identifiers = identifiers
        self._quoted = encode(reference)
        self._whole = Raw(encode({"reference": reference}))

    def apply(self, resource_type: str, top: dict[str, Raw]) -> list[Note]:
        """Add the reference to the members of a record in packet form, in place."""
        name = SUBJECT.get(resource_type)
        if name is None:
            return self._take_part(resource_type, top) if resource_type in _TAKING_PART else []
        raw = top.get(name)
        if raw is not None and self._quoted in bytes(raw):
            return []
        value = decode(raw) if raw is not None else None
        if value in (None, "", [], {}):
            if resource_type in PERHAPS_NOBODYS:
                return []
            top[name] = self._whole
        elif (new := self._added(value, top)) is not None:
            top[name] = Raw(encode(new))
        else:
            return []
        return [Note(self.id, f"{resource_type}.{name}", "changed")]

    def _added(self, value: Any, top: dict[str, Raw]) -> Any:
        """The element with the reference; None for what is not about a patient."""
        if isinstance(value, list):
            new = self._added(value[0], top) if len(value) == 1 else None
            return None if new is None else [new]
        node = value if isinstance(value, dict) else {}
        string = node.get("reference")
        if isinstance(string, str) and string.startswith("#"):
            return {**node, "reference": self._reference} if _taken_out(string, top) else None
        if isinstance(string, str) and literal(string) is not None:
            return None  # a Device, a Group
        if not _may_be_patient(node):
            return None
        return {**node, "reference": self._reference}

    def _take_part(self, resource_type: str, top: dict[str, Raw]) -> list[Note]:
        name, deeper = _TAKING_PART[resource_type]
        raw = top.get(name)
        if raw is None or b'"identifier"' not in bytes(raw) or self._quoted in bytes(raw):
            return []
        value, added = decode(raw), 0
        for item in items(value):
            node = item.get(deeper) if deeper and isinstance(item, dict) else item
            if not isinstance(node, dict) or node.get("reference"):
                continue
            if self._identifiers.intersection(pairs(node.get("identifier"))):
                node["reference"] = self._reference
                added += 1
        if added:
            top[name] = Raw(encode(value))
        path = ".".join(filter(None, (resource_type, name, deeper)))
        return [Note(self.id, path, "changed", added)] if added else []


def _may_be_patient(node: Mapping[str, Any]) -> bool:
    stated = node.get("type")
    if isinstance(stated, str) and proper(stated.rsplit("/", 1)[-1].strip()) != "Patient":
        return False
    # A reference that does not travel was made an identifier: its value is what it pointed to.
    named = (literal(value) for _, value in pairs(node.get("identifier")))
    return all(target is None or target.type == "Patient" for target in named)


def _taken_out(string: str, top: dict[str, Raw]) -> bool:
    """Take the contained Patient that `string` points to out of a record, unless it is needed.

    False if what is contained there is no Patient. A contained resource that nothing refers to is
    not allowed (domainresource.html, dom-3).
    """
    if "contained" not in top:
        return True
    contained, kept = items(decode(top["contained"])), []
    for node in contained:
        if isinstance(node, dict) and f"#{node.get('id')}" == string:
            if node.get("resourceType") != "Patient":
                return False
        else:
            kept.append(node)
    uses = sum(bytes(raw).count(encode(string)) for raw in top.values())
    if uses == 1 and len(kept) < len(contained):
        if kept:
            top["contained"] = Raw(encode(kept))
        else:
            del top["contained"]
    return True


def subject_of(case: CaseFile, source: Source, patient: str) -> LiteralSubject:
    """The rule for a case's patient (`Patient/id` at the source)."""
    resource_type, _, resource_id = patient.partition("/")
    record = chart.record(case, resource_type, resource_id)
    carried = identifiers(record.body) if record else frozenset()
    return LiteralSubject(f"Patient/{derived_id(source.id, resource_type, resource_id)}", carried)
