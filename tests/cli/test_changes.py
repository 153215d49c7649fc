"""Codes translated and values changed for a destination, through the command line and back."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests import support

LOCAL = "urn:oid:1.2.3"
LABS = """
version: "1"
about: Codes of our laboratory.
applies:
  id: translate-labs
  reason: codes of our laboratory
  elements: [Observation.code]
resource:
  resourceType: ConceptMap
  status: active
  group:
    - source: urn:oid:1.2.3
      target: http://loinc.org
      element:
        - code: GLU
          target: [{code: 2339-0, equivalence: equivalent}]
examples:
  - {code: "urn:oid:1.2.3|GLU", is: "http://loinc.org|2339-0"}
"""
THEIRS = """
version: "1"
about: A server that keeps two digits and refuses profiles that it does not know.
changes:
  - id: theirs-two-digits
    reason: the server keeps two digits
    kind: round-decimals
    elements: [Observation.referenceRange.low.value]
    places: 2
  - id: theirs-no-profiles
    reason: the server refuses profiles that it does not know
    kind: strip-profile
    types: [Observation]
    profiles: ["http://home.example/lab"]
examples:
  - change: theirs-two-digits
    record: {resourceType: Observation, referenceRange: [{low: {value: "1.239"}}]}
    is: {resourceType: Observation, referenceRange: [{low: {value: "1.24"}}]}
  - change: theirs-no-profiles
    record: {resourceType: Observation, meta: {profile: ["http://home.example/lab|2"]}}
    is: {resourceType: Observation, meta: {}}
"""


@pytest.fixture
def own(world: support.World) -> Path:
    """An own mapping set, a destination whose programme needs changes, and a local result."""
    folder = world.folder / "own"
    for name, text in {"terminology/labs.yaml": LABS, "destinations/theirs.yaml": THEIRS}.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    world.configure(destination='programme = "theirs"', extra='[mappings]\nfolder = "own"')
    world.source.put(
        {
            "resourceType": "Observation",
            "id": "glu",
            "meta": {"profile": ["http://home.example/lab"]},
            "status": "final",
            "code": {"coding": [{"system": LOCAL, "code": "GLU", "userSelected": True}]},
            "subject": {"reference": f"Patient/{world.patient}"},
            "effectiveDateTime": "2026-10",
            "referenceRange": [{"low": {"value": Decimal("1.239"), "unit": "g/L"}}],
        }
    )
    return folder


def test_what_was_changed_arrives_and_is_told(world: support.World, own: Path) -> None:
    assert world.cli("mappings", "check", own).code == 0
    request = world.request(scope="whole-chart")
    stands = world.cli("transfer", request, "--json").json
    assert stands["state"] == "verified"
    assert stands["coverage"]["translated"] == 1
    # The digits that the rule rounds; what travels embedded or is made logical counts besides.
    assert stands["coverage"]["changed"] >= 1

    (there,) = (o for o in world.there("Observation") if o["code"]["coding"][0]["code"] == "GLU")
    assert there["code"]["coding"] == [
        {"system": LOCAL, "code": "GLU", "userSelected": True},
        {"system": "http://loinc.org", "code": "2339-0"},
    ]
    assert str(there["referenceRange"][0]["low"]["value"]) == "1.24"
    assert "http://home.example/lab" not in there["meta"].get("profile", [])
    told = [p for p in world.there("Provenance") if "entity" in p]
    assert [p["target"] for p in told] == [[{"reference": f"Observation/{there['id']}"}]] * 3
    assert {p["entity"][0]["what"]["identifier"]["value"] for p in told} == {"Observation/glu"}

    explained = world.cli("mappings", "explain", request, "Observation/glu").out
    for rule in ("translate-labs", "theirs-two-digits", "theirs-no-profiles"):
        assert f"[{rule}]" in explained
    assert f"{own}/terminology/labs.yaml, line 5" in explained


def test_a_dry_run_says_what_would_be_changed(world: support.World, own: Path) -> None:
    (own / "terminology" / "labs.yaml").write_text(LABS.replace("GLU", "GLUC"))
    told = world.cli("transfer", world.request(scope="whole-chart"), "--dry-run").out
    assert "1 Observation.referenceRange.low.value: changed [theirs-two-digits]" in told
    assert "1 Observation.meta.profile: dropped [theirs-no-profiles]" in told
    assert "Codes that no ConceptMap knows:\n       1 Observation.code\n" in told
    assert "0 translated, " in told
    assert ", 1 codes untranslated\n" in told
