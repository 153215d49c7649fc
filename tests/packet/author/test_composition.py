from dataclasses import fields
from decimal import Decimal
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.packet.author.composition import sections as written
from connector.packet.author.layout import lay_out
from connector.packet.chart.index import Row
from connector.packet.checklist.reported import Told
from connector.packet.record.dates import interval
from connector.request import Request
from connector.store.case.casefile import CaseFile
from tests.packet.charts import MAPPINGS, carried, put, request, resources, run

SUBJECT = {"reference": "Patient/p"}
LOINC = "http://loinc.org"
REASONS = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
XHTML = "{http://www.w3.org/1999/xhtml}"
TYPES = (
    "Condition",
    "Observation",
    "DiagnosticReport",
    "Goal",
    "Specimen",
    "Practitioner",
    "Basic",
)
CODES = (f"{LOINC}|11526-1", f"{LOINC}|21908-9", f"{LOINC}|718-7")
CATEGORIES = ("laboratory", "vital-signs", "imaging", f"{LOINC}|LP7839-6")
BLANK: dict[str, Any] = {
    field.name: {"frozenset[str]": frozenset(), "bool": False, "tuple[str, ...]": ()}.get(
        str(field.type).replace("typing.", ""), ""
    )
    for field in fields(Row)
    if field.name not in ("key", "type", "id", "when", "targets")
}


def lab(id: str, when: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": code},
        "subject": SUBJECT,
        "effectiveDateTime": when,
        "valueString": "x",
    }


def sections(case: CaseFile) -> dict[str, Any]:
    (composition,) = resources(case, "Composition")
    return {section["title"]: section for section in composition["section"]}


def sources(case: CaseFile, section: Any) -> list[str]:
    back = dict(case.rows("SELECT type || '/' || id, source FROM entry"))
    return [back[entry["reference"]] for entry in section.get("entry", [])]


def test_every_section_is_always_there_and_an_empty_one_is_unavailable(case: CaseFile) -> None:
    run(case)
    found = sections(case)
    assert set(found) == {section.title for section in MAPPINGS.sections.sections}
    for section in MAPPINGS.sections.sections:
        made = found[section.title]
        if section.text or made.get("entry"):
            assert "emptyReason" not in made
        else:
            assert made["emptyReason"]["coding"][0]["code"] == "unavailable"
        assert ("coding" in made["code"]) == (section.code is not None)


def test_every_record_that_leaves_is_listed_once(case: CaseFile) -> None:
    flag = {"resourceType": "Flag", "id": "f", "status": "active", "subject": SUBJECT}
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "subject": SUBJECT}
    put(case, flag, visit, lab("l", "2026-11-01", "718-7"))
    run(case, request(scope="whole-chart"))
    listed = [key for section in sections(case).values() for key in sources(case, section)]
    assert sorted(listed) == ["Encounter/e", "Flag/f", "Observation/l"]


def test_the_key_question_orders_and_hides_nothing(case: CaseFile) -> None:
    put(case, lab("l", "2026-11-01", "718-7"))
    orders = {}
    for question in ("diagnosis", "treatment", "prognosis"):
        run(case, request(key_question=question))
        orders[question] = list(sections(case))
        assert sources(case, sections(case)["Results"]) == ["Observation/l"]
    assert len({tuple(titles) for titles in orders.values()}) == 3
    assert len({frozenset(titles) for titles in orders.values()}) == 1
    assert orders["diagnosis"][2] == "Pathology"
    assert orders["treatment"][2] == "The first opinion's plan"
    assert orders["prognosis"][2] == "The patient's goals and story"


def test_prognosis_shows_a_trend_and_treatment_the_newest(case: CaseFile) -> None:
    put(
        case,
        lab("a1", "2026-01-01", "718-7"),
        lab("b", "2026-02-01", "2160-0"),
        lab("a2", "2026-03-01", "718-7"),
    )
    run(case, request(key_question="prognosis"))
    trend = ["Observation/b", "Observation/a1", "Observation/a2"]
    assert sources(case, sections(case)["Results"]) == trend
    run(case, request(key_question="treatment"))
    newest = ["Observation/a2", "Observation/b", "Observation/a1"]
    assert sources(case, sections(case)["Results"]) == newest


def test_what_the_opinion_hinges_on_stands_first(case: CaseFile) -> None:
    put(case, lab("old", "2026-01-01", "718-7"), lab("new", "2026-11-01", "2160-0"))
    run(case, request(hinge=["Observation/old"]))
    assert sources(case, sections(case)["Results"]) == ["Observation/old", "Observation/new"]


