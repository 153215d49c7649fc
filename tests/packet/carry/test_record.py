import base64
import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connector.fhir import systems
from connector.fhir.ids import derived_id
from connector.fhir.lossless import canonical, decode, encode, members
from connector.fhir.references import named, plain_names
from connector.packet.carry.record import Carrier
from connector.packet.record.links import Links
from connector.packet.release.withheld import Withheld
from connector.store.case.casefile import CaseFile
from connector.store.mapped import coverage
from tests.fhir.texts import FEWER, values
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
URI = "urn:ietf:rfc:3986"


def packet_reference(key: str) -> str:
    resource_type, _, resource_id = key.partition("/")
    return f"{resource_type}/{derived_id(SOURCE.id, resource_type, resource_id)}"


def test_bytes_outside_id_meta_and_references_are_the_source_s(case: CaseFile) -> None:
    before = (
        b'{ "resourceType" : "Observation","id":"o","meta":{"versionId":"3","profile":["x"]},'
        b'"status":"final","subject":{ "reference" : "Patient/p", "display":"M\\u00fcller"},'
        b'"valueQuantity":{"value":1.50,"unit":"m\\/s"},'
        b'"component":[{"valueQuantity":{"value":1e2}},{"valueQuantity":{"value":0.000}}],'
        b'"_issued":{"extension":[{"url":"u"}]},"unknown":[ 1 , 2.0 ]}'
    )
    put(case, before)
    run(case, WHOLE)
    (body,) = case.row("SELECT body FROM entry WHERE source = 'Observation/o'") or ()
    for piece in (
        b'"valueQuantity":{"value":1.50,"unit":"m\\/s"}',
        b'[{"valueQuantity":{"value":1e2}},{"valueQuantity":{"value":0.000}}]',
        b', "display":"M\\u00fcller"}',
        b'"_issued":{"extension":[{"url":"u"}]}',
        b"[ 1 , 2.0 ]",
    ):
        assert piece in body
    sent = decode(body)
    new_id = derived_id(SOURCE.id, "Observation", "o")
    assert sent["id"] == new_id
    assert sent["meta"] == {"profile": ["x"], "tag": [{"system": systems.TAG, "code": new_id}]}
    assert sent["subject"]["reference"] == packet_reference("Patient/p")


def test_digits_survive_where_content_is_changed(case: CaseFile) -> None:
    put(
        case,
        b'{"resourceType":"Observation","id":"o","status":"final","valueQuantity":{"value":1.50},'
        b'"focus":[{"reference":"Group/away"}],"referenceRange":[{"low":{"value":0.10}}]}',
    )
    run(case, WHOLE)
    (body,) = case.row("SELECT body FROM entry WHERE source = 'Observation/o'") or ()
    assert b'"value":1.50' in body
    assert b'"value":0.10' in body


def logical(system: str, value: str) -> dict[str, Any]:
    return {"identifier": {"system": system, "value": value}}


def at_source(value: str) -> dict[str, Any]:
    return logical(f"urn:uuid:{SOURCE.id}", value)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Condition/c", {"reference": packet_reference("Condition/c")}),
        ("Condition/c/_history/2", {"reference": packet_reference("Condition/c")}),
        (f"{SOURCE.base_url}/Condition/c", {"reference": packet_reference("Condition/c")}),
        ("Condition?identifier=s|1", {"reference": packet_reference("Condition/c")}),
        ("urn:uuid:known", {"reference": packet_reference("Condition/c")}),
        ("#inside", {"reference": "#inside"}),
        ("Condition/away", at_source("Condition/away")),
        ("Claim/m", at_source("Claim/m")),
        ("Patient/other", at_source("Patient/other")),
        (f"{SOURCE.base_url}/Condition/away", at_source("Condition/away")),
        ("Condition?name=x", at_source("Condition?name=x")),
        ("Condition?identifier=urn:oid:1.2|3", logical("urn:oid:1.2", "3")),
        ("https://other.example/Flag/1", logical(URI, "https://other.example/Flag/1")),
        ("urn:uuid:unknown", logical(URI, "urn:uuid:unknown")),
    ],
)  # fmt: skip
def test_a_reference_resolves_in_the_packet_or_becomes_logical(
    case: CaseFile, reference: str, expected: dict[str, Any]
) -> None:
    put(
        case,
        {"resourceType": "Condition", "id": "c", "subject": SUBJECT},
        {"resourceType": "Claim", "id": "m"},
        {"resourceType": "Patient", "id": "other"},
        {"resourceType": "Flag", "id": "f", "subject": SUBJECT, "author": {"reference": reference}},
    )
    put_target(case, "Condition?identifier=s|1", "Condition/c")
    put_target(case, "urn:uuid:known", "Condition/c")
    put_target(case, "urn:uuid:unknown", "Condition/never-had", status="gap")
    run(case, WHOLE)
    assert carried(case, "Flag/f")["author"] == expected


def test_a_logical_reference_keeps_the_identifier_and_display_of_the_source(case: CaseFile) -> None:
    own = {"identifier": {"system": "urn:oid:1.2", "value": "9"}, "display": "Clinic"}
    put(case, {"resourceType": "Flag", "id": "f", "author": {"reference": "Organization/9", **own}})
    run(case, WHOLE)
    assert carried(case, "Flag/f")["author"] == own


def document(id: str, attachment: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "subject": SUBJECT,
        "content": [{"attachment": attachment}],
    }


