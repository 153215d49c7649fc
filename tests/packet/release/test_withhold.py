"""What is withheld because of what is withheld, and that no packet tells of it."""

import base64
import gzip
import shutil
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import Held
from connector.fhir.ids import derived_id
from connector.fhir.lossless import decode, encode
from connector.packet import Outline
from connector.packet.author.composition import RECONCILE
from connector.store.case.casefile import CaseFile
from tests.packet.charts import (
    FIXTURES,
    MAPPINGS,
    PATIENT,
    SOURCE,
    carried,
    put,
    put_attachment,
    put_chart,
    request,
    resources,
    run,
)  # fmt: skip

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SUBJECT = {"reference": "Patient/p"}
SECRET = {"reference": "Condition/secret", "display": "Canary7Q dependence"}
WHOLE = request(scope="whole-chart")
NOTE = base64.b64encode(b"Canary7Q said in the note").decode()


def labelled(*codes: str) -> dict[str, Any]:
    return {"meta": {"security": [{"system": ACT, "code": code} for code in codes]}}


def secret(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "secret",
        **labelled("SUD"),
        "identifier": [{"system": "urn:oid:1.2", "value": "Canary7Q-1"}],
        "subject": SUBJECT,
        "recordedDate": "2024-03-05T10:11:12Z",
        "code": {"text": "Canary7Q dependence"},
        **more,
    }


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    case = CaseFile.open(tmp_path)
    put(case, PATIENT, secret())
    return case


def rules(outline: Outline) -> dict[str, str]:
    return {f"{d.type}/{d.id}": d.rule for d in outline.withheld}


def packet(case: CaseFile) -> bytes:
    return b"".join(map(encode, resources(case)))


def encounter(id: str, **more: Any) -> dict[str, Any]:
    status = {"status": "finished", "class": {"code": "AMB"}, "subject": SUBJECT}
    return {"resourceType": "Encounter", "id": id, **status, **more}


def note(kind: str, id: str, where: str | None = None, **more: Any) -> dict[str, Any]:
    attachment = {"contentType": "text/plain", "data": NOTE}
    seen = {"reference": f"Encounter/{where}"}
    found: dict[str, Any] = {"resourceType": kind, "id": id, "status": "final", "subject": SUBJECT}
    if kind == "DocumentReference":
        found |= {"status": "current", "content": [{"attachment": attachment}]}
        found |= {"context": {"encounter": [seen]}} if where else {}
    else:
        found |= {"code": {"text": "x"}} | ({"encounter": seen} if where else {})
        found |= {"presentedForm": [attachment]} if kind == "DiagnosticReport" else {}
    return found | more


def test_three_references_two_are_cut_and_one_record_can_t_be_without(case: CaseFile) -> None:
    put(
        case,
        encounter("e", diagnosis=[{"condition": SECRET}], reasonReference=[SECRET]),
        {"resourceType": "CarePlan", "id": "c", "status": "active", "intent": "plan",
         "subject": SUBJECT, "addresses": [SECRET, {"display": "the knee"}], "title": "exercise"},
        # AdverseEvent.resultingCondition may be absent; ClinicalUseIssue… a reference that is 1..1:
        {"resourceType": "Linkage", "id": "l", "item": [
            {"type": "source", "resource": SECRET}]},
        # and what needs that one in turn
        {"resourceType": "Basic", "id": "b", "code": {"text": "x"}, "subject": SUBJECT,
         "extension": [{"url": "urn:x", "valueReference": {"reference": "Linkage/l"}}]},
        {"resourceType": "Linkage", "id": "m", "item": [
            {"type": "source", "resource": {"reference": "Linkage/l"}}]},
    )  # fmt: skip
    outline = run(case, WHOLE)
    assert rules(outline) == {
        "Condition/secret": "release-part-2",
        "Linkage/l": "release-refers",
        "Linkage/m": "release-refers",
    }
    assert carried(case, "CarePlan/c")["title"] == "exercise"
    assert carried(case, "CarePlan/c")["addresses"] == [{"display": "the knee"}]
    assert carried(case, "Encounter/e").keys() == {
        "resourceType", "id", "meta", "status", "class", "subject",
    }  # fmt: skip
    assert "extension" not in carried(case, "Basic/b")
    assert b"Canary7Q" not in packet(case)
    assert outline.counts["pulled"] == outline.counts["selected"] + 3


def test_one_provenance_that_targets_everything_is_trimmed(case: CaseFile) -> None:
    everything = [SUBJECT, SECRET, {"reference": "Encounter/e"}]
    provenance = {"recorded": "2024-03-05T10:11:12Z", "agent": [{"who": {"display": "x"}}]}
    put(
        case,
        encounter("e"),
        {"resourceType": "Provenance", "id": "all", "target": everything, **provenance},
        {"resourceType": "Provenance", "id": "it", "target": [SECRET, SECRET], **provenance},
    )
    outline = run(case, WHOLE)
    assert rules(outline)["Provenance/it"] == "release-refers"
    assert len(carried(case, "Provenance/all")["target"]) == 2