def test_the_first_opinion_stands_in_its_section_whatever_its_type(case: CaseFile) -> None:
    put(case, lab("l", "2026-11-01", "718-7"))
    run(case, request(first_opinion=["Observation/l"]))
    assert sources(case, sections(case)["The first opinion's plan"]) == ["Observation/l"]
    assert sources(case, sections(case)["Results"]) == []
    (order,) = resources(case, "ServiceRequest")
    reference = f"Observation/{carried(case, 'Observation/l')['id']}"
    assert {"reference": reference} in order["supportingInfo"]


def test_the_text_is_safe_and_says_what_is_partly_missing(case: CaseFile) -> None:
    put(case, lab("l", "2001-01-01", "<script>alert(1)</script>\x01"))
    run(case)
    text = sections(case)["Results"]["text"]["div"]
    assert "<script" not in text
    assert "\x01" not in text
    assert "&lt;script&gt;" in text
    assert "Laboratory results: none of the last 12 months, older ones are in this packet." in text


def test_findings_stand_in_the_text_with_value_date_and_status(case: CaseFile) -> None:
    quantity = {"comparator": "<", "value": Decimal("7.10"), "unit": "g/dL"}
    measured = lab("l", "2026-11-01T08:00:00Z", "718-7") | {"valueQuantity": quantity}
    del measured["valueString"]
    put(case, measured)
    run(case)
    root = ElementTree.fromstring(sections(case)["Results"]["text"]["div"])
    cells = [cell.text for cell in root.findall(f".//{XHTML}tbody/{XHTML}tr/{XHTML}td")]
    assert cells == ["2026-11-01", "718-7", "< 7.10 g/dL", "final"]


def test_a_prescription_is_called_by_the_medication_it_points_to(case: CaseFile) -> None:
    drug = {"resourceType": "Medication", "id": "m", "code": {"text": "Ibuprofen 400 mg"}}
    order = {
        "resourceType": "MedicationRequest", "id": "r", "status": "active", "intent": "order",
        "subject": SUBJECT, "medicationReference": {"reference": "Medication/m"},
        "category": [{"text": "Outpatient"}],
        "dosageInstruction": [{"text": "one tablet at night"}],
    }  # fmt: skip
    put(case, drug, order)
    run(case)
    text = sections(case)["Medications"]["text"]["div"]
    assert "<td>Ibuprofen 400 mg</td><td>one tablet at night</td>" in text


def test_what_was_measured_again_and_again_is_one_row_and_all_of_it_are_entries(
    case: CaseFile,
) -> None:
    put(case, *(lab(f"l{n}", f"2026-{n // 26 + 1:02}-01", "718-7") for n in range(260)))
    run(case)
    made = sections(case)["Results"]
    assert made["text"]["div"].count("<tr>") == 2
    assert (
        "<td>2026-01-01 to 2026-10-01, 260 times</td><td>718-7</td><td>x</td>"
        in (made["text"]["div"])
    )
    assert len(made["entry"]) == 260


def test_no_distinct_thing_is_cut_however_many_there_are(case: CaseFile) -> None:
    put(case, *(lab(f"l{n}", "2026-11-01", f"code-{n}") for n in range(260)))
    run(case)
    text = sections(case)["Results"]["text"]["div"]
    assert all(f"<td>code-{n}</td>" in text for n in range(260))


def test_encounters_are_told_by_their_number(case: CaseFile) -> None:
    visits = [
        {"resourceType": "Encounter", "id": f"e{n}", "status": "finished", "subject": SUBJECT,
         "period": {"start": f"202{n}-01-01"}}
        for n in range(3)
    ]  # fmt: skip
    put(case, *visits)
    run(case, request(scope="whole-chart"))
    made = sections(case)["Encounters, coverage and other records"]
    assert "3 encounters, 2020-01-01 to 2022-01-01: not listed" in made["text"]["div"]
    assert "<tr>" not in made["text"]["div"]
    assert len(made["entry"]) == 3


