"""One sandbox for each test, and a client that speaks FHIR without losing digits."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.fhir.lossless import decode, encode
from tests.sandbox_parts import Sandbox

CHARTS = Path(__file__).parents[2] / "fixtures" / "charts" / "mix"
FHIR = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}


class Client:
    """`requests` against one sandbox. Bodies go out and come back through the lossless codec."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.base = sandbox.base_url
        self.session = requests.Session()

    def send(
        self, method: str, url: str, body: Any = None, **headers: str
    ) -> tuple[requests.Response, Any]:
        """(answer, its decoded body); underscores in header names stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.session.request(
            method,
            url if url.startswith("http") else f"{self.base}/{url}".rstrip("/"),
            data=None if body is None else encode(body),
            headers={**FHIR, **named},
            timeout=10,
        )
        return response, decode(response.content) if response.content else None

    def get(self, url: str, **headers: str) -> Any:
        """The decoded body of a GET that succeeds."""
        response, body = self.send("GET", url, **headers)
        assert response.status_code == 200, body
        return body

    def bundle(self, kind: str, *entries: Any) -> tuple[requests.Response, Any]:
        return self.send(
            "POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
        )

    def pages(self, url: str) -> list[Any]:
        """The pages of a search, first to last."""
        pages = [self.get(url)]
        while target := link(pages[-1], "next"):
            pages.append(self.get(target))
        return pages


def link(page: Any, relation: str) -> str | None:
    return next((item["url"] for item in page["link"] if item["relation"] == relation), None)


def ids(page: Any, mode: str = "match") -> list[str]:
    """`Type/id` of the entries of a mode."""
    return [
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in page.get("entry", [])
        if entry["search"]["mode"] == mode
    ]


def patient(id_: str = "pa", **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, **elements}


def observation(subject: str, **elements: Any) -> dict[str, Any]:
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    return {**resource, "subject": {"reference": subject}, **elements}


def entry(method: str, url: str, resource: Any = None, full_url: str = "", **request: str) -> Any:
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    made |= {"resource": resource} if resource else {}
    return made | ({"fullUrl": full_url} if full_url else {})


def chart_files(*names: str) -> list[bytes]:
    """Chart bundles whose file name begins so, unpacked."""
    return [gzip.decompress(path.read_bytes()) for n in names for path in CHARTS.glob(f"{n}*")]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)
