"""What says in words or parts what is withheld goes too; no string names it."""

import base64
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Held
from connector.fhir.lossless import encode
from connector.packet.release.mentions import Mentions
from connector.store.case.casefile import CaseFile
from tests.packet.charts import carried, put, request, resources, run

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SUBJECT = {"reference": "Patient/p"}
SUD = {"meta": {"security": [{"system": ACT, "code": "SUD"}]}}
WHOLE = request(scope="whole-chart")
NOTE = base64.b64encode(b"Canary7Q said").decode()


def record(kind: str, id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": id, "status": "final", "subject": SUBJECT} | more


def to(key: str, **more: Any) -> dict[str, Any]:
    return {"reference": key, **more}


def withheld(case: CaseFile, *records: dict[str, Any]) -> set[str]:
    put(case, *records)
    return {f"{d.type}/{d.id}" for d in run(case, WHOLE).withheld}


SECRET = record("Observation", "Canary7Q-o", code={"text": "Canary7Q"}, **SUD)
ILL = record("Condition", "Canary7Q-c", code={"text": "Canary7Q"}, **SUD)
RESULT, REASON = to("Observation/Canary7Q-o"), to("Condition/Canary7Q-c")
KNEE = record("Condition", "knee", code={"text": "knee"})


@pytest.mark.parametrize(
    "teller",
    [
        record("DiagnosticReport", "t", code={"text": "screen"}, conclusion="Canary7Q positive",
               result=[RESULT, to("Observation/other")]),
        record("Observation", "t", code={"text": "panel"}, hasMember=[RESULT]),
        record("Observation", "t", code={"text": "derived"}, derivedFrom=[RESULT]),
        record("DocumentReference", "t", status="current", context={"related": [REASON]},
               content=[{"attachment": {"data": NOTE}}]),
        record("DocumentReference", "t", status="current", content=[{"attachment": {"data": NOTE}}],
               context={"related": [{"type": "Condition", "reference":
                                     "https://old.example/fhir/Condition/Canary7Q-c"}]}),
        record("ClinicalImpression", "t", status="completed", problem=[REASON], summary="Canary7Q"),
        record("ClinicalImpression", "t", status="completed", finding=[{"itemReference": RESULT}]),
        record("Procedure", "t", status="completed", code={"text": "Canary7Q counselling"},
               reasonReference=[REASON], reasonCode=[{"text": "Canary7Q"}]),
        record("Goal", "t", lifecycleStatus="active", addresses=[REASON]),
        record("CarePlan", "t", status="active", intent="plan", addresses=[REASON]),
        record("CareTeam", "t", status="active", name="Canary7Q team", reasonReference=[REASON]),
        record("ServiceRequest", "t", status="active", intent="order", reasonReference=[REASON]),
        record("RiskAssessment", "t", basis=[RESULT]),
        record("Communication", "t", status="completed", about=[REASON],
               payload=[{"contentString": "Canary7Q"}]),
        record("QuestionnaireResponse", "t", status="completed", partOf=[RESULT]),
        record("MedicationStatement", "t", status="completed", reasonReference=[REASON],
               medicationCodeableConcept={"text": "Canary7Q"}),
    ],
)  # fmt: skip
def test_what_tells_goes_too(case: CaseFile, teller: dict[str, Any]) -> None:
    other = record("Observation", "other", code={"text": "x"})
    key = f"{teller['resourceType']}/t"
    found = withheld(case, SECRET, ILL, KNEE, other, teller)
    assert found == {"Observation/Canary7Q-o", "Condition/Canary7Q-c", key}
    assert b"Canary7Q" not in b"".join(map(encode, resources(case)))


def test_with_another_reason_it_is_cut_with_the_words_beside(case: CaseFile) -> None:
    procedure = record("Procedure", "t", status="completed", code={"text": "exercise"},
                       reasonReference=[REASON, to("Condition/knee")],
                       note=[{"text": "for Canary7Q"}],
                       reasonCode=[{"text": "Canary7Q"}])  # fmt: skip
    assert withheld(case, ILL, KNEE, procedure) == {"Condition/Canary7Q-c"}
    sent = carried(case, "Procedure/t")
    assert sent["code"] == {"text": "exercise"}
    assert len(sent["reasonReference"]) == 1
    assert not {"reasonCode", "note"} & sent.keys()


def test_an_active_drug_whose_only_reason_is_withheld_holds(case: CaseFile) -> None:
    put(case, ILL, record("MedicationRequest", "m", status="active", reasonReference=[REASON],
                          medicationCodeableConcept={"text": "x"}))  # fmt: skip
    with pytest.raises(Held) as caught:
        run(case, WHOLE)
    assert caught.value.code == "withheld-safety"


def test_members_of_a_withheld_panel_go_but_not_the_siblings_of_a_withheld_member(
    case: CaseFile,
) -> None:
    def panel(id: str, *members: str, **more: Any) -> dict[str, Any]:
        references = [to(f"Observation/{m}") for m in members]
        return record("Observation", id, code={"text": "p"}, hasMember=references, **more)

    parts = [record("Observation", f"part-{n}", code={"text": str(n)}) for n in range(4)]
    parts[0] |= SUD
    found = withheld(
        case, *parts, panel("labelled", "part-2", **SUD), panel("plain", "part-0", "part-1")
    )
    assert found == {
        "Observation/labelled", "Observation/part-2", "Observation/part-0", "Observation/plain",
    }  # fmt: skip


def test_results_of_a_labelled_report_go_with_it(case: CaseFile) -> None:
    report = record(
        "DiagnosticReport", "r", code={"text": "x"}, result=[to("Observation/v")], **SUD
    )
    value = record("Observation", "v", code={"text": "x"})
    assert withheld(case, report, value) == {"DiagnosticReport/r", "Observation/v"}


@pytest.mark.parametrize("code", ["replaces", "appends", "transforms", "signs"])
@pytest.mark.parametrize("older_is_labelled", [True, False])
def test_versions_of_a_withheld_document_go(
    case: CaseFile, code: str, *, older_is_labelled: bool
) -> None:
    def document(id: str, **more: Any) -> dict[str, Any]:
        content = [{"attachment": {"data": base64.b64encode(id.encode()).decode()}}]
        return record("DocumentReference", id, status="current", content=content, **more)

    master = {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}
    target = {"identifier": master} if older_is_labelled else to("DocumentReference/older")
    older = document("older", masterIdentifier=master, **(SUD if older_is_labelled else {}))
    newer = document("newer", relatesTo=[{"code": code, "target": target}])
    newest = document("newest", relatesTo=[
        {"code": code, "target": to("DocumentReference/newer")}])  # fmt: skip
    records = (older, newer | ({} if older_is_labelled else SUD), newest)
    assert withheld(case, *records) == {f"DocumentReference/{r['id']}" for r in records}


def test_an_order_goes_when_all_that_was_done_on_it_does(case: CaseFile) -> None:
    def order(id: str) -> dict[str, Any]:
        return record("ServiceRequest", id, status="completed", intent="order",
                      code={"text": "Canary7Q screen"})  # fmt: skip

    def value(id: str, of: str, **more: Any) -> dict[str, Any]:
        basis = [to(f"ServiceRequest/{of}")]
        return record("Observation", id, code={"text": id}, basedOn=basis, **more)

    found = withheld(
        case, order("alone"), order("several"), value("a", "alone", **SUD),
        value("b", "several", **SUD), value("c", "several"),
    )  # fmt: skip
    assert found == {"Observation/a", "Observation/b", "ServiceRequest/alone"}


KEY = "Condition/Canary7Q-c"


@pytest.mark.parametrize(
    "element",
    [
        {"meta": {"source": f"https://home.example.org/fhir/{KEY}"}},
        {"extension": [{"url": "urn:x", "valueUri": KEY}]},
        {"extension": [{"url": "urn:x", "valueUrl": f"https://home.example.org/{KEY}/_history/2"}]},
        {"extension": [{"url": "urn:x", "valueString": f"see {KEY}."}]},
        {"extension": [{"url": "urn:x", "valueCanonical": f"http://h/{quote(KEY, safe='')}"}]},
        {"implicitRules": f"http://h/{KEY}"},
        {"instantiatesUri": [f"https://home.example.org/fhir/{KEY}"]},
        {"text": {"status": "generated", "div": f'<div><a href="{KEY}">Canary7Q</a></div>'}},
        {"identifier": [{"system": "urn:x", "value": f"urn:uuid:{KEY}"}]},
        {"_status": {"extension": [{"url": "urn:x", "valueUri": KEY}]}},
        {"contained": [{"resourceType": "Basic", "id": "b", "code": {"text": KEY}}],
         "focus": [{"reference": "#b"}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("escaped", [False, True])
def test_no_string_names_it(case: CaseFile, element: dict[str, Any], *, escaped: bool) -> None:
    seen = encode(record("Observation", "u", code={"text": "Hb"}) | element)
    put(case, ILL, seen.replace(b"/", b"\\/") if escaped else seen)
    outline = run(case, WHOLE)
    assert [d.id for d in outline.withheld] == ["Canary7Q-c"]
    assert b"Canary7Q" not in b"".join(map(encode, resources(case)))
    assert carried(case, "Observation/u")["code"] == {"text": "Hb"}


def test_a_provenance_is_trimmed_with_its_narrative(case: CaseFile) -> None:
    provenance = {"resourceType": "Provenance", "id": "pv", "recorded": "2026-09-15T09:00:00Z",
                  "target": [to(KEY, display="Canary7Q"), to("Condition/knee")],
                  "text": {"status": "generated", "div": "<div>Canary7Q</div>"},
                  "agent": [{"who": {"display": "x"}}]}  # fmt: skip
    withheld(case, ILL, KNEE, provenance)
    sent = carried(case, "Provenance/pv")
    assert len(sent["target"]) == 1
    assert "text" not in sent


@given(
    id=st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True),
    before=st.sampled_from(["", "http://h/fhir/", "see ", '"', "urn:x:"]),
    after=st.sampled_from(["", "/_history/3", "#x", '"', " x", "?a=b"]),
)
def test_a_link_is_found_whatever_stands_around_it(id: str, before: str, after: str) -> None:
    key = f"Condition/{id}"
    text = f"{before}{key}{after}"
    if not id.endswith("."):
        assert key in set(Mentions({key}).of(text))
    assert set(Mentions({"Observation/1"}).of(text)) == set()


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("activity", [{"reference": RESULT}, {"detail": {"status": "scheduled"}}]),
        ("supportingInfo", [RESULT]),
    ],
)
def test_words_beside_a_cut_reference_stand_nowhere(
    case: CaseFile, name: str, element: list[Any]
) -> None:
    words = {"description": "Canary7Q words", name: element}
    plan = record("CarePlan", "plan", intent="plan", **words) | {"status": "active"}
    assert withheld(case, SECRET, plan) == {"Observation/Canary7Q-o"}
    assert "description" not in carried(case, "CarePlan/plan")
    assert b"Canary7Q" not in b"".join(bytes(b) for (b,) in case.rows("SELECT body FROM entry"))


@pytest.mark.parametrize(
    "teller",
    [
        record("Task", "t", description="x", input=[{"type": {"text": "x"},
                                                     "valueReference": RESULT}]),
        record("QuestionnaireResponse", "t",
               item=[{"linkId": "1", "answer": [{"valueReference": RESULT}]}]),
        record("Condition", "t", extension=[{
            "url": "http://hl7.org/fhir/StructureDefinition/condition-dueTo",
            "valueReference": REASON,
        }]),
    ],
)  # fmt: skip
def test_what_names_a_withheld_record_in_a_value_goes(
    case: CaseFile, teller: dict[str, Any]
) -> None:
    assert f"{teller['resourceType']}/t" in withheld(case, SECRET, ILL, teller)


UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"id": UUID}, f"urn:uuid:{UUID.upper()}"),
        ({"id": UUID.upper()}, f"urn:uuid:{UUID}"),
        ({"id": "depression"}, "urn:x:depression"),
        ({"id": "depression"}, "https://other.example/x/depression"),
        ({"identifier": [{"system": "urn:acc", "value": "ACC-77123"}]}, "urn:acc:ACC-77123"),
        ({"identifier": [{"system": "urn:acc", "value": "ACC-77123"}]}, "as in ACC-77123."),
        ({"identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.840.99.7"}]},
         "urn:oid:1.2.840.99.7"),
        ({"identifier": [{"value": f"urn:uuid:{UUID}"}]}, f"urn:uuid:{UUID.upper()}"),
        ({"identifier": [{"value": "https://h.example/d/ACC-77123"}]},
         "https://h.example/d/ACC-77123"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("member", ["valueUri", "valueString"])
def test_no_other_name_of_it_stands_anywhere(
    case: CaseFile, own: dict[str, Any], said: str, member: str
) -> None:
    seen = record("Observation", "u", code={"text": "Hb"},
                  extension=[{"url": "urn:x", member: said}])  # fmt: skip
    assert withheld(case, ILL | own, seen) == {f"Condition/{own.get('id', ILL['id'])}"}
    assert "extension" not in carried(case, "Observation/u")


def test_a_master_identifier_of_it_stands_nowhere(case: CaseFile) -> None:
    master = {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.840.99.7"}
    document = record("DocumentReference", "d", status="current", masterIdentifier=master,
                      content=[{"attachment": {"data": NOTE}}], **SUD)  # fmt: skip
    seen = record("Observation", "u", code={"text": "Hb"}, note=[{"text": "see 1.2.840.99.7"}])
    assert withheld(case, document, seen) == {"DocumentReference/d"}
    assert "note" not in carried(case, "Observation/u")


def test_an_identifier_in_common_and_words_and_dates_name_nothing(case: CaseFile) -> None:
    accession = {"system": "urn:acc", "value": "ACC-77123"}
    day = {"value": "2026-09-01"}
    ill = ILL | {"id": "depression", "identifier": [accession, day]}
    note = [{"text": "for ACC-77123 on 2026-09-01, depression screened"}]
    seen = record("Observation", "u", code={"text": "Hb"}, identifier=[accession], note=note)
    other = record("Observation", "v", code={"text": "Hb"}, note=note)
    assert withheld(case, ill, seen, other) == {"Condition/depression"}
    assert carried(case, "Observation/v")["note"] == note
    sent = carried(case, "Observation/u")
    assert sent["note"] == note
    assert accession in sent["identifier"]


@given(uuid=st.uuids(), capitals=st.booleans())
def test_a_uuid_is_the_same_in_capitals(uuid: Any, *, capitals: bool) -> None:
    known, said = (str(uuid), str(uuid).upper())[:: -1 if capitals else 1]
    assert set(Mentions({f"Condition/{known}"}).of(f"urn:uuid:{said}")) == {f"Condition/{known}"}


ORDER, TUBE = to("ServiceRequest/order"), to("Specimen/tube")


@pytest.mark.parametrize(
    ("shared", "told"),
    [
        ({"basedOn": [ORDER]}, True),
        ({"specimen": [TUBE]}, True),
        ({"specimen": [TUBE], "result": [to("Observation/other")]}, False),
        ({"specimen": [to("Specimen/second")]}, False),
    ],
)
def test_a_report_that_names_no_result_is_of_those_of_its_order_or_specimen(
    case: CaseFile, shared: dict[str, Any], *, told: bool
) -> None:
    report = record("DiagnosticReport", "t", code={"text": "screen"}, conclusion="x", **shared)
    found = withheld(
        case, SECRET | {"basedOn": [ORDER], "specimen": TUBE}, report,
        record("Observation", "other", code={"text": "x"}, basedOn=[ORDER], specimen=TUBE),
        record("ServiceRequest", "order", intent="order") | {"status": "completed"},
        {"resourceType": "Specimen", "id": "tube"}, {"resourceType": "Specimen", "id": "second"},
    )  # fmt: skip
    assert ("DiagnosticReport/t" in found) is told
    assert "Observation/other" not in found


def test_a_conclusion_in_its_encounter_is_a_note(case: CaseFile) -> None:
    def report(id: str, **more: Any) -> dict[str, Any]:
        return record("DiagnosticReport", id, code={"text": "x"}, encounter=VISIT, **more)

    found = withheld(
        case, VISITED, SECRET | {"encounter": VISIT},
        report("words", conclusion="Canary7Q"), report("values"),
    )  # fmt: skip
    assert found == {"Observation/Canary7Q-o", "DiagnosticReport/words"}


VISIT = to("Encounter/e")
VISITED = record("Encounter", "e", reasonCode=[{"text": "Canary7Q"}],
                 **{"class": {"code": "AMB"}}) | {"status": "finished"}  # fmt: skip


def test_the_reason_of_the_encounter_of_a_withheld_condition_goes(case: CaseFile) -> None:
    other = VISITED | {"id": "f", "reasonCode": [{"text": "knee"}]}
    knee = KNEE | {"encounter": to("Encounter/f")}
    assert withheld(case, VISITED, other, knee, ILL | {"encounter": VISIT}) == {
        "Condition/Canary7Q-c"
    }
    assert "reasonCode" not in carried(case, "Encounter/e")
    assert carried(case, "Encounter/f")["reasonCode"] == [{"text": "knee"}]


@pytest.mark.parametrize(
    ("teller", "cut"),
    [
        ({"resourceType": "EpisodeOfCare", "type": [{"text": "Canary7Q"}], "patient": SUBJECT,
          "diagnosis": [{"condition": REASON}, {"condition": to("Condition/knee")}]}, "type"),
        ({"resourceType": "ServiceRequest", "intent": "order", "code": {"text": "Canary7Q"},
          "supportingInfo": [REASON]}, "code"),
        ({"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "Canary7Q"},
          "outcomeReference": [RESULT]}, None),
    ],
)  # fmt: skip
def test_words_of_one_type_beside_a_cut_reference(
    case: CaseFile, teller: dict[str, Any], cut: str | None
) -> None:
    kind = teller["resourceType"]
    told = record(kind, "t", **teller) | {"status": "active"}
    found = withheld(case, SECRET, ILL, KNEE, told)
    assert (f"{kind}/t" in found) is (cut is None)  # R4 does not let a Goal be without it
    if cut:
        assert cut not in carried(case, f"{kind}/t")
    assert b"Canary7Q" not in b"".join(map(encode, resources(case)))