@pytest.mark.parametrize(
    ("said", "code"),
    [("nilknown", "nilknown"), ("notasked", "notasked"), ("withheld", "unavailable")],
)
def test_an_empty_section_says_what_the_source_s_own_list_says(
    case: CaseFile, said: str, code: str
) -> None:
    empty = {
        "resourceType": "List", "id": "l", "status": "current", "mode": "snapshot",
        "subject": SUBJECT, "code": {"coding": [{"system": LOINC, "code": "48765-2"}]},
        "emptyReason": {"coding": [{"system": REASONS, "code": said}]},
    }  # fmt: skip
    put(case, empty)
    run(case, request(scope="whole-chart"))
    found = sections(case)
    assert found["Allergies and intolerances"]["emptyReason"]["coding"][0]["code"] == code
    assert found["Problems"]["emptyReason"]["coding"][0]["code"] == "unavailable"


def test_an_explicit_no_known_allergy_is_an_entry_and_never_unavailable(case: CaseFile) -> None:
    none = {
        "resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT,
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "716186003"}],
                 "text": "No known allergy"},
    }  # fmt: skip
    put(case, none)
    run(case)
    made = sections(case)["Allergies and intolerances"]
    assert "emptyReason" not in made
    assert sources(case, made) == ["AllergyIntolerance/a"]
    assert "No known allergy" in made["text"]["div"]


def test_diagnosis_shows_what_was_seen_before_what_was_concluded(case: CaseFile) -> None:
    report = {
        "resourceType": "DiagnosticReport", "id": "d", "status": "final", "subject": SUBJECT,
        "category": [{"coding": [{"code": "LAB"}]}], "code": {"text": "Blood count"},
        "effectiveDateTime": "2026-11-10", "conclusion": "Normal.",
    }  # fmt: skip
    put(case, report, lab("l", "2026-11-01", "718-7"))
    run(case, request(key_question="diagnosis"))
    seen = ["Observation/l", "DiagnosticReport/d"]
    assert sources(case, sections(case)["Results"]) == seen
    run(case, request(key_question="treatment"))
    assert sources(case, sections(case)["Results"]) == seen[::-1]


def test_prognosis_shows_the_stage_first(case: CaseFile) -> None:
    put(
        case,
        lab("a", "2026-01-01", "1000-0"),
        lab("stage", "2026-03-01", "21908-9"),
        lab("b", "2026-02-01", "1000-0"),
    )
    run(case, request(key_question="prognosis"))
    assert sources(case, sections(case)["Results"])[0] == "Observation/stage"


NOTHING = Told([], [], [], {})
KEYS = st.builds(lambda kind, n: f"{kind}/{n}", st.sampled_from(TYPES), st.integers(0, 40))


@st.composite
def charts(draw: st.DrawFn) -> list[Row]:
    return [
        Row(
            key=key, type=key.partition("/")[0], id=key.partition("/")[2],
            **{
                **BLANK,
                "status": draw(st.sampled_from(["active", "resolved", "final", "unstated"])),
                "codes": draw(st.frozensets(st.sampled_from(CODES), max_size=2)),
                "categories": draw(st.frozensets(st.sampled_from(CATEGORIES), max_size=1)),
                "title": draw(st.text(max_size=5)),
                "when": draw(st.sampled_from([None, interval("2020"), interval("2026-01-01")])),
            },
        )
        for key in sorted(draw(st.sets(KEYS, max_size=25)))
    ]  # fmt: skip


def compose(rows: list[Row], wanted: Request) -> list[dict[str, Any]]:
    return written(lay_out(rows, wanted, MAPPINGS), rows, wanted, [], [], NOTHING, str)


@given(charts(), st.randoms(use_true_random=False))
def test_whatever_is_asked_the_same_records_stand_in_the_same_sections(
    rows: list[Row], random: Random
) -> None:
    hinge = [row.key for row in rows[:2]]
    made = []
    for question in ("diagnosis", "treatment", "prognosis"):
        random.shuffle(rows)
        wanted = request(key_question=question, hinge=hinge)
        found = compose(rows, wanted)
        made.append({s["title"]: sorted(e["reference"] for e in s["entry"]) for s in found})
    assert made[0] == made[1] == made[2]
    listed = sorted(key for keys in made[0].values() for key in keys)
    unlisted = MAPPINGS.sections.unlisted
    assert listed == sorted(row.key for row in rows if row.type not in unlisted)


@given(charts(), st.sampled_from(["diagnosis", "treatment", "prognosis"]))
def test_the_order_depends_on_the_records_alone(rows: list[Row], question: str) -> None:
    wanted = request(key_question=question)
    one, other = (compose(r, wanted) for r in (rows, rows[::-1]))
    assert one == other
