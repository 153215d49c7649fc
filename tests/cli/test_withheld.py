"""What a release rule withholds, through the real command line and real HTTP."""

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
