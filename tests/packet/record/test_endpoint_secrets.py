"""Addresses and keys of the source's endpoints stay there, wherever they stand."""

import base64
import random
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir.lossless import encode
from connector.packet import Outline
from connector.packet.record.capability_url import is_key
from connector.packet.record.endpoint_secrets import REPLACED, Secrets
from connector.store.case.casefile import CaseFile
from tests.packet.charts import MAPPINGS, carried, put, request, resources, run

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
    assert "header" not in there
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
        "https://viewer.example/v/q7Zr2Kd90XbLw4Tn",
        "https://viewer.example/v/9f8e7d6c5b4a39281706f5e4d3c2b1a0/index.html",
        "https://viewer.example/fhir/Patient/1/q7Zr2Kd90XbLw4Tn",
        "https://viewer.example/v?t=Zm9vYmFy",
        "https://viewer.example/v?share=Zm9vYmFy",
        "https://viewer.example/v?share=0f8fad5b-d9cb-469f-a165-70867728950e",
        "https://viewer.example/v?x=q7Zr2Kd90XbLw4Tn",
        "https://viewer.example/v?q7Zr2Kd90XbLw4Tn",
        "https://viewer.example/v?a=1;sig=Zm9vYmFy",
        "https://viewer.example/v#q7Zr2Kd90XbLw4Tn",
        "https://viewer.example/#/v?token=Zm9vYmFy",
        "https://viewer.example/v;token=Zm9vYmFy/1",
        "https://viewer.example/v/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "https%3A%2F%2Fviewer.example%2Fv%3Fsig%3DZm9vYmFy",
        "https%253A%252F%252Fviewer.example%252Fv%253Fsig%253DZm9vYmFy",
        "https://proxy.example/?to=https%3A%2F%2Fviewer.example%2Fv%3Fsig%3DZm9vYmFy",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
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
        "https://example.org/fhir/Patient/eq081-VQEgP8drUUqCWzHfw3",
        "https://example.org/fhir/Patient/0f8fad5b-d9cb-469f-a165-70867728950e/_history/3",
        "https://example.org/fhir/Observation?patient=eq081-VQEgP8drUUqCWzHfw3&code=http://loinc.org|1-8",
        "http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab|6.1.0",
        "https://example.org/studies/1.2.840.113619.2.55.3/series/0f8fad5b-d9cb-469f-a165-70867728950e",
        "urn:oid:2.16.840.1.113883.6.1 urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e",
        "Basic metabolic panel? Bearer certificates. 95%20",
        "Key findings: 12345678; the key: unremarkable; secretion: seromucous",
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


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer Canary7Qx9",
        "Basic " + base64.b64encode(b"viewer:Canary7Q").decode(),
        "X-API-Key: Canary7Q",
        'x-api-key="Canary7Q"',
        "api key = Canary7Q",
        "access_token: Canary7Q",
        "Ocp-Apim-Subscription-Key: Canary7Q",
    ],
)
def test_a_key_in_words_is_masked(case: CaseFile, text: str) -> None:
    note = {"resourceType": "Observation", "id": "o", "status": "final", "subject": SUBJECT,
            "code": {"text": "x"}, "note": [{"text": f"images, {text} there"}]}  # fmt: skip
    put(case, note)
    sent = told(case, run(case, WHOLE))
    assert text.split()[-1].encode() not in sent
    assert b"Canary7Q" not in sent
    assert b"there" in sent


SHORT = "s3cr3tK9"


@pytest.mark.parametrize(
    "more",
    [
        {"address": f"https://imaging.example/wado/{SHORT}"},
        {"address": f"https://imaging.example/wado/{SHORT}/studies"},
        {"address": f"https://imaging.example/wado?x={SHORT}"},
        {"address": f"https://viewer:{SHORT}@imaging.example/wado"},
        {"header": [f"X-API-Key:{SHORT}"]},
        {"extension": [{"url": "urn:x", "valueString": SHORT}]},
        {"extension": [{"url": "urn:x", "extension": [{"url": "k", "valueUri": SHORT}]}]},
        {"_address": {"extension": [{"url": "urn:x", "valueUrl": f"https://i.example/{SHORT}"}]}},
    ],
)
@pytest.mark.parametrize("written", ["see {}", "see ({}).", "https://other.example/v/{}/1"])
def test_a_short_key_of_an_endpoint_stands_nowhere(
    case: CaseFile, more: dict[str, Any], written: str
) -> None:
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "subject": SUBJECT,
              "code": {"text": "MR"}, "conclusion": written.format(SHORT)}  # fmt: skip
    put(case, endpoint(**more), study(endpoint=[{"reference": "Endpoint/e"}]), report)
    assert SHORT.encode() not in told(case, run(case, WHOLE))