def test_a_chain_of_records_that_need_each_other_goes_whole(case: CaseFile) -> None:
    def link(number: int, to: str) -> dict[str, Any]:
        item = {"type": "source", "resource": {"reference": to}}
        return {"resourceType": "Linkage", "id": f"l{number}", "item": [item]}

    put(case, link(0, "Condition/secret"), *(link(n, f"Linkage/l{n - 1}") for n in range(1, 300)))
    assert run(case, WHOLE).counts["withheld"] == 301


def test_ten_thousand_targets_of_which_half_are_withheld(case: CaseFile) -> None:
    """Cost as the number of references: this took minutes if each target were cut alone."""
    seen = {"status": "final", "subject": SUBJECT, "code": {"text": "x"}}
    targets = [{"reference": f"Observation/{number}"} for number in range(10_000)]
    put(
        case,
        *(
            {
                "resourceType": "Observation",
                "id": str(n),
                **seen,
                "valueInteger": n % 2,
                **(labelled("SUD") if n % 2 else {}),
            }
            for n in range(10_000)
        ),
        {"resourceType": "Provenance", "id": "all", "target": targets},
    )
    assert run(case, WHOLE).counts["withheld"] == 5_001
    assert len(carried(case, "Provenance/all")["target"]) == 5_000


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "AllergyIntolerance", "patient": SUBJECT, **labelled("SUD")},
        {"resourceType": "AllergyIntolerance", "patient": SUBJECT, "note": [{"text": "Canary7Q"}],
         "modifierExtension": [{"url": "u", "valueReference": SECRET}]},
        {"resourceType": "MedicationStatement", "status": "active", "subject": SUBJECT,
         "modifierExtension": [{"url": "u", "valueReference": SECRET}]},
    ],
)  # fmt: skip
def test_an_allergy_or_active_medication_holds_however_it_came_to_be_withheld(
    case: CaseFile, resource: dict[str, Any]
) -> None:
    put(case, resource | {"id": "a"})
    with pytest.raises(Held) as caught:
        run(case)
    assert caught.value.code == "withheld-safety"
    assert "Canary7Q" not in str(caught.value)


def test_one_that_was_an_error_holds_nothing_and_is_not_named(case: CaseFile) -> None:
    wrong = {"coding": [{"code": "entered-in-error"}]}
    put(
        case,
        {"resourceType": "AllergyIntolerance", "id": "Canary7Q-a", "patient": SUBJECT,
         "verificationStatus": wrong, **labelled("SUD")},
        encounter("e", reasonReference=[{"reference": "AllergyIntolerance/Canary7Q-a"}]),
    )  # fmt: skip
    assert run(case, WHOLE).counts["withheld"] == 2
    assert b"Canary7Q" not in packet(case)


@pytest.mark.parametrize("kind", ["DocumentReference", "DiagnosticReport", "ClinicalImpression"])
def test_notes_of_its_encounter_are_withheld(case: CaseFile, kind: str) -> None:
    put(
        case,
        secret(encounter={"reference": "Encounter/e"}),
        encounter("e"),
        encounter("f"),
        note(kind, "n", "e"),
        note(kind, "o", "f", note=[{"text": "another day"}]),
    )
    if kind != "ClinicalImpression":  # another content than the first note's
        put(case, decode(encode(note(kind, "o", "f")).replace(NOTE.encode(), b"aGVsbG8=")))
    assert rules(run(case, WHOLE)) == {
        "Condition/secret": "release-part-2",
        f"{kind}/n": "release-encounter-notes",
    }
    assert carried(case, f"{kind}/o")


def test_results_of_its_encounter_travel_and_so_do_notes_opted_in(case: CaseFile) -> None:
    loinc = "http://loinc.org"
    discharge = {"coding": [{"system": loinc, "code": "18842-5"}]}
    results = note("DiagnosticReport", "values", "e")
    del results["presentedForm"]
    put(
        case,
        secret(encounter={"reference": "Encounter/e"}),
        encounter("e"),
        results,
        note("DocumentReference", "n", "e", type=discharge),
    )
    assert "DocumentReference/n" in rules(run(case, WHOLE))
    assert carried(case, "DiagnosticReport/values")
    wanted = request(scope="whole-chart", opt_in_notes=[f"{loinc}|18842-5"])
    assert "DocumentReference/n" not in rules(run(case, wanted))


def test_the_label_of_an_encounter_is_one_of_what_was_done_and_written_in_it(
    case: CaseFile,
) -> None:
    put(
        case,
        encounter("e", **labelled("SUD")),
        note("DocumentReference", "n", "e"),
        {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
         "encounter": {"reference": "Encounter/e"}},
        {"resourceType": "Observation", "id": "p", "status": "final", "code": {"text": "x"}},
    )  # fmt: skip
    assert rules(run(case, WHOLE)) == dict.fromkeys(
        ("Condition/secret", "Encounter/e", "DocumentReference/n", "Observation/o"),
        "release-part-2",
    )
    assert carried(case, "Observation/p")


