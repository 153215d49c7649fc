"""FHIR documents in attachments, opened: what stands in them is known, and judged for release."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connector.fhir.lossless import encode
from connector.packet.chart.index import Row, read_rows
from connector.packet.record.links import Links
from connector.packet.try_out.explain import explain
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import MAPPINGS, PATIENT, carried, put, put_attachment, request, run
from tests.pull.support import pull, source
from tests.sandbox_parts import Sandbox

SUBJECT = {"reference": "Patient/p"}
LOINC = "http://loinc.org"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIAL = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
INSIDE = {"reference": "urn:uuid:b"}
SUD = {"security": [{"system": ACT, "code": "SUD"}]}
RESTRICTED = {"security": [{"system": CONFIDENTIAL, "code": "V"}]}


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    case = CaseFile.open(tmp_path)
    put(case, PATIENT)
    return case


def bundle(
    *resources: dict[str, Any], code: str = "51851-4", urls: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": LOINC, "code": code}]},
        "subject": INSIDE,
    }
    named = [f"urn:uuid:{number}" for number in range(len(resources))]
    entries = [
        {"fullUrl": url, "resource": each}
        for url, each in zip(urls or named, resources, strict=True)
    ]
    patient = {"fullUrl": "urn:uuid:b", "resource": {"resourceType": "Patient", "id": "b"}}
    first = {"fullUrl": "urn:uuid:a", "resource": composition}
    return {
        "resourceType": "Bundle",
        "type": "document",
        "entry": [first, patient, *entries],
        **more,
    }


def note(content: Any, inline: bool = True, **more: Any) -> dict[str, Any]:
    data = content if isinstance(content, bytes) else encode(content)
    where = {"data": base64.b64encode(data).decode()} if inline else {"url": "Bundle/eps"}
    attachment = {"contentType": "application/fhir+json", **where}
    return {
        "resourceType": "DocumentReference",
        "id": "doc",
        "status": "current",
        "date": "2025-10-01T10:00:00Z",
        "subject": SUBJECT,
        "content": [{"attachment": attachment}],
        **more,
    }


CT = {
    "resourceType": "DiagnosticReport",
    "status": "final",
    "code": {"coding": [{"system": LOINC, "code": "24627-2"}]},
    "subject": INSIDE,
    "conclusion": "Nodule",
}
SUMMARY: dict[str, Any] = {"type": {"coding": [{"system": LOINC, "code": "60591-5"}]}}


def row_of(case: CaseFile) -> Row:
    rows = read_rows(case, Links(case, "https://source.example/fhir"), MAPPINGS)
    found = {row.key: row for row in rows if isinstance(row, Row)}
    return found["DocumentReference/doc"]


def imaging(case: CaseFile) -> tuple[str, list[str]]:
    """What the checklist says of imaging reports: how it is, and what shows it."""
    (item,) = (each for each in packet.items(case) if each.item == "imaging-reports")
    return item.kind, item.evidence.split()


@pytest.mark.parametrize("inline", [True, False])
def test_what_stands_in_a_document_is_known_of_it(case: CaseFile, inline: bool) -> None:
    content = bundle(CT)
    put(case, note(content, inline, **SUMMARY))
    put_attachment(case, "Bundle/eps", encode(content), "application/fhir+json")
    row = row_of(case)
    assert dict(row.known)["imaging-report"] == "code"
    assert dict(row.known)["summary-document"] == "code"
    assert "imaging-report" not in row.kinds  # what it is itself says where it is listed


def test_an_item_is_answered_by_what_stands_in_a_document(case: CaseFile) -> None:
    put(case, note(bundle(CT), type={"text": "Letter"}))
    told = run(case, request(case_type="oncology"))
    assert imaging(case) == ("present", ["DocumentReference/doc"])
    assert carried(case, "DocumentReference/doc")["content"][0]["attachment"]["data"]
    assert told.unknown == ()


def test_no_record_of_a_document_becomes_one_of_the_packet(case: CaseFile) -> None:
    put(case, note(bundle(CT), **SUMMARY))
    run(case, request(case_type="oncology", scope="whole-chart"))
    rows = case.rows("SELECT source FROM entry WHERE origin = 'carried'")
    assert {source for (source,) in rows} == {"Patient/p", "DocumentReference/doc"}


NOT_OPENED: dict[str, Any] = {
    "no JSON": b'{"resourceType": "Bundle", "entry": [',
    "other JSON": {"steps": 7000},
    "a tower": b'{"resourceType": "Bundle", "x":' + b"[" * 9000 + b"]" * 9000 + b"}",
    "refuted": bundle({**CT, "status": "entered-in-error"}),
    "preliminary": bundle({**CT, "status": "registered"}),
    "empty": bundle({k: v for k, v in CT.items() if k != "conclusion"}),
    "odd shapes": bundle(
        {"resourceType": "DiagnosticReport", "code": 7, "status": {}, "category": "x", "text": []},
        {"resourceType": "Observation", "code": [None], "valueQuantity": "x", "component": {}},
        {"resourceType": "Composition", "section": "x", "type": []},
        {"resourceType": "Condition", "stage": 3, "meta": "x", "id": 7, "identifier": "x"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("content", NOT_OPENED.values(), ids=NOT_OPENED)
def test_what_tells_nothing_answers_nothing(case: CaseFile, content: Any) -> None:
    put(case, note(content, type={"text": "Letter"}))
    run(case, request(case_type="oncology"))
    assert imaging(case) in [
        ("not-recognised", ["DocumentReference/doc"]),
        ("searched-none", []),
    ]


def binary(content: Any) -> dict[str, Any]:
    data = base64.b64encode(encode(content)).decode()
    return {"resourceType": "Binary", "contentType": "application/fhir+json", "data": data}


HELD: dict[str, Any] = {
    "an entry": bundle({**CT, "meta": SUD}),
    "the Bundle": bundle(CT, meta=SUD),
    "an element": bundle({**CT, "extension": [
        {"url": "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label",
         "valueCoding": SUD["security"][0]}]}),
    "contained": bundle({**CT, "contained": [
        {"resourceType": "Observation", "id": "o", "meta": SUD}]}),
    "a document in it": bundle(binary(bundle({**CT, "meta": SUD}))),
    "a Bundle in it": bundle(bundle({**CT, "meta": SUD})),
    "a collection": {"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": {**CT, "meta": SUD}}]},
    "one record": {**CT, "meta": SUD},
    "a list": [{**CT, "meta": SUD}],
}  # fmt: skip


@pytest.mark.parametrize("content", HELD.values(), ids=HELD)
@pytest.mark.parametrize("inline", [True, False])
def test_a_label_in_a_document_is_one_of_its_record(
    case: CaseFile, content: Any, inline: bool
) -> None:
    put(case, note(content, inline, **SUMMARY))
    put_attachment(case, "Bundle/eps", encode(content), "application/fhir+json")
    told = run(case, request(scope="whole-chart"))
    withheld = {f"{one.type}/{one.id}": one.rule for one in told.withheld}
    assert withheld == {"DocumentReference/doc": "release-part-2"}


def test_a_label_holds_a_report_with_a_document_too(case: CaseFile) -> None:
    attachment = note(bundle({**CT, "meta": SUD}))["content"][0]["attachment"]
    report = {**CT, "id": "r", "subject": SUBJECT, "presentedForm": [attachment]}
    put(case, report)
    told = run(case, request(scope="whole-chart"))
    assert [one.id for one in told.withheld] == ["r"]


@pytest.mark.parametrize(
    ("url", "inner"),
    [
        ("http://127.0.0.1:1/fhir/Condition/secret", {}),
        ("urn:uuid:c", {"id": "secret"}),
        ("urn:uuid:c", {"identifier": [{"system": "urn:oid:1.2", "value": "PROBLEM-77123"}]}),
    ],
)
def test_a_document_in_which_a_withheld_record_stands_stays_too(
    case: CaseFile, url: str, inner: dict[str, Any]
) -> None:
    number = [{"system": "urn:oid:1.2", "value": "PROBLEM-77123"}]
    secret = {"resourceType": "Condition", "subject": SUBJECT, "code": {"text": "dependence"}}
    put(case, {**secret, "id": "secret", "meta": SUD, "identifier": number})
    put(case, note(bundle({**secret, **inner, "subject": INSIDE}, urls=[url]), **SUMMARY))
    told = run(case, request(scope="whole-chart"))
    withheld = {f"{one.type}/{one.id}": one.rule for one in told.withheld}
    assert withheld["DocumentReference/doc"] == "release-same"


def test_a_document_without_it_leaves(case: CaseFile) -> None:
    secret = {"resourceType": "Condition", "subject": SUBJECT, "code": {"text": "dependence"}}
    put(case, {**secret, "id": "secret", "meta": SUD})
    put(case, note(bundle({**CT, "id": "other"}), **SUMMARY))
    run(case, request(scope="whole-chart"))
    assert carried(case, "DocumentReference/doc")


def test_a_composition_says_what_a_record_does_not(case: CaseFile) -> None:
    put(case, note(bundle(CT, code="60591-5")))
    assert row_of(case).kinds["summary-document"] == "code"


def test_many_entries_are_looked_into_to_an_end(case: CaseFile) -> None:
    many = [{**CT, "id": str(number)} for number in range(3000)]
    put(case, note(json.dumps(bundle(*many, {**CT, "meta": SUD})).encode(), **SUMMARY))
    row = row_of(case)
    assert len(row.inside) == 2000
    assert any("SUD" in label for label in row.labels)


def test_a_story_in_a_document_is_the_patients(case: CaseFile) -> None:
    content = bundle()
    story = {
        "code": {"coding": [{"system": LOINC, "code": "81338-6"}]},
        "text": {"status": "generated", "div": "<div>I want to walk.</div>"},
    }
    content["entry"][0]["resource"]["section"] = [story]
    put(case, note(content, **SUMMARY))
    run(case, request(case_type="oncology"))
    (goals,) = (each for each in packet.items(case) if each.item == "goals")
    assert (goals.kind, goals.evidence) == ("present", "DocumentReference/doc")


def test_reports_of_a_server_that_keeps_documents(tmp_path: Path) -> None:
    """A summary and a report as document Bundles, and a manifest of images that is no report."""

    def kept(name: str, code: str, url: str, content_type: str) -> dict[str, Any]:
        return {
            "resourceType": "DocumentReference",
            "id": name,
            "status": "current",
            "subject": {"reference": "Patient/p"},
            "date": "2025-10-01T10:00:00Z",
            "type": {"coding": [{"system": LOINC, "code": code}]},
            "content": [{"attachment": {"contentType": content_type, "url": url}}],
        }

    def stored(name: str, *resources: dict[str, Any]) -> dict[str, Any]:
        made = bundle(*resources, id=name)
        made["entry"][1]["resource"] = {**PATIENT, "id": "b"}
        return made

    fhir, dicom = "application/fhir+json", "application/dicom"
    pixels = base64.b64encode(bytes(128) + b"DICM").decode()
    surgery = {
        "resourceType": "Procedure",
        "status": "completed",
        "code": {"text": "Appendectomy"},
        "subject": INSIDE,
    }
    with Sandbox() as server:
        for resource in (
            PATIENT,
            stored("eps", CT, surgery),
            stored("img", CT),
            {"resourceType": "Binary", "id": "kos", "contentType": dicom, "data": pixels},
            kept("eps", "60591-5", "Bundle/eps", fhir),
            kept("img", "11488-4", "Bundle/img", fhir),
            kept("mado", "18748-4", "Binary/kos", dicom),
        ):
            server.put(resource)
        pulled = pull(tmp_path, source(server.base_url), id="p")
    assert [gap.what for gap in pulled.gaps if "attachment" in gap.what] == []
    with CaseFile.open(tmp_path) as case:
        asked = request(case_type="oncology")
        run(case, asked)
        case.state.request = asked.model_dump(mode="json")
        case.state.mapped_with = MAPPINGS.identity
        answered, evidence = imaging(case)
        held = {each["record"]: each["inside"] for each in explain(case, MAPPINGS, None)["records"]}
        assert held["DocumentReference/eps"] == {"DiagnosticReport": 1, "Procedure": 1}
        assert held["DocumentReference/mado"] == {}
        assert (answered, set(evidence)) == (
            "present",
            {"DocumentReference/eps", "DocumentReference/img"},
        )
        sent = carried(case, "DocumentReference/eps")["content"][0]["attachment"]
        document = json.loads(base64.b64decode(sent["data"]))
        assert [each["resource"]["resourceType"] for each in document["entry"]] == [
            "Composition",
            "Patient",
            "DiagnosticReport",
            "Procedure",
        ]