@pytest.mark.parametrize("name", ["system", "value"])
@pytest.mark.parametrize("form", ["{}", "https://i.example/v/{}", "urn:door:{}"])
@pytest.mark.parametrize(
    "key", ["q7Zr2Kd90XbLw4Tn", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"]
)
def test_an_identifier_of_an_endpoint_that_is_a_key_stays(
    case: CaseFile, name: str, form: str, key: str
) -> None:
    identifier = {"system": "urn:home", "value": "archive-1"} | {name: form.format(key)}
    note = {"resourceType": "Observation", "id": "o", "status": "final", "subject": SUBJECT,
            "code": {"text": "x"}, "note": [{"text": f"with {key}"}]}  # fmt: skip
    there = endpoint(identifier=[identifier])
    put(case, there, study(endpoint=[{"reference": "Endpoint/e"}]), note)
    assert key.encode() not in told(case, run(case, WHOLE))


def test_codes_in_an_extension_of_an_endpoint_travel(case: CaseFile) -> None:
    kind = {"url": "urn:environment", "valueCode": "prod"}
    there = endpoint(extension=[kind, {"url": "urn:x", "valueString": "a word"}])
    put(case, there, study(endpoint=[{"reference": "Endpoint/e"}], description="a word"))
    run(case, WHOLE)
    first, second = carried(case, "Endpoint/e")["extension"]
    assert first == kind
    assert "valueString" not in second
    assert carried(case, "ImagingStudy/s")["description"] == "a word"


def test_words_of_an_address_and_a_header_are_no_keys() -> None:
    there = endpoint(
        address="https://images.example/dcm4chee-arc/aets/ARCHIVE/wado-rs",
        header=["Accept: application/dicom+json", "Authorization: Bearer HEADERSECRET99"],
    )
    text = "Authorization of dcm4chee-arc: application/dicom+json, wado-rs, ARCHIVE"
    assert Secrets(MAPPINGS.endpoints, [there]).masked(text) == text


def test_the_id_of_a_request_in_meta_source_is_no_key() -> None:
    source = "https://home.example/fhir#PkqfzVzz9vTcyPnW"
    seen = {"resourceType": "Observation", "meta": {"source": source}}
    assert not SECRETS.mask(seen)


_RANDOM = st.integers(0, 2**64).map(lambda seed: random.Random(seed).randbytes(32))


@given(_RANDOM, st.sampled_from(["/v/{}", "/v/{}/series", "/v?x={}", "/v#{}"]))
def test_random_bytes_in_hexadecimal_are_a_key(data: bytes, form: str) -> None:
    assert is_key("https://viewer.example" + form.format(data.hex()), ())
    assert is_key(quote("https://viewer.example" + form.format(data.hex()), safe=""), ())


@given(
    st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True),
    st.sampled_from(["Patient", "Observation", "Binary", "Encounter"]),
)
def test_an_address_of_a_resource_is_no_key(id: str, kind: str) -> None:
    for url in (f"https://h/fhir/{kind}/{id}", f"https://h/fhir/{kind}/{id}/_history/{id}"):
        assert SECRETS.masked(url) == url
    search = f"https://h/fhir/{kind}?patient={id}&_id={id}&_count=50"
    assert SECRETS.masked(search) == search


@given(st.uuids(), st.lists(st.integers(0, 10**6), min_size=2), st.integers(1900, 2100))
def test_names_in_a_url_are_no_key(uuid: Any, arcs: list[int], year: int) -> None:
    oid = ".".join(map(str, arcs))
    for word in (str(uuid), str(uuid).upper(), oid, f"{year}-01-31", f"SomeLongName{year}Edition"):
        for url in (f"https://h/a/{word}", f"https://h/a?year={word}", f"https://h/a#{word}"):
            assert SECRETS.masked(url) == url
