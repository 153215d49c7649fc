"""Attachments kept elsewhere than in their record are fetched, checked and stored."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Waiting
from connector.fhir.lossless import encode
from connector.store.case.casefile import CaseFile
from tests.pull.support import pull, small, source
from tests.sandbox_parts import Fault

CONTENT = b"%PDF-1.7 not really"
OTHER_HASH = base64.b64encode(hashlib.sha1(b"another").digest()).decode()
HASH = base64.b64encode(hashlib.sha1(CONTENT).digest()).decode()
BINARY = {
    "resourceType": "Binary",
    "id": "b",
    "contentType": "application/pdf",
    "data": base64.b64encode(CONTENT).decode(),
}


def document(**attachment: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "doc",
        "subject": {"reference": "Patient/pat"},
        "content": [{"attachment": attachment}],
    }


PDF = {"contentType": "application/pdf"}
GOOD: list[dict[str, Any]] = [
    {"url": "Binary/b", **PDF},
    {"url": "Binary/b"},
    {"url": "Binary/b", "contentType": "application/fhir+json"},
    {"url": "{base}/Binary/b", **PDF, "size": len(CONTENT), "hash": HASH},
]


@pytest.mark.parametrize("attachment", GOOD)
def test_content_is_stored_once_and_whole(tmp_path: Path, attachment: dict[str, Any]) -> None:
    with small(BINARY) as server:
        url = attachment["url"].format(base=server.base_url)
        server.put(document(**{**attachment, "url": url}))
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert pulled.attachments == {url: ("had", CONTENT)}
        assert pulled.gaps == []
        server.requests.clear()
        pull(tmp_path, source(server.base_url), id="pat")
        assert server.requests == []


def about(resource_type: str, **elements: Any) -> dict[str, Any]:
    subject = {"subject": {"reference": "Patient/pat"}}
    return {"resourceType": resource_type, "id": "x", **subject, **elements}


AT = {"url": "Binary/b", **PDF}
CARRIERS = [
    about("DiagnosticReport", presentedForm=[AT]),
    about("Media", content=AT),
    about("Communication", payload=[{"contentAttachment": AT}]),
    about("Consent", sourceAttachment=AT, patient={"reference": "Patient/pat"}),
    {"resourceType": "Patient", "id": "pat", "photo": [AT]},
]


@pytest.mark.parametrize("carrier", CARRIERS, ids=lambda carrier: carrier["resourceType"])
def test_whatever_carries_an_attachment_counts(tmp_path: Path, carrier: dict[str, Any]) -> None:
    with small(BINARY, carrier) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert (pulled.attachments, pulled.gaps) == ({"Binary/b": ("had", CONTENT)}, [])


def test_one_content_under_several_addresses_is_kept_once(tmp_path: Path) -> None:
    with small(BINARY, BINARY | {"id": "b2"}, document(**AT)) as server:
        forms = [{"url": "Binary/b2", **PDF}, {"url": f"{server.base_url}/Binary/b", **PDF}]
        server.put(about("DiagnosticReport", presentedForm=forms))
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert list(pulled.attachments.values()) == [("had", CONTENT)] * 3
    with CaseFile.open(tmp_path) as case:
        (row,) = case.rows("SELECT sha256, body FROM content")
    assert row == (hashlib.sha256(CONTENT).hexdigest(), CONTENT)


@pytest.mark.parametrize("size", [1, 3_000_000])
@pytest.mark.parametrize("stated", ["application/pdf", "application/fhir+json"])
def test_content_of_any_size_arrives_whole(tmp_path: Path, size: int, stated: str) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    data = base64.b64encode(content).decode()
    with small(BINARY | {"data": data}, document(url="Binary/b", contentType=stated)) as server:
        settings = source(server.base_url, attachment_bytes_max=size)
        pulled = pull(tmp_path, settings, id="pat")
    assert (pulled.attachments, pulled.gaps) == ({"Binary/b": ("had", content)}, [])


@pytest.mark.parametrize(
    ("types", "stated", "had"),
    [
        (["application/pdf"], PDF, True),
        (["image/*", "Application/*"], {"contentType": "application/PDF; v=1"}, True),
        (["image/*"], PDF, False),
        (["application/pdf"], {}, True),
        (["image/*"], {}, False),
    ],
)
def test_types_that_are_not_wanted_are_a_gap(
    tmp_path: Path, types: list[str], stated: dict[str, str], had: bool
) -> None:
    with small(BINARY, document(url="Binary/b", **stated)) as server:
        settings = source(server.base_url, attachment_types=types)
        pulled = pull(tmp_path, settings, id="pat")
        asked = [r for r in server.requests if "Binary" in r.path]
    assert [gap.kind for gap in pulled.gaps] == ([] if had else ["not-asked"])
    assert bool(asked) == (had or not stated)  # without a stated type it has to be fetched first


def test_attachments_that_were_had_are_not_asked_again(tmp_path: Path) -> None:
    later = Fault("status", path="Binary/b2", status=503, headers={"Retry-After": "3600"}, times=1)
    with small(BINARY, BINARY | {"id": "b2"}, document(**AT), faults=[later]) as server:
        server.put(about("DiagnosticReport", presentedForm=[{"url": "Binary/b2", **PDF}]))
        settings = source(server.base_url, connections=1)
        with pytest.raises(Waiting):
            pull(tmp_path, settings, id="pat")
        server.requests.clear()
        pulled = pull(tmp_path, settings, id="pat")
        assert [r.path for r in server.requests if "Binary" in r.path] == ["/fhir/Binary/b2"]
    assert list(pulled.attachments.values()) == [("had", CONTENT)] * 2
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("case.db")] == []


def test_a_drop_in_the_middle_of_an_attachment_is_asked_again(tmp_path: Path) -> None:
    content = hashlib.sha512(b"x").digest() * 10_000
    data = base64.b64encode(content).decode()
    cut = Fault("cut-body", path="Binary", times=1)
    with small(BINARY | {"data": data}, document(**AT), faults=[cut]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert (pulled.attachments, pulled.gaps) == ({"Binary/b": ("had", content)}, [])


@pytest.mark.parametrize(
    ("attachment", "kind"),
    [
        ({"url": "Binary/none", **PDF}, "refused"),
        ({"url": "Binary/b", **PDF, "size": 3}, "failed"),
        ({"url": "Binary/b", **PDF, "hash": OTHER_HASH}, "failed"),
        ({"url": "Binary/b", **PDF, "hash": base64.b64decode(OTHER_HASH).hex()}, "failed"),
        ({"url": "Binary/empty", **PDF}, "failed"),
        ({"url": "Binary/empty"}, "failed"),
        ({"url": "Binary/bare", **PDF}, "failed"),
        ({"url": "Binary/bare", "contentType": "application/fhir+json"}, "failed"),
        ({"url": "Binary/b", **PDF, "size": 10_000}, "not-asked"),
        ({"url": "http://elsewhere.invalid/scan.pdf", **PDF}, "refused"),
        ({"url": "urn:oid:1.2.3", **PDF}, "refused"),
    ],
)
def test_content_that_is_not_had_is_a_gap(
    tmp_path: Path, attachment: dict[str, Any], kind: str
) -> None:
    bare = {name: value for name, value in BINARY.items() if name != "data"} | {"id": "bare"}
    empty = {**BINARY, "id": "empty", "data": ""}
    with small(BINARY, bare, empty, document(**attachment)) as server:
        settings = source(server.base_url, attachment_bytes_max=5_000)
        pulled = pull(tmp_path, settings, id="pat")
    assert pulled.gap("attachment (1 of DocumentReference)").kind == kind
    assert pulled.attachments == {attachment["url"]: ("gap", None)}
    assert "DocumentReference/doc" in pulled.records


def test_too_much_content_is_not_kept(tmp_path: Path) -> None:
    with small(BINARY, document(url="Binary/b", **PDF)) as server:
        pulled = pull(tmp_path, source(server.base_url, attachment_bytes_max=5), id="pat")
    assert pulled.gap("attachment (1 of DocumentReference)").kind == "not-asked"
    assert pulled.attachments == {"Binary/b": ("gap", None)}


def test_a_login_page_is_no_document(tmp_path: Path) -> None:
    login = Fault("login-page", path="Binary")
    with small(BINARY, document(url="Binary/b", **PDF), faults=[login]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert pulled.gap("attachment (1 of DocumentReference)").kind == "failed"
        server.clear_faults()
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gaps == []
    assert pulled.attachments == {"Binary/b": ("had", CONTENT)}


def test_content_inside_the_record_needs_nothing(tmp_path: Path) -> None:
    with small(document(data=BINARY["data"], url="Binary/b", **PDF)) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert not [r for r in server.requests if "Binary" in r.path]
    assert (pulled.attachments, pulled.gaps) == ({}, [])


SHA256 = hashlib.sha256(CONTENT).digest()
DATA = base64.b64encode(CONTENT)


@pytest.mark.parametrize(
    "stated",
    [
        HASH.rstrip("="),
        base64.b64decode(HASH).hex(),
        base64.b64decode(HASH).hex().upper(),
        base64.b64encode(SHA256).decode(),
        SHA256.hex(),
        f"sha256:{SHA256.hex()}",
        base64.b64encode(hashlib.sha1(DATA).digest()).decode(),
        hashlib.sha256(DATA).hexdigest(),
        base64.urlsafe_b64encode(hashlib.sha512(CONTENT).digest()).decode(),
        hashlib.md5(CONTENT).hexdigest(),
    ],
)
def test_a_hash_in_another_form_is_recognised(tmp_path: Path, stated: str) -> None:
    with small(BINARY, document(url="Binary/b", **PDF, hash=stated)) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert (pulled.attachments, pulled.gaps) == ({"Binary/b": ("had", CONTENT)}, [])


@pytest.mark.parametrize("stated", ["AAAA", "no hash", "", 7, ["x"], "é" * 28])
def test_a_hash_in_no_form_is_told_and_the_content_kept(tmp_path: Path, stated: Any) -> None:
    with small(BINARY, document(url="Binary/b", **PDF, hash=stated)) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.attachments == {"Binary/b": ("had", CONTENT)}
    gap = pulled.gap("attachment (1 of DocumentReference)")
    assert (gap.kind, "hash" in gap.why, "content.attachment" in gap.why) == (
        "unsupported",
        True,
        True,
    )


def test_a_size_may_be_that_of_the_base64(tmp_path: Path) -> None:
    with small(BINARY, document(url="Binary/b", **PDF, size=len(DATA))) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert (pulled.attachments, pulled.gaps) == ({"Binary/b": ("had", CONTENT)}, [])


@pytest.mark.parametrize("status", [406, 415])
def test_content_that_is_had_as_fhir_alone_is_asked_for_as_fhir(
    tmp_path: Path, status: int
) -> None:
    refused = Fault("status", path="Binary", status=status, times=1)
    with small(BINARY, document(url="Binary/b", **PDF), faults=[refused]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert [r.status for r in server.requests if "Binary" in r.path] == [status, 200]
    assert (pulled.attachments, pulled.gaps) == ({"Binary/b": ("had", CONTENT)}, [])


@pytest.mark.parametrize("stated", ["PDF", "application", "/", "a/b/c", "", 7, ["application/pdf"]])
def test_a_content_type_that_is_none_is_taken_from_what_comes(tmp_path: Path, stated: Any) -> None:
    with small(BINARY, document(url="Binary/b", contentType=stated)) as server:
        settings = source(server.base_url, attachment_types=["application/pdf"])
        pulled = pull(tmp_path, settings, id="pat")
    assert (pulled.attachments, pulled.gaps) == ({"Binary/b": ("had", CONTENT)}, [])


@pytest.mark.parametrize("written", [base64.urlsafe_b64encode, base64.b64encode])
def test_data_without_padding_is_data(tmp_path: Path, written: Any) -> None:
    data = written(CONTENT).decode().rstrip("=")
    refused = Fault("status", path="Binary", status=406, times=1)
    with small(BINARY | {"data": data}, document(url="Binary/b"), faults=[refused]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert (pulled.attachments, pulled.gaps) == ({"Binary/b": ("had", CONTENT)}, [])


@pytest.mark.parametrize(
    "body",
    [
        {**BINARY, "id": "another"},
        {**BINARY, "securityContext": [{"reference": "Patient/other"}]},
        {"text": "x" * 9000, "resourceType": "Bundle"},
        [{"resourceType": "Patient", "id": "other"}],
        b"<!-- " + b"x" * 9000 + b' --><f:Patient xmlns:f="http://hl7.org/fhir"/>',
    ],
)
def test_what_is_not_the_content_that_was_asked_for_is_a_gap(tmp_path: Path, body: Any) -> None:
    sent = body if isinstance(body, bytes) else encode(body)
    fault = Fault("not-json", path="Binary", body=sent)
    with small(document(url="Binary/b", contentType="text/plain"), faults=[fault]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert [status for status, _ in pulled.attachments.values()] == ["gap"]
    assert "attachment (1 of DocumentReference)" in {gap.what for gap in pulled.gaps}


def test_json_that_is_no_fhir_is_content(tmp_path: Path) -> None:
    content = b'[{"a": 1}]'
    fault = Fault("not-json", path="Binary", body=content)
    with small(document(url="Binary/b", contentType="text/plain"), faults=[fault]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.attachments == {"Binary/b": ("had", content)}
