"""Addresses and keys of the source's endpoints stay there, wherever they stand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir.lossless import encode
from connector.packet import Outline
from connector.packet.secrets import REPLACED, Secrets
from connector.store.casefile import CaseFile

from .charts import MAPPINGS, carried, put, request, resources, run

SUBJECT = {"reference": "Patient/p"}
URL = "https://imaging.example/wado/OPAQUE-SECRET-CAPABILITY"
WHOLE = request(scope="whole-chart")
SECRETS = Secrets(MAPPINGS.endpoints)


def endpoint(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Endpoint", "id": "e", "status": "active",
        "identifier": [{"system": "urn:home", "value": "archive-1"}],
        "connectionType": {"code": "dicom-wado-rs"}, "payloadType": [{"text": "DICOM"}],
        "address": URL, "header": ["Authorization: Bearer HEADERSECRET99"],
        "text": {"status": "generated", "div": f"<div>{URL} HEADERSECRET99</div>"},
    } | more  # fmt: skip


def study(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ImagingStudy", "id": "s", "status": "available", "subject": SUBJECT,
        "started": "2026-09-01T10:00:00Z", "modality": [{"code": "MR"}],
        "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.4"}],
    } | more  # fmt: skip


def told(case: CaseFile, outline: Outline) -> bytes:
    return b"".join(map(encode, resources(case))) + repr(outline).encode()


def test_escaped_slashes_hide_no_key(case: CaseFile) -> None:
    note = {"resourceType": "Observation", "id": "o", "status": "final", "subject": SUBJECT,
            "code": {"text": URL}}  # fmt: skip
    put(case, endpoint(), encode(note).replace(b"/", b"\\/"))
    assert b"SECRET" not in told(case, run(case, WHOLE))


@pytest.mark.parametrize("contained", [True, False])
def test_an_endpoint_goes_without_address_and_header(case: CaseFile, *, contained: bool) -> None:
    link = {"reference": "#e", "display": URL} if contained else {"reference": "Endpoint/e"}
    inside = {"contained": [endpoint()]} if contained else {}
    put(case, study(endpoint=[link], description=f"at {URL}/studies", **inside))
    if not contained:
        put(case, endpoint())
    sent = told(case, run(case, WHOLE))
    for secret in (b"OPAQUE-SECRET", b"HEADERSECRET", b"imaging.example"):
        assert secret not in sent
    there = carried(case, "ImagingStudy/s")
    there = there["contained"][0] if contained else carried(case, "Endpoint/e")
    assert there["_address"]["extension"][0]["valueCode"] == "masked"
    assert there["identifier"][0]["value"] == "archive-1"
    assert b"1.2.3.4" in sent


def test_what_replaces_it_is_said_with_the_rule(case: CaseFile) -> None:
    put(case, study(endpoint=[{"reference": "Endpoint/e"}]), endpoint())
    run(case, WHOLE)
    rows = case.rows("SELECT path, rule FROM changed WHERE type = 'Endpoint' ORDER BY path")
    assert ("Endpoint.address", "release-endpoint-secret") in rows
    assert ("Endpoint.header", "release-endpoint-secret") in rows
    changes = [r for r in resources(case) if b"release-endpoint-secret" in encode(r)]
    assert [r["resourceType"] for r in changes] == ["Provenance"]


def test_its_key_is_masked_in_every_other_record(case: CaseFile) -> None:
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "subject": SUBJECT,
              "code": {"text": f"MR {URL}"}, "conclusion": f"Images: {URL}/studies/1 (key"
              " HEADERSECRET99)", "extension": [{"url": "urn:x", "valueUrl": URL}]}  # fmt: skip
    put(case, endpoint(), report)
    assert b"SECRET" not in told(case, run(case, WHOLE))
    assert carried(case, "DiagnosticReport/r")["conclusion"].startswith(f"Images: {REPLACED} (key")


def test_a_host_that_the_mappings_name_may_be_named_without_a_key() -> None:
    rule = MAPPINGS.endpoints.model_copy(update={"named_hosts": frozenset({"images.example"})})
    for address, stays in [
        ("https://images.example/wado", True),
        ("https://images.example/wado?token=abcdefg", False),
        ("https://images.example/wado/a8f7d6e5c4b3a2918070", False),
        ("https://other.example/wado", False),
    ]:
        there: dict[str, Any] = endpoint(address=address)
        Secrets(rule).mask(there)
        assert ("address" in there) is stays
        assert "header" not in there


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/a.pdf?X-Amz-Signature=abcdef0123&X-Amz-Date=1",
        "https://files.example/a.pdf?sv=2024&sig=Zm9vYmFyYmF6",
        "https://files.example/a.pdf#access_token=abcdefgh",
        "https://user:pass@files.example/a.pdf",
        "shlink:/eyJ1cmwiOiJodHRwczovL2V4In0",
        "https://viewer.example/#shlink:/eyJ1cmwiOiJodHRwczovL2V4In0",
        "HTTPS://FILES.EXAMPLE/a?TOKEN=abcdefgh",
    ],
)
def test_a_url_that_is_a_key_is_masked_in_any_element(case: CaseFile, url: str) -> None:
    seen = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "subject": SUBJECT,
        "code": {"text": "x"},
        "note": [{"text": f"see {url} there"}],
        "extension": [{"url": "urn:x", "valueUrl": url}],
        "text": {"status": "generated", "div": f'<div><a href="{url}">x</a></div>'},
    }
    put(case, seen)
    assert url.encode() not in told(case, run(case, WHOLE))
    assert carried(case, "Observation/o")["note"] == [{"text": f"see {REPLACED} there"}]


def test_a_signed_address_of_an_attachment_never_travels(case: CaseFile) -> None:
    url = "https://files.example/a.pdf?sig=Zm9vYmFyYmF6"
    content = [{"attachment": {"url": url, "title": "a"}}]
    document = {"resourceType": "DocumentReference", "id": "d", "status": "current"}
    put(case, document | {"subject": SUBJECT, "content": content})
    assert b"Zm9vYmFyYmF6" not in told(case, run(case, WHOLE))


@pytest.mark.parametrize(
    "text",
    [
        "https://www.example.org/guideline?year=2024&page=3",
        "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter",
        "mailto:dr@example.org",
        "Is it better? ask dr@example.org",
        "https://example.org/a/b/c#section",
    ],
)
def test_other_addresses_stay_byte_for_byte(case: CaseFile, text: str) -> None:
    body = (
        b'{"resourceType":"Observation" ,"id":"o","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value": 1.50},"note":[{"text":' + encode(text) + b"}]}"
    )
    put(case, body)
    run(case, WHOLE)
    (sent,) = case.rows("SELECT body FROM entry WHERE source = 'Observation/o'")
    assert b'"valueQuantity":{"value": 1.50},"note":[{"text":' + encode(text) in sent[0]


@given(st.text())
def test_masking_is_done_once_and_leaves_no_key(text: str) -> None:
    masked = SECRETS.masked(text)
    assert SECRETS.masked(masked) == masked
