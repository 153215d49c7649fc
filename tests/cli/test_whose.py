"""Nobody else's data, and everything of the patient's attached to the patient: seen over there."""

import base64
import json
from pathlib import Path
from typing import Any

from connector.fhir.lossless import encode
from tests.sandbox_parts import Fault, Sandbox
from tests.support import Ran, World

MRN = "urn:test:mrn"
INNER = "http://fhir-int.hospital.local:8080/fhir"


def person(id_: str, number: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": id_,
        "identifier": [{"system": MRN, "value": number}],
        "name": [{"family": "Canary" if id_ == "other" else "Probe", "given": ["Ada"]}],
        "gender": "female",
        "birthDate": "1980-02-03" if id_ == "mine" else "1944-05-06",
    }


def condition(id_: str, subject: Any, **more: Any) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem"
    named = {} if subject is None else {"subject": subject}
    return {
        "resourceType": "Condition",
        "id": id_,
        "clinicalStatus": {
            "coding": [{"system": f"{system}/condition-clinical", "code": "active"}]
        },
        "category": [
            {"coding": [{"system": f"{system}/condition-category", "code": "problem-list-item"}]}
        ],
        "code": {"text": "Osteoarthritis of knee"},
        **named,
        **more,
    }


def transfer(
    folder: Path, *resources: dict[str, Any], faults: list[Fault]
) -> tuple[World, Ran, str]:
    """One transfer of `mine`; what stands at the destination afterwards, as text."""
    with Sandbox(faults=faults) as source, Sandbox() as destination:
        for resource in (person("mine", "1"), person("other", "2"), *resources):
            source.put(resource)
        world = World(folder, source, destination, "mine")
        world.configure()
        ran = world.cli("transfer", world.request(), "--json")
        return world, ran, json.dumps(world.there())


def page(*found: dict[str, Any], self_url: str, base: str) -> bytes:
    entries = [{"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r} for r in found]
    link = [{"relation": "self", "url": self_url}]
    return encode({"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries})


def test_a_server_that_passes_over_the_patient_sends_nobody_elses_record(tmp_path: Path) -> None:
    theirs = {"type": "Patient", "identifier": {"system": MRN, "value": "2"}}
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "patient": theirs,
               "code": {"text": "Canary latex"}}  # fmt: skip
    everybodys = page(
        allergy, self_url="http://x/fhir/AllergyIntolerance?_count=200", base="http://x"
    )
    ignoring = Fault("not-json", path="AllergyIntolerance[?]", body=everybodys)
    own = condition("c", {"reference": "Patient/mine"})
    _, ran, there = transfer(tmp_path, own, faults=[ignoring])
    assert ran.code == 3, ran.err
    assert "AllergyIntolerance" in {gap["what"] for gap in ran.json["gaps"]}
    assert "Osteoarthritis" in there
    assert "anary" not in there


def test_an_attachment_that_points_to_another_chart_brings_nothing_of_it(tmp_path: Path) -> None:
    note = {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]},
        "subject": {"reference": "Patient/mine"},
        "date": "2026-11-01T10:00:00Z",
        "content": [
            {"attachment": {"contentType": "text/plain", "url": "Patient/other/$everything"}}
        ],
    }
    own = condition("c", {"reference": "Patient/mine"})
    world, ran, there = transfer(tmp_path, own, note, faults=[])
    assert ran.code == 3, ran.err
    (gap,) = [gap for gap in ran.json["gaps"] if gap["what"].startswith("attachment")]
    assert "DocumentReference/d content.attachment" in gap["why"]
    assert not [r for r in world.source.requests if "/other" in r.path]
    assert base64.b64encode(b"Canary").decode()[:6] not in there
    assert "anary" not in there


def test_every_record_arrives_attached_to_the_patient(tmp_path: Path) -> None:
    by_number = {"identifier": {"system": MRN, "value": "1"}, "display": "Ada"}
    found = [
        condition("plain", {"reference": "Patient/mine"}),
        condition("number", by_number),
        condition("inner", {"reference": f"{INNER}/Patient/mine"}),
        condition("capitals", {"reference": f" {INNER.upper()}/PATIENT/mine/ "}),
        condition("slash", {"reference": "/Patient/mine"}),
        condition("unnamed", None),
        condition("contained", {"reference": "#p"},
                  contained=[{**person("p", "1"), "birthDate": "1980-02-03"}]),
    ]  # fmt: skip
    answer = page(*found, self_url=f"{INNER}/Condition?patient=mine", base=INNER)
    world, ran, _ = transfer(
        tmp_path, faults=[Fault("not-json", path="Condition[?]patient=", body=answer)]
    )
    assert ran.code == 3, ran.err
    assert not [gap for gap in ran.json["gaps"] if gap["what"].startswith("Condition")]
    (patient,) = world.there("Patient")
    arrived = world.there("Condition")
    assert len(arrived) == len(found)
    expected = {"reference": f"Patient/{patient['id']}"}
    assert [c["subject"] for c in arrived if c["subject"] != expected] == [expected | by_number]
    told = [p for p in world.there("Provenance") if "literal-subject" in json.dumps(p)]
    assert len(told) == 1
    assert len(told[0]["target"]) == 3
