"""Attachments kept elsewhere than in their record are fetched, checked and stored."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox import Fault
from tests.pull.support import pull, small, source

CONTENT = b"%PDF-1.7 not really"
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


@pytest.mark.parametrize(
    ("attachment", "kind"),
    [
        ({"url": "Binary/none", **PDF}, "refused"),
        ({"url": "Binary/b", **PDF, "size": 3}, "failed"),
        ({"url": "Binary/b", **PDF, "hash": "AAAA"}, "failed"),
        ({"url": "Binary/b", **PDF, "size": 10_000}, "not-asked"),
        ({"url": "http://elsewhere.invalid/scan.pdf", **PDF}, "refused"),
        ({"url": "urn:oid:1.2.3", **PDF}, "refused"),
    ],
)
def test_content_that_is_not_had_is_a_gap(
    tmp_path: Path, attachment: dict[str, Any], kind: str
) -> None:
    with small(BINARY, document(**attachment)) as server:
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
