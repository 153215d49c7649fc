"""Real synthetic charts: loaded, served whole, and taken in as transactions."""

from collections import Counter
from typing import Any

import pytest

from connector.fhir.lossless import decode, encode
from tests.sandbox.conftest import Client, chart_files, entry, ids
from tests.sandbox_parts import Sandbox

SHARED = ("hospital", "practitioner")


def test_a_chart_is_loaded_with_its_ids_and_every_reference_resolves(sandbox: Sandbox) -> None:
    files = chart_files(*SHARED, "Lanny")
    for _ in range(2):  # the second time changes nothing
        for file in files:
            sandbox.load(file)
        stored = {f"{r['resourceType']}/{r['id']}": r for r in sandbox.resources()}
    sources = [entry["resource"] for file in files for entry in decode(file)["entry"]]
    assert Counter(list(stored)) == Counter(f"{r['resourceType']}/{r['id']}" for r in sources)
    assert {r["meta"]["versionId"] for r in stored.values()} == {"1"}
    for source in sources:
        source.setdefault("meta", {})
        copy = stored[f"{source['resourceType']}/{source['id']}"]
        assert _without_references(copy) == _without_references(source)
    text = encode(list(stored.values()))
    assert b'"reference":"urn:' not in text
    assert {
        reference for r in stored.values() for reference in _references(r) if "#" not in reference
    } <= set(stored)


def test_a_shared_record_is_loaded_once_under_whatever_id(sandbox: Sandbox) -> None:
    def chart(id_: str) -> bytes:
        doctor = {"resourceType": "Practitioner", "id": id_, "name": [{"text": id_}]}
        doctor |= {"identifier": [{"value": "n"}]}
        once = entry("POST", "Practitioner", doctor, f"urn:uuid:{id_}", ifNoneExist="identifier=n")
        member = {"practitioner": {"reference": f"urn:uuid:{id_}"}}
        role = {"resourceType": "PractitionerRole", "id": f"role-{id_}", **member}
        return encode({"resourceType": "Bundle", "entry": [once, {"resource": role}]})

    sandbox.load(chart("first"))
    sandbox.load(chart("second"))
    stored = sandbox.resources()
    assert [r["id"] for r in stored] == ["first", "role-first", "role-second"]
    assert stored[0]["name"] == [{"text": "first"}]
    assert {r["practitioner"]["reference"] for r in stored[1:]} == {"Practitioner/first"}


def test_a_chart_without_its_practitioners_is_refused(sandbox: Sandbox) -> None:
    [chart] = chart_files("Charlene")
    with pytest.raises(LookupError, match="practitioners' files before it"):
        sandbox.load(chart)


def test_everything_of_a_chart_comes_in_pages(sandbox: Sandbox, client: Client) -> None:
    for file in chart_files(*SHARED, "Charlene", "Noble"):
        sandbox.load(file)
    [chart] = chart_files("Charlene")
    own = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in decode(chart)["entry"]}
    [patient] = [reference for reference in own if reference.startswith("Patient/")]
    pages = client.pages(f"{patient}/$everything")
    found = [reference for page in pages for reference in ids(page)]
    assert len(found) == len(set(found))
    beside = {reference for reference in found if reference not in own}
    assert own <= set(found)
    assert {reference.split("/")[0] for reference in beside} == {
        "Practitioner",
        "Organization",
        "Location",
    }


def test_a_chart_goes_in_as_a_transaction(sandbox: Sandbox, client: Client) -> None:
    for file in chart_files(*SHARED):
        sandbox.load(file)
    before = len(sandbox.resources())
    [chart] = (decode(file) for file in chart_files("Charlene"))
    response, body = client.send("POST", "", chart)
    assert response.status_code == 200, body
    answers = [entry["response"] for entry in body["entry"]]
    assert {answer["status"] for answer in answers} == {"201 Created"}
    assert [answer["location"].split("/")[0] for answer in answers] == [
        entry["resource"]["resourceType"] for entry in chart["entry"]
    ]
    assert len(sandbox.resources()) == before + len(chart["entry"])
    assert client.get("Observation?_summary=count")["total"] == 91


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in _references(item)]
    if not isinstance(value, dict):
        return []
    own = [value["reference"]] if isinstance(value.get("reference"), str) else []
    return own + [found for item in value.values() for found in _references(item)]


def _without_references(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_references(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_references(item)
        for key, item in value.items()
        if key not in ("reference", "versionId", "lastUpdated")
    }
