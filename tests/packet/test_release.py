from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held
from connector.fhir.lossless import encode
from connector.store.casefile import CaseFile

from .charts import PATIENT, carried, put, request, resources, run

SUBJECT = {"reference": "Patient/p"}
SECRET = {"reference": "Condition/secret"}
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def labelled(code: str) -> dict[str, Any]:
    return {"security": [{"system": ACT, "code": code}]}


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    case = CaseFile.open(tmp_path)
    secret = {
        "resourceType": "Condition",
        "id": "secret",
        "meta": labelled("SUD"),
        "subject": SUBJECT,
        "code": {"text": "dependence"},
    }
    put(case, PATIENT, secret)
    return case


def encounter(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": SUBJECT,
    } | more


def test_a_reference_to_a_withheld_record_goes_with_what_is_only_about_it(case: CaseFile) -> None:
    secret = {"reference": "Condition/secret", "display": "dependence"}
    put(
        case,
        encounter(
            text={"status": "generated", "div": "<div>dependence</div>"},
            reasonReference=[secret],
            # condition is 1..1 in diagnosis: the whole diagnosis goes, the other one stays
            diagnosis=[
                {"condition": secret, "rank": 1},
                {"condition": {"reference": "Condition/other"}, "rank": 2},
            ],
        ),
        {"resourceType": "Condition", "id": "other", "subject": SUBJECT, "code": {"text": "cough"}},
    )
    run(case, request(scope="whole-chart"))
    sent = carried(case, "Encounter/e")
    assert [d["rank"] for d in sent["diagnosis"]] == [2]
    assert "reasonReference" not in sent
    assert "text" not in sent
    assert sent["status"] == "finished"


def test_nothing_in_the_packet_tells_that_something_was_withheld(case: CaseFile) -> None:
    put(case, encounter(reasonReference=[{"reference": "Condition/secret"}]))
    with_it = run(case, request(scope="whole-chart"))
    everything = b"".join(encode(resource) for resource in resources(case))
    assert b"secret" not in everything
    assert b"dependence" not in everything
    without = case.rows("SELECT type, id, sha256 FROM entry ORDER BY seq")
    with case.commit():
        case.execute("DELETE FROM record WHERE id = 'secret'")
        case.execute("DELETE FROM record WHERE id = 'e'")
    put(case, encounter())
    assert run(case, request(scope="whole-chart")).packet_hash == with_it.packet_hash
    assert case.rows("SELECT type, id, sha256 FROM entry ORDER BY seq") == without


@pytest.mark.parametrize(
    ("record", "gone", "left"),
    [
        (
            {"resourceType": "Condition", "subject": SUBJECT,
             "evidence": [{"detail": [SECRET]}]},
            "evidence", {},
        ),
        (
            # entry.item is 1..1: the entry goes
            {"resourceType": "List", "status": "current", "mode": "working",
             "entry": [{"item": SECRET}]},
            "entry", {},
        ),
        (
            # Consent.provision.data.reference is 1..1 inside a list inside an object
            {"resourceType": "Consent", "status": "inactive", "scope": {"text": "x"},
             "category": [{"text": "x"}], "policyRule": {"text": "x"},
             "provision": {"data": [{"meaning": "instance", "reference": SECRET}]}},
            "provision", {},
        ),
        (
            {"resourceType": "Appointment", "status": "booked",
             "participant": [{"status": "accepted", "actor": SECRET, "type": [{"text": "x"}]}]},
            "actor", {"participant": [{"status": "accepted", "type": [{"text": "x"}]}]},
        ),
    ],
)  # fmt: skip
def test_the_smallest_element_that_may_be_absent_goes(
    case: CaseFile, record: dict[str, Any], gone: str, left: dict[str, Any]
) -> None:
    put(case, record | {"id": "r"})
    run(case, request(scope="whole-chart"))
    sent = carried(case, f"{record['resourceType']}/r")
    assert f'"{gone}"'.encode() not in encode(sent)
    assert {name: sent[name] for name in left} == left


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT},
        {"resourceType": "MedicationRequest", "id": "m", "status": "active", "subject": SUBJECT},
    ],
)
def test_a_withheld_allergy_or_active_medication_holds_the_case(
    case: CaseFile, resource: dict[str, Any]
) -> None:
    put(case, resource | {"meta": labelled("42CFRPart2")})
    with pytest.raises(Held) as caught:
        run(case)
    assert caught.value.code == "withheld-safety"


def test_a_stopped_medication_may_be_withheld(case: CaseFile) -> None:
    stopped = {"resourceType": "MedicationRequest", "id": "m", "status": "stopped"}
    put(case, stopped | {"subject": SUBJECT, "meta": labelled("SUD")})
    assert run(case).counts["withheld"] == 2


def test_an_authorization_releases_what_its_rule_says_and_no_more(
    case: CaseFile, tmp_path: Path
) -> None:
    document = tmp_path / "signed.pdf"
    document.write_bytes(b"%PDF-1.7 signed")
    notes = {"resourceType": "DocumentReference", "id": "n", "status": "current", "content": []}
    put(case, notes | {"meta": labelled("PSYTHPN")})
    basis = {"kind": "patient-authorization", "document": str(document)}
    outline = run(case, request(basis=basis, scope="whole-chart"))
    assert [d.rule for d in outline.withheld] == ["release-psychotherapy-notes"]
    assert carried(case, "Condition/secret")["meta"]["security"] == labelled("SUD")["security"]
    (consent,) = resources(case, "Consent")
    assert consent["sourceAttachment"]["contentType"] == "application/pdf"
    (order,) = resources(case, "ServiceRequest")
    assert f"Consent/{consent['id']}" in [each["reference"] for each in order["supportingInfo"]]


def test_without_an_authorization_no_consent_is_made_up(case: CaseFile) -> None:
    run(case)
    assert not resources(case, "Consent")
