"""What a release rule withholds, through the real command line and real HTTP."""

from typing import Any

import pytest

from connector.fhir.ids import derived_id
from connector.fhir.lossless import encode
from tests import support

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def test_nothing_withheld_reaches_the_destination(world: support.World) -> None:
    subject = {"reference": f"Patient/{world.patient}"}
    world.source.put(
        {
            "resourceType": "Condition",
            "id": "Canary7Q-condition",
            "meta": {"security": [{"system": ACT, "code": "SUD"}]},
            "subject": subject,
            "code": {"text": "Canary7Q dependence"},
        }
    )
    world.source.put(
        {"resourceType": "Encounter", "id": "seen", "status": "finished", "class": {"code": "AMB"},
         "subject": subject, "reasonReference": [
            {"reference": "Condition/Canary7Q-condition", "display": "Canary7Q"}]}
    )  # fmt: skip
    ran = world.cli("transfer", world.request(scope="whole-chart"), "--json")
    assert ran.json["state"] == "verified", ran.err
    assert ran.json["counts"]["withheld"] == 1
    assert any(e["status"] == "finished" for e in world.there("Encounter"))
    told = encode(world.there()) + ran.out.encode() + ran.err.encode()
    assert b"Canary7Q" not in told
    assert derived_id(world.source_id, "Condition", "Canary7Q-condition").encode() not in told


OLD = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "ETH"}
URL = "https://imaging.example/wado/CANARY7Q-OPAQUE-CAPABILITY"


def test_labels_elsewhere_what_tells_and_keys_of_endpoints(world: support.World) -> None:
    """Nothing of them in the packet, in what is printed, in the dry run or in any file of a case
    but the case file; the dry run says which sensitive kinds leave."""
    subject = {"reference": f"Patient/{world.patient}"}
    note = {"contentType": "text/plain", "data": "Q2FuYXJ5N1EgYm9keQ=="}
    lab = {"status": "final", "subject": subject, "code": {"text": "Canary7Q screen"}}
    for record in (
        {"resourceType": "Observation", "id": "Canary7Q-o1", "meta": {"security": [OLD]}, **lab},
        {"resourceType": "DiagnosticReport", "id": "report", **lab, "conclusion": "Canary7Q",
         "result": [{"reference": "Observation/Canary7Q-o1"}]},
        {"resourceType": "DocumentReference", "id": "doc", "status": "current", "subject": subject,
         "securityLabel": [{"coding": [{"system": "urn:oid:2.16.840.1.113883.5.4",
                                        "code": "PSYTHPN"}]}],
         "content": [{"attachment": note}]},
        {"resourceType": "Observation", "id": "plain", "status": "final", "subject": subject,
         "code": {"text": "Hb"}, "extension": [
            {"url": "urn:x", "valueUri": "Observation/Canary7Q-o1"}]},
        {"resourceType": "Endpoint", "id": "archive", "status": "active", "address": URL,
         "connectionType": {"code": "dicom-wado-rs"}, "payloadType": [{"text": "DICOM"}],
         "header": ["Authorization: Bearer Canary7Q99"]},
        {"resourceType": "ImagingStudy", "id": "study", "status": "available", "subject": subject,
         "endpoint": [{"reference": "Endpoint/archive"}]},
        {"resourceType": "Condition", "id": "told", "subject": subject, "code": {
            "coding": [{"system": "http://snomed.info/sct", "code": "75544000"}]}},
    ):  # fmt: skip
        world.source.put(record)
    request = world.request(scope="whole-chart")
    dry = world.cli("transfer", request, "--dry-run")
    assert "Sensitive kinds that would leave" in dry.out
    assert "substance use: 1" in dry.out
    assert "release-endpoint-secret" in dry.out
    ran = world.cli("transfer", request, "--json")
    assert ran.json["counts"]["withheld"] == 3, ran.err
    there = encode(world.there())
    assert b"masked" in there
    for told in (there, dry.out.encode(), dry.err.encode(), ran.out.encode(), ran.err.encode()):
        assert b"canary7q" not in told.lower()
        assert b"imaging.example" not in told


@pytest.mark.parametrize("context", [True, False])
def test_a_label_of_a_binary_in_files(world: support.World, *, context: bool) -> None:
    """Whether or not the Binary says by its securityContext whose it is."""
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "gender": "female",
        "birthDate": "1980-05-06",
        "name": [{"family": "Tester", "given": ["Ann"]}],
    }
    binary: dict[str, Any] = {"resourceType": "Binary", "id": "b1", "meta": {"security": [OLD]},
              "contentType": "text/plain", "data": "Q2FuYXJ5N1EgYm9keQ=="}  # fmt: skip
    if context:
        binary["securityContext"] = {"reference": "Patient/p1"}
    document = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "description": "Canary7Q",
        "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/b1"}}],
    }
    chart = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": r} for r in (patient, binary, document)],
    }
    (world.folder / "chart.json").write_bytes(encode(chart))
    path = world.configure()
    files = path.read_text().replace(f'base_url = "{world.source_url}"', 'files = "chart.json"')
    path.write_text(files)
    request = world.request(scope="whole-chart", patient={"id": "p1"})
    dry = world.cli("transfer", request, "--dry-run")
    assert "DocumentReference: substance use" in dry.out, dry.err
