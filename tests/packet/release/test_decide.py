from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held, UsageError
from connector.fhir.lossless import encode
from connector.store.case.casefile import CaseFile
from connector.store.case.state import required
from tests.packet.charts import PATIENT, carried, put, request, resources, run

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
    basis: dict[str, Any] = {"kind": "patient-authorization", "document": str(document)}
    outline = run(case, request(basis=basis, scope="whole-chart"))
    rules = {d.rule for d in outline.withheld}
    assert {"release-part-2", "release-psychotherapy-notes"} <= rules  # nobody says it names them
    assert "does not open" in " ".join(outline.basis)
    basis |= {
        "read_by": "R. Example", "patient": {"family": "MUSTER", "birth_date": "1970-02-03"},
        "covers": ["part-2"], "until": "2026-12-31",
    }  # fmt: skip
    outline = run(case, request(basis=basis, scope="whole-chart"))
    assert {d.rule for d in outline.withheld} == {"release-psychotherapy-notes"}
    assert carried(case, "Condition/secret")["meta"]["security"] == labelled("SUD")["security"]
    (consent,) = resources(case, "Consent")
    assert consent["sourceAttachment"]["contentType"] == "application/pdf"
    (order,) = resources(case, "ServiceRequest")
    assert f"Consent/{consent['id']}" in [each["reference"] for each in order["supportingInfo"]]


NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."


def test_what_leaves_under_part_2_says_so(case: CaseFile, tmp_path: Path) -> None:
    """42 CFR 2.32, and its label for programs; a packet without such records says nothing."""
    run(case, request(scope="whole-chart"))
    quiet = [encode(resource) for resource in resources(case)]
    assert not any(b"42 CFR" in body or b"NORDSCLCD" in body for body in quiet)
    run(case, request(basis=signed(tmp_path), scope="whole-chart"))
    (composition,) = resources(case, "Composition")
    told = [s for s in composition["section"] if NOTICE in s["text"]["div"]]
    assert len(told) == 1
    for kind in ("Composition", "ServiceRequest", "Task", "Consent"):
        labels = {label["code"] for label in resources(case, kind)[-1]["meta"]["security"]}
        assert "NORDSCLCD" in labels, kind
    assert {"NORDSCLCD"} <= {label["code"] for label in required(case.state.envelope)["labels"]}
    assert b"R. Example" not in b"".join(map(encode, resources(case)))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"patient": {"family": "Muster", "birth_date": "1970-02-04"}}, "basis-patient"),
        ({"patient": {"family": "Mustermann", "birth_date": "1970-02-03"}}, "basis-patient"),
        ({"until": "2026-11-21"}, "basis-expired"),
    ],
)
def test_a_form_of_somebody_else_or_one_that_ran_out_holds(
    case: CaseFile, tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(Held) as caught:
        run(case, request(basis=signed(tmp_path) | change))
    assert caught.value.code == code


def test_a_form_names_what_some_rule_knows(case: CaseFile, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no release rule knows 'knees'"):
        run(case, request(basis=signed(tmp_path) | {"covers": ["knees"]}))


@pytest.mark.parametrize("lacks", ["read_by", "patient", "until"])
def test_what_a_form_covers_is_somebodys_word(tmp_path: Path, lacks: str) -> None:
    said = {name: value for name, value in signed(tmp_path).items() if name != lacks}
    with pytest.raises(ValueError, match="covers"):
        request(basis=said)


def signed(folder: Path) -> dict[str, Any]:
    document = folder / "signed.pdf"
    document.write_bytes(b"%PDF-1.7 signed")
    return {
        "kind": "patient-authorization", "document": str(document), "read_by": "R. Example",
        "patient": {"family": "Muster", "birth_date": "1970-02-03"}, "covers": ["part-2"],
        "until": "2026-12-31",
    }  # fmt: skip


def test_without_an_authorization_no_consent_is_made_up(case: CaseFile) -> None:
    run(case)
    assert not resources(case, "Consent")


@pytest.mark.parametrize("title", ["Psychotherapy note", "Psychotherapienotiz"])
def test_a_psychotherapy_note_without_a_label_stays_as_one_with_it(
    case: CaseFile, title: str
) -> None:
    note = {
        "resourceType": "DocumentReference",
        "id": "note",
        "status": "current",
        "subject": SUBJECT,
        "type": {"text": title},
        "content": [{"attachment": {"contentType": "text/plain", "data": "SGU="}}],
    }
    put(case, note)
    told = run(case, request(scope="whole-chart"))
    withheld = {f"{one.type}/{one.id}": one.rule for one in told.withheld}
    assert withheld["DocumentReference/note"] == "release-psychotherapy-notes"
