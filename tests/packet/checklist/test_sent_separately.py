"""What a packet can't hold (pixels), and what people say in place of the chart."""

import base64
import hashlib
import io
from typing import Any

import pytest

from connector.errors import UsageError
from connector.packet import Outline
from connector.packet.render.outline import Line
from connector.settings import Accepts
from connector.store.case.casefile import CaseFile
from connector.store.mapped import answers, packet
from tests.packet.charts import DESTINATION, put, request, resources, run
from tests.packet.missing import own_checklist

SUBJECT = {"reference": "Patient/p"}
HOW = "on a CD by courier, tracking number at the radiology desk"
BY_COURIER = [{"item": "images", "how": HOW}]
PDF = b"%PDF-1.4 scanned"
RESTRICTED = {
    "meta": {
        "security": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "42CFRPart2"}
        ]
    }
}


def study(id: str = "ct", when: str = "2026-10-02", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy",
        "id": id,
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.99.7"}],
        "status": "available",
        "subject": SUBJECT,
        "started": when,
        "numberOfSeries": 2,
        "endpoint": [{"reference": "Endpoint/pacs"}],
        "location": {"reference": "Location/radiology"},
        "series": [{"uid": "1.2.840.99.7.1", "modality": {"code": "CT"}}],
    } | more


PACS = {
    "resourceType": "Endpoint",
    "id": "pacs",
    "status": "active",
    "name": "Archive of the home hospital",
    "address": "https://pacs.example.org/wado",
}
RADIOLOGY = {"resourceType": "Location", "id": "radiology", "name": "Radiology, room 4"}


def line(outline: Outline, item: str) -> Line:
    return next(line for line in outline.items if line.item == item)


def inputs(case: CaseFile, code: str) -> list[str]:
    (task,) = resources(case, "Task")
    return [
        value["valueString"]
        for value in task.get("input", [])
        if value["type"]["coding"][0]["code"] == code
    ]


def section(case: CaseFile, title: str) -> Any:
    (composition,) = resources(case, "Composition")
    return next(s for s in composition["section"] if s["title"] == title)


def supply(case: CaseFile, item: str = "pathology", body: bytes = PDF, **said: str) -> str:
    digest = hashlib.sha256(body).hexdigest()
    words = {"title": "", "date": "", "loinc": ""} | said
    document = answers.Supplied(item, digest, "application/pdf", len(body), *words.values())
    answers.supply(case, document, io.BytesIO(body))
    return digest


def test_images_of_which_nobody_said_how_they_come_are_told(case: CaseFile) -> None:
    put(case, study(), PACS, RADIOLOGY)
    images = line(run(case), "images")
    assert (images.kind, images.answered) == ("not-asked", False)
    assert images.why.startswith("1 at the source; nobody has said how they are sent")
    (kept,) = [item for item in packet.items(case) if item.item == "images"]
    assert (kept.told, kept.evidence) == (True, "ImagingStudy/ct")
    assert kept.ask.startswith("Ask the radiology department")
    assert inputs(case, "sent-separately")[0].endswith("how it comes is not said yet")


def test_a_required_image_is_missing_until_somebody_says_how_it_comes(case: CaseFile) -> None:
    put(case, study())
    with own_checklist(images={"need": "required"}) as name:
        assert line(run(case, request(case_type=name)), "images").missing
        wanted = request(case_type=name, sent_separately=BY_COURIER)
        assert not line(run(case, wanted), "images").missing


def test_slides_are_in_no_chart_and_have_to_be_sent(case: CaseFile) -> None:
    reports = DESTINATION.model_copy(update={"accepts": Accepts(images="reports")})
    slides = line(run(case, request(case_type="oncology"), destination=reports), "slides")
    assert (slides.kind, slides.missing) == ("not-asked", True)
    said = [{"item": "slides", "how": "by courier, cooled"}]
    wanted = request(case_type="oncology", sent_separately=said)
    assert line(run(case, wanted), "slides").kind == "sent-separately"
    assert "Slides and tissue blocks: by courier, cooled" in inputs(case, "sent-separately")


def test_the_packet_lists_each_study_and_how_it_comes(case: CaseFile) -> None:
    put(case, study(), study("mr", "2026-11-02", series=[{"uid": "1", "modality": {"code": "MR"}}]))
    put(case, PACS, RADIOLOGY)
    images = line(run(case, request(sent_separately=BY_COURIER)), "images")
    assert (images.kind, images.answered) == ("sent-separately", True)
    newest, oldest = inputs(case, "sent-separately")
    assert "MR, 2026-11-02" in newest
    for words in (
        "CT, 2026-10-02", "study 1.2.840.99.7", "2 series",
        "at Archive of the home hospital; Radiology, room 4", HOW,
    ):  # fmt: skip
        assert words in oldest
        assert words in section(case, "Imaging")["text"]["div"]
    assert not inputs(case, "missing-item") or not any(
        "images" in text for text in inputs(case, "missing-item")
    )


def test_a_place_that_is_withheld_is_not_named(case: CaseFile) -> None:
    secret = {"reference": "Location/radiology", "display": "Radiology, room 4"}
    put(case, study(location=secret), PACS, RADIOLOGY | RESTRICTED)
    run(case, request(sent_separately=BY_COURIER))
    assert not any(b"room 4" in body for (body,) in case.rows("SELECT body FROM entry"))