@pytest.mark.parametrize("by", ["data", "url", "hash", "Binary"])
def test_the_same_content_under_another_description_is_withheld_too(
    case: CaseFile, by: str
) -> None:
    first, second = note("DocumentReference", "n"), note("DiagnosticReport", "r")
    one, other = first["content"][0]["attachment"], second["presentedForm"][0]
    if by != "data":
        for attachment, url in ((one, "Binary/1"), (other, "Binary/2")):
            del attachment["data"]
            attachment["url"] = url if by == "hash" else "Binary/1"
    if by == "hash":
        for url in ("Binary/1", "Binary/2"):
            put_attachment(case, url, b"Canary7Q said")
    if by == "Binary":
        binary = {"resourceType": "Binary", "id": "1", "contentType": "text/plain", "data": NOTE}
        put(case, binary | labelled("SUD"), first, second)
    else:
        put(case, first | labelled("SUD"), second)
    assert rules(run(case, WHOLE))["DiagnosticReport/r"] == "release-same"
    assert b"Canary7Q" not in packet(case)


def test_a_copy_without_its_label_is_withheld_too(case: CaseFile) -> None:
    copy = secret(id="copy")
    del copy["meta"]
    put(case, copy)
    assert rules(run(case, WHOLE))["Condition/copy"] == "release-same"
    assert b"Canary7Q" not in packet(case)


def test_a_copy_under_another_number_and_without_a_time_is_withheld_too(case: CaseFile) -> None:
    """Two equal ones of a day may be two events, and are not merged: one tells the other."""
    problem = {
        "resourceType": "Condition", "subject": SUBJECT, "code": {"text": "Canary7Q"},
        "recordedDate": "2026-09-01",
    }  # fmt: skip
    number = {"identifier": [{"system": "urn:x", "value": "7"}]}
    put(
        case, problem | {"id": "one"} | labelled("SUD"), problem | {"id": "two"} | number,
        problem | {"id": "other", "code": {"text": "knee"}},
    )  # fmt: skip
    found = rules(run(case, WHOLE))
    assert found.get("Condition/two") == "release-same"
    assert "Condition/other" not in found


def test_a_guess_from_codes_is_off_and_says_what_it_is(case: CaseFile) -> None:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F10.20"}
    subject = {"resourceType": "Condition", "id": "unlabelled", "subject": SUBJECT}
    put(case, subject | {"code": {"coding": [coding]}})
    assert "Condition/unlabelled" not in rules(run(case, WHOLE))
    enabled = MAPPINGS.heuristic.model_copy(update={"mode": "withhold"})
    outline = run(case, WHOLE, mappings=replace(MAPPINGS, heuristic=enabled))
    assert rules(outline)["Condition/unlabelled"] == "heuristic-substance-use"
    assert [d.reason[:11] for d in outline.withheld if d.id == "unlabelled"] == ["heuristic: "]


def test_every_packet_says_that_something_may_be_withheld(tmp_path: Path) -> None:
    for name, chart in (("with", [PATIENT, secret()]), ("without", [PATIENT])):
        case = CaseFile.open(tmp_path / name)
        put(case, *chart)
        for scope in ("checklist", "whole-chart"):
            run(case, request(scope=scope))
            assert escape(RECONCILE).encode() in packet(case)


(CHART,) = (FIXTURES / "charts").glob("mix/Charlene*")
RECORDS = [entry["resource"] for entry in decode(gzip.decompress(CHART.read_bytes()))["entry"]]
HOLD = ("Patient", "AllergyIntolerance", "MedicationRequest")  # a withheld one may stop the case
SENSITIVE = [record for record in RECORDS if record["resourceType"] not in HOLD]


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pulled")
    with CaseFile.open(folder) as case:
        put_chart(case, CHART)
    return folder


@settings(deadline=None, max_examples=12)
@given(chosen=st.sets(st.integers(0, len(SENSITIVE) - 1), min_size=1, max_size=8))
def test_no_byte_of_what_is_withheld_is_in_the_packet(
    chosen: set[int], pulled: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whichever records of a real chart are labelled: ids, derived ids, identifiers, codes, dates.

    Each is given words, a date and an identifier that stand nowhere else in the chart.
    """
    folder = tmp_path_factory.mktemp("case")
    shutil.copytree(pulled, folder, dirs_exist_ok=True)
    case = CaseFile.open(folder)
    for number in sorted(chosen):
        record = dict(SENSITIVE[number])
        record |= {"meta": {**record.get("meta", {}), **labelled("SUD")["meta"]}}
        record["identifier"] = [{"system": "urn:oid:1.2", "value": f"Canary7Q-{number}"}]
        record["note"] = [
            {"text": f"Canary7Q note {number}", "time": f"1901-02-03T04:05:{number % 60:02}Z"}
        ]
        put(case, record)
    patient = next(r["id"] for r in RECORDS if r["resourceType"] == "Patient")
    case.state.source_patient = patient
    outline = run(case, request(patient={"id": patient}, scope="whole-chart"))
    sent = packet(case)
    assert outline.counts["withheld"] >= len(chosen)
    for decision in outline.withheld:
        assert decision.id.encode() not in sent
        assert derived_id(SOURCE.id, decision.type, decision.id).encode() not in sent
    assert b"Canary7Q" not in sent
    assert b"1901-02-03" not in sent
