"""The same record under two ids, and the same note as two resources."""

import base64
import hashlib
from typing import Any

import pytest

from connector.fhir.gate import check
from connector.fhir.ids import derived_id
from connector.fhir.lossless import encode
from connector.store.case.casefile import CaseFile
from tests.packet.charts import (
    SOURCE,
    carried,
    put,
    put_attachment,
    put_target,
    request,
    resources,
    run,
)

SUBJECT = {"reference": "Patient/p"}
WHOLE = request(scope="whole-chart")
TIME = "2024-03-05T10:11:12Z"
TEXT = b"The knee is swollen."
DATA = base64.b64encode(TEXT).decode()


def observation(id: str, **more: Any) -> dict[str, Any]:
    seen = {"status": "final", "subject": SUBJECT, "code": {"text": "x"}}
    return {"resourceType": "Observation", "id": id, **seen, "effectiveDateTime": TIME, **more}


def merged(case: CaseFile) -> set[str]:
    rows = case.rows("SELECT type || '/' || id FROM decision WHERE outcome = 'merged'")
    return {key for (key,) in rows}


def packet_id(key: str) -> str:
    resource_type, _, resource_id = key.partition("/")
    return f"{resource_type}/{derived_id(SOURCE.id, resource_type, resource_id)}"


def test_a_record_by_two_routes_travels_once_with_all_that_refers_to_it(case: CaseFile) -> None:
    """Two copies of an encounter with its observation, as a second file would bring them."""
    for copy, seen in (("a", "Encounter/ea"), ("b", "urn:uuid:eb")):
        put(
            case,
            {"resourceType": "Encounter", "id": f"e{copy}", "status": "finished",
             "class": {"code": "AMB"}, "subject": SUBJECT,
             "identifier": [{"system": "urn:oid:1.2", "value": "visit-1"}]},
            observation(f"o{copy}", encounter={"reference": seen}, meta={"versionId": copy}),
        )  # fmt: skip
    put_target(case, "urn:uuid:eb", "Encounter/eb")
    member = [{"reference": "Observation/ob"}]
    put(case, observation("panel", code={"text": "panel"}, hasMember=member))
    outline = run(case, WHOLE)
    assert merged(case) == {"Encounter/eb", "Observation/ob"}
    counts = outline.counts
    assert counts["merged"] == 2
    assert counts["pulled"] == counts["selected"] + counts["merged"]
    (reference,) = carried(case, "Observation/panel")["hasMember"]
    assert reference["reference"] == packet_id("Observation/oa")
    sent = b"".join(map(encode, resources(case)))
    assert packet_id("Observation/ob").encode() not in sent
    assert packet_id("Encounter/eb").encode() not in sent


@pytest.mark.parametrize(
    "other",
    [
        observation("b", valueString="more"),
        observation("b", effectiveDateTime="2024-03-05T10:11:13Z"),
        observation("b", meta={"security": [{"system": "urn:x", "code": "R"}]}),
        observation("b") | {"resourceType": "Procedure"},
    ],
)
def test_records_that_differ_stay_two(case: CaseFile, other: dict[str, Any]) -> None:
    put(case, observation("a"), other)
    run(case, WHOLE)
    assert not merged(case)


@pytest.mark.parametrize(
    ("record", "is_one"),
    [
        (observation("x"), True),
        (observation("x", effectiveDateTime="2024-03-05"), False),  # two of one day
        (observation("x", effectiveDateTime="2024-03-05",
                     identifier=[{"system": "urn:oid:1", "value": "9"}]), True),
        (observation("x", effectiveDateTime="2024-03-05", identifier=[{"value": "9"}]), False),
        ({"resourceType": "MedicationRequest", "status": "stopped", "subject": SUBJECT,
          "authoredOn": TIME}, False),  # two packs
        ({"resourceType": "MedicationRequest", "status": "stopped", "subject": SUBJECT,
          "identifier": [{"system": "urn:oid:1", "value": "9"}]}, True),
    ],
)  # fmt: skip
def test_equal_records_are_one_only_if_they_say_which_event(
    case: CaseFile, record: dict[str, Any], is_one: bool
) -> None:
    put(case, *(record | {"id": id} for id in "abc"))
    run(case, WHOLE)
    assert len(merged(case)) == (2 if is_one else 0)


def test_a_copy_that_the_request_names_is_the_one_kept(case: CaseFile) -> None:
    put(case, *(observation(id) for id in "abc"))
    run(case, request(scope="whole-chart", hinge=["Observation/b"]))
    assert merged(case) == {"Observation/a", "Observation/c"}
    run(case, request(scope="whole-chart", hinge=["Observation/b"], include=["Observation/c"]))
    assert merged(case) == {"Observation/a"}


def note(kind: str, attachment: dict[str, Any]) -> dict[str, Any]:
    found = {"resourceType": kind, "id": "n", "subject": SUBJECT}
    if kind == "DocumentReference":
        return found | {"status": "current", "content": [{"attachment": attachment}]}
    code = {"coding": [{"system": "http://loinc.org", "code": "18748-4"}]}
    return found | {"status": "final", "code": code, "presentedForm": [attachment]}


@pytest.mark.parametrize("by", ["data", "the same url", "the same bytes"])
def test_a_note_twice_is_carried_once_and_described_twice(case: CaseFile, by: str) -> None:
    urls = {"the same url": ("Binary/1", "Binary/1"), "the same bytes": ("Binary/1", "Binary/2")}
    one: dict[str, Any] = {"contentType": "text/plain", "title": "as a document"}
    other: dict[str, Any] = {"contentType": "text/plain", "title": "as a report"}
    if by == "data":
        one["data"], other["data"] = DATA, DATA
    else:
        one["url"], other["url"] = urls[by]
        for url in set(urls[by]):
            put_attachment(case, url, TEXT, "text/plain")
    put(case, note("DocumentReference", one), note("DiagnosticReport", other))
    run(case, WHOLE)
    document = carried(case, "DocumentReference/n")
    report = carried(case, "DiagnosticReport/n")
    assert document["content"][0]["attachment"]["data"] == DATA
    assert report["presentedForm"] == [
        {
            "contentType": "text/plain",
            "title": "as a report",
            "size": len(TEXT),
            "hash": base64.b64encode(hashlib.sha1(TEXT).digest()).decode(),
        }
    ]
    assert document["context"]["related"] == [{"reference": packet_id("DiagnosticReport/n")}]
    assert not check(document)
    assert not check(report)


@pytest.mark.parametrize(
    ("attachment", "fetched"),
    [
        ({"data": base64.b64encode(b"another").decode()}, True),
        ({"data": DATA}, False),  # the document's own copy was not had
        ({"data": ""}, True),
    ],
)
def test_a_report_keeps_what_no_document_carries(
    case: CaseFile, attachment: dict[str, Any], fetched: bool
) -> None:
    put_attachment(case, "Binary/1", TEXT if fetched else None)
    put(case, note("DocumentReference", {"url": "Binary/1"}), note("DiagnosticReport", attachment))
    run(case, WHOLE)
    assert carried(case, "DiagnosticReport/n")["presentedForm"] == [attachment]
    assert "context" not in carried(case, "DocumentReference/n")


def test_a_report_whose_document_stays_keeps_its_content(case: CaseFile) -> None:
    put(case, *(note(k, {"data": DATA}) for k in ("DocumentReference", "DiagnosticReport")))
    run(case, request(scope="whole-chart", exclude=["DocumentReference/n"]))
    assert carried(case, "DiagnosticReport/n")["presentedForm"] == [{"data": DATA}]