def test_a_team_that_takes_reports_only_waits_for_no_images(case: CaseFile) -> None:
    put(case, study())
    reports = DESTINATION.model_copy(update={"accepts": Accepts(images="reports")})
    wanted = request(case_type="neurology")  # where images are required
    images = line(run(case, wanted, destination=reports), "images")
    assert (images.kind, images.answered) == ("waived", True)
    assert images.why.startswith("the receiving team takes reports only")
    assert "The images" not in section(case, "Imaging")["text"]["div"]
    assert not any("images" in text for text in inputs(case, "missing-item"))


def test_an_opinion_that_hinges_on_an_image_needs_it_to_come(case: CaseFile) -> None:
    put(case, study())
    wanted = {"hinge": ["ImagingStudy/ct"]}
    assert "images of which nobody said how they come" in run(case, request(**wanted)).advice
    advice = run(case, request(**wanted, sent_separately=BY_COURIER)).advice
    assert advice.startswith("In person, or online once the rest is there")


def test_any_item_may_come_another_way(case: CaseFile) -> None:
    fax = [{"item": "notes", "how": "by fax"}]
    notes = line(run(case, request(sent_separately=fax)), "notes")
    assert (notes.kind, notes.missing) == ("sent-separately", False)
    said = "Consult and progress notes, history and physical: by fax"
    assert inputs(case, "sent-separately") == [said]
    assert said in section(case, "Clinical notes")["text"]["div"]


def test_a_document_that_somebody_brought_travels_and_counts_as_supplied(case: CaseFile) -> None:
    supply(case, "notes", date="2026-03-02", loinc="11506-3", title="Progress note")
    notes = line(run(case), "notes")
    assert (notes.kind, notes.missing) == ("supplied", False)
    (document,) = resources(case, "DocumentReference")
    (content,) = document["content"]
    attachment = content["attachment"]
    assert base64.b64decode(attachment["data"]) == PDF
    assert base64.b64decode(attachment["hash"]) == hashlib.sha1(PDF).digest()
    assert (attachment["size"], attachment["creation"]) == (len(PDF), "2026-03-02")
    assert document["type"]["coding"] == [{"system": "http://loinc.org", "code": "11506-3"}]
    assert document["author"][0]["display"] == "Supplied by the requester"
    reference = f"DocumentReference/{document['id']}"
    notes_section = section(case, "Clinical notes")
    assert notes_section["entry"] == [{"reference": reference}]
    assert "emptyReason" not in notes_section
    told = "<td>2026-03-02</td><td>Progress note</td><td></td><td>supplied with the request</td>"
    assert told in notes_section["text"]["div"]
    targets = {t["reference"] for p in resources(case, "Provenance") for t in p["target"]}
    assert reference in targets
    (kept,) = [item for item in packet.items(case) if item.item == "notes"]
    assert kept.evidence == reference


def test_the_same_document_is_the_same_resource_in_every_run(case: CaseFile) -> None:
    supply(case)
    first = run(case).packet_hash
    (document,) = resources(case, "DocumentReference")
    assert document["type"]["coding"][0]["code"] == "UNK"  # nobody said what it is
    supply(case)
    assert run(case).packet_hash == first
    run(case, request(request_id="so-2"))
    assert resources(case, "DocumentReference")[0]["id"] != document["id"]


def test_a_record_of_the_chart_comes_before_what_was_supplied(case: CaseFile) -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "preliminary",
        "code": {"coding": [{"system": "http://loinc.org", "code": "11526-1"}]},
        "conclusion": "x",
    }
    supply(case)
    put(case, report)
    assert line(run(case), "pathology").kind == "supplied"
    put(case, report | {"status": "final"})
    assert line(run(case), "pathology").kind == "present"
    assert resources(case, "DocumentReference")  # it travels all the same


def test_a_waived_item_does_not_count_and_the_reason_stays_here(case: CaseFile) -> None:
    put_waiver = answers.Waiver(
        "labs", "A. Person", "the flood of Zanzibar", "2026-11-22T15:00:00Z"
    )
    answers.waive(case, put_waiver)
    labs = line(run(case), "labs")
    assert (labs.kind, labs.missing, labs.ask) == ("waived", False, "")
    assert labs.why == "waived by A. Person, 2026-11-22"
    said = "Laboratory results: not included, by decision of the sending side."
    assert said in inputs(case, "missing-item")
    assert said in section(case, "Results")["text"]["div"]
    for (body,) in case.rows("SELECT body FROM entry"):
        assert b"Zanzibar" not in body
        assert b"A. Person" not in body


def test_a_document_or_waiver_for_an_item_that_there_is_not_is_told(case: CaseFile) -> None:
    supply(case, "slides")
    with pytest.raises(UsageError, match=r"attached for an item .* does not have: slides"):
        run(case)
    for document in answers.supplied(case):
        answers.take_back(case, document)
    answers.waive(case, answers.Waiver("slides", "A", "b", "2026-11-22T15:00:00Z"))
    with pytest.raises(UsageError, match=r"waived .* does not have: slides"):
        run(case)