def test_an_attachment_travels_inside_its_record(case: CaseFile) -> None:
    put(case, document("d", {"url": "Binary/1", "title": "Report"}))
    put_attachment(case, "Binary/1", b"\x00pixels", "image/png")
    run(case, WHOLE)
    sent = carried(case, "DocumentReference/d")["content"][0]["attachment"]
    assert sent == {
        "title": "Report",
        "contentType": "image/png",
        "data": base64.b64encode(b"\x00pixels").decode(),
        "size": 7,
        "hash": base64.b64encode(hashlib.sha1(b"\x00pixels").digest()).decode(),
    }


def test_an_attachment_that_was_not_had_says_so_and_keeps_no_url(case: CaseFile) -> None:
    put(case, document("d", {"url": f"{SOURCE.base_url}/Binary/1", "contentType": "text/plain"}))
    put_attachment(case, f"{SOURCE.base_url}/Binary/1", None)
    run(case, WHOLE)
    body = encode(carried(case, "DocumentReference/d"))
    assert SOURCE.base_url.encode() not in body
    sent = carried(case, "DocumentReference/d")["content"][0]["attachment"]
    assert sent["_url"]["extension"][0]["valueCode"] == "unknown"
    assert sent["contentType"] == "text/plain"


def test_names_written_with_escapes_are_found_too(case: CaseFile) -> None:
    put(
        case,
        rb'{"resourceType":"Flag","id":"f","subject":{"\u0072eference":"Patient/p"},"x":1.0}',
    )
    run(case, WHOLE)
    assert carried(case, "Flag/f")["subject"]["reference"] == packet_reference("Patient/p")


def test_a_provenance_of_everything_names_what_travels(case: CaseFile) -> None:
    everything = [{"reference": f"Claim/c{number}"} for number in range(10_000)]
    secret = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
                            "code": "SUD"}]}  # fmt: skip
    put(
        case,
        {"resourceType": "Goal", "id": "g", "subject": SUBJECT},
        {
            "resourceType": "Flag",
            "id": "f",
            "status": "inactive",
            "subject": SUBJECT,
            "meta": secret,
        },
        {"resourceType": "Claim", "id": "c7"},
        {
            "resourceType": "Provenance",
            "id": "all",
            "target": [*everything, {"reference": "Goal/g"}, {"reference": "Flag/f"}, SUBJECT],
            "agent": [{"who": {"display": "x"}}],
        },
    )
    run(case, WHOLE)
    assert carried(case, "Provenance/all")["target"] == [
        {"reference": packet_reference("Goal/g")},
        {"reference": packet_reference("Patient/p")},
    ]
    (line,) = (line for line in coverage.lines(case) if line.path == "Provenance.target")
    assert (line.carried, line.dropped) == (1, 10_001)


def test_what_is_cut_is_counted_and_not_told(case: CaseFile) -> None:
    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    secret = {"resourceType": "Condition", "id": "s", "subject": SUBJECT}
    put(
        case,
        {**secret, "meta": {"security": [{"system": act, "code": "SUD"}]}},
        {
            "resourceType": "Encounter",
            "id": "e",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": SUBJECT,
            "text": {"status": "generated", "div": "<div>x</div>"},
            "diagnosis": [
                {"condition": {"reference": "Condition/s"}, "rank": 1},
                {"condition": {"display": "cough"}, "rank": 2},
            ],
        },
    )
    run(case, WHOLE)
    assert {(c.path, c.rule) for c in coverage.changed(case)} == {
        ("Encounter.diagnosis", "withheld-reference"),
        ("Encounter.text", "withheld-reference"),
    }
    dropped = {line.path: line.dropped for line in coverage.lines(case) if line.dropped}
    assert dropped == {"Encounter.diagnosis": 1, "Encounter.text": 1}
    everything = encode(resources(case))
    assert b"withheld-reference" not in everything
    assert b'"transform"' not in everything


@given(
    st.dictionaries(
        st.sampled_from(["modifierExtension", "contained", "_birthDate", "onsetDateTime", "é"]),
        values(),
    )
)
@FEWER
def test_members_without_references_travel_byte_for_byte(parts: dict[str, str]) -> None:
    with TemporaryDirectory() as folder, CaseFile.open(Path(folder)) as case:
        links = Links(case, "")
        carrier = Carrier(links, SOURCE.id, (), Withheld(links), {}, {}, lambda _: None)
    body = "".join(
        f", {json.dumps(name, ensure_ascii=False)} :{text}" for name, text in parts.items()
    )
    data = f'{{"resourceType":"Basic","id":"b"{body}}}'.encode()
    assume(not named(plain_names(data)))
    form = carrier.form("Basic/b", data)
    assert (form.members, form.notes) == (("resourceType", "id", *parts), [])
    top = members(form.body)
    for name, text in parts.items():
        assert canonical(decode(top[name])) == canonical(decode(text.encode()))
        # A record that writes names with escapes, which nobody does, is written anew.
        assert bytes(top[name]) == text.encode() or plain_names(data) != data


@pytest.mark.parametrize(
    "number",
    ["1.50", "-0", "-0.0", "1e2", "1E-7", "123456789012345678901234567890123456789012", "0.10"
     "0000000000000000000000000000000000000001"],
)  # fmt: skip
def test_numbers_travel_letter_for_letter(case: CaseFile, number: str) -> None:
    member = f'"valueQuantity":{{"value":{number}}}'
    body = (
        f'{{"resourceType":"Observation","id":"o",{member},"subject":{encode(SUBJECT).decode()}}}'
    )
    put(case, body.encode())
    run(case, WHOLE)
    (sent,) = case.row("SELECT body FROM entry WHERE source = 'Observation/o'") or ()
    assert member.encode() in sent
