"""The elements of R4 that tell it from other releases, held against the models."""

import json
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

import connector.fhir.release as release
from connector.fhir.base64binary import content, is_base64
from connector.fhir.types import TYPES

LISTED = json.loads(Path(release.__file__).with_name("elements.json").read_text())


@pytest.mark.parametrize("name", ["AllergyIntolerance", "Condition", "Encounter", "Observation"])
def test_the_list_is_what_the_models_say(name: str) -> None:
    model = getattr(import_module(f"fhir.resources.R4B.{name.lower()}"), name)
    shapes = {
        element: shape
        for shape, elements in LISTED[name].items()
        if shape != "other"
        for element in elements.split()
    }
    for field_name, field in model.model_fields.items():
        if (element := field.alias or field_name) in shapes:
            written = str(field.annotation)
            kind = "object" if "abc." in written else "value"
            assert shapes.pop(element) == kind + "s" * ("List[" in written), element
    assert shapes == {}
    assert set(LISTED[name]["other"].split()).isdisjoint(model.model_fields)


def test_types_of_other_releases_are_none_of_r4() -> None:
    assert TYPES.isdisjoint(release.SUCCESSORS)
    assert TYPES.issuperset(release.SUCCESSORS.values())
    assert TYPES.issuperset(LISTED)


@pytest.mark.parametrize(
    ("element", "raw", "fits"),
    [
        ("code", '{"text": "x"}', True),
        ("code", "null", True),
        ("code", '"x"', False),
        ("code", "[]", False),
        ("category", '[{"text": "x"}]', True),
        ("category", "[]", True),
        ("category", '["x"]', False),
        ("category", "{}", False),
        ("recordedDate", '"2026"', True),
        ("recordedDate", '["2026"]', False),
        ("_recordedDate", "{}", True),
        ("dateRecorded", '"2026"', False),
        ("ofSomeVendor", "{}", True),  # no sign of a release
    ],
)
def test_an_element_is_as_r4_has_it_or_named(element: str, raw: str, fits: bool) -> None:
    why = release.unlike_r4("Condition", {element: msgspec.Raw(raw.encode())})
    assert (why is None) is fits
    assert fits or f"Condition.{element}" in str(why)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("aGk_", False), ("aGk", False), ("aGk=", True), ("a Gk\n=", True), ("", True),
        ("data:text/plain;base64,aGk=", False), ("a", False), ("no!", False),
        ("gr\u00fc\u00df", False),
    ],
)  # fmt: skip
def test_base64_is_read_however_it_is_written_or_not_at_all(written: str, plain: bool) -> None:
    assert is_base64(written) is plain
    if written in ("a", "no!", "gr\u00fc\u00df"):
        assert content(written) is None
    elif written.endswith(("aGk", "aGk=", "=")):
        assert content(written) == b"hi"
