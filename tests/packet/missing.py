"""Seen 3: what of the demo's chart answers each required item of the general checklist."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from connector.fhir.lossless import decode

from .charts import FIXTURES, MAPPINGS

Resource = dict[str, Any]
DEMO = FIXTURES / "demo"
_NOTES = {"11488-4", "11506-3", "34117-2"}


def chart() -> list[Resource]:
    """The demo's chart, which has every required item."""
    bundle = decode((DEMO / "chart.json").read_bytes())
    return [entry["resource"] for entry in bundle["entry"]]


@contextmanager
def own_checklist(**changes: dict[str, Any]) -> Iterator[str]:
    """The general checklist with these items changed, under the name that it gives."""
    general = MAPPINGS.checklist("general")
    items = tuple(item.model_copy(update=changes.get(item.id)) for item in general.items)
    MAPPINGS.checklists["own"] = replace(general, items=items)
    try:
        yield "own"
    finally:
        del MAPPINGS.checklists["own"]


def _of(*types: str) -> Callable[[Resource], bool]:
    return lambda resource: resource["resourceType"] in types


def _codes(concepts: Any) -> set[str]:
    every = concepts if isinstance(concepts, list) else [concepts or {}]
    return {coding["code"] for concept in every for coding in concept.get("coding", [])}


def _note(resource: Resource) -> bool:
    code = {"DocumentReference": "type", "DiagnosticReport": "code"}.get(resource["resourceType"])
    return code is not None and not _NOTES.isdisjoint(_codes(resource.get(code)))


def _lab(resource: Resource) -> bool:
    return _of("Observation", "DiagnosticReport")(resource) and not {
        "laboratory",
        "LAB",
    }.isdisjoint(_codes(resource.get("category")))


def without(item: str) -> list[Resource]:
    """The chart without what answers the item, and without references to it."""
    answers, _ = ANSWERS[item]
    gone = {f"{r['resourceType']}/{r['id']}" for r in chart() if answers(r)}
    return [_unlinked(r, gone) for r in chart() if not answers(r)]


def _unlinked(value: Any, gone: set[str]) -> Any:
    if isinstance(value, dict):
        if value.get("reference") in gone:
            return {}
        kept = {name: _unlinked(inner, gone) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in ({}, [])}
    if isinstance(value, list):
        return [kept for inner in value if (kept := _unlinked(inner, gone)) not in ({}, [])]
    return value


# Which records answer an item; and the type of one search for them.
ANSWERS: dict[str, tuple[Callable[[Resource], bool], str]] = {
    "coverage": (_of("Coverage"), "Coverage"),
    "problems": (_of("Condition"), "Condition"),
    "allergies": (_of("AllergyIntolerance"), "AllergyIntolerance"),
    "medications": (
        _of("MedicationRequest", "MedicationStatement", "MedicationAdministration"),
        "MedicationRequest",
    ),
    "notes": (_note, "DocumentReference"),
    "labs": (_lab, "Observation"),
    "first-opinion-plan": (_of("CarePlan"), "CarePlan"),
    "goals": (_of("Goal"), "Goal"),
}
