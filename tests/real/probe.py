"""A FHIR server as the fact tests talk to it, and the small resources they write there."""

import uuid
from typing import Any

import requests

from connector.fhir import lossless
from tests.real.charts import Resource, decode

SYSTEM = "urn:oid:2.25.100797004066340183352339472944377553835"
FRESH = {"Cache-Control": "no-cache"}
FHIR = {"Content-Type": "application/fhir+json"}


class Server:
    """One FHIR base and the few requests these tests make of it."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        # The server closes connections that were idle for a while, and a POST is not repeated.
        self.session.headers["Connection"] = "close"

    def send(self, method: str, path: str, body: Any, **headers: str) -> requests.Response:
        return self.session.request(
            method,
            f"{self.base_url}{path}",
            data=lossless.encode(body),
            headers={**FHIR, **headers},
            timeout=120,
        )

    def transaction(self, *entry: Resource, kind: str = "transaction") -> requests.Response:
        return self.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": list(entry)})

    def read(self, path: str) -> Resource:
        accept = {"Accept": "application/fhir+json"}
        answer = self.session.get(f"{self.base_url}/{path}", headers=accept, timeout=120)
        resource: Resource = decode(answer.content)
        return resource

    def found(self, kind: str, headers: dict[str, str] = FRESH, **query: str) -> list[Resource]:
        url = f"{self.base_url}/{kind}/_search"
        answer = self.session.post(url, data=query, headers=headers, timeout=120)
        assert answer.status_code == 200, answer.text
        return [entry["resource"] for entry in decode(answer.content).get("entry", [])]


def observation(code: str, **more: Any) -> Resource:
    tag = [{"system": SYSTEM, "code": code}]
    return {
        "resourceType": "Observation",
        "meta": {"tag": tag},
        "status": "final",
        "code": {"text": "probe"},
        **more,
    }


def create_once(code: str, resource: Resource) -> Resource:
    kind = resource["resourceType"]
    request = {"method": "POST", "url": kind, "ifNoneExist": f"_tag={SYSTEM}|{code}"}
    return {"fullUrl": f"urn:uuid:{code}", "resource": resource, "request": request}


def fresh_code() -> str:
    return str(uuid.uuid4())
