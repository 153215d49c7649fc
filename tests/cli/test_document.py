"""A packet that travels as one FHIR document: created once, read back, compared entry by entry."""

import json
import sqlite3
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.sandbox_parts import Fault, Quirks

AS_DOCUMENT = 'bundle = { kind = "document" }'


@pytest.fixture
def document(world: support.World) -> support.World:
    world.configure(destination=AS_DOCUMENT)
    return world


def sent(world: support.World, *more: str) -> Any:
    return world.cli("transfer", world.request(), "--json", *more).json


def stands(world: support.World) -> dict[str, Any]:
    [bundle] = world.there("Bundle")
    return bundle


def receipt(values: Any) -> Any:
    return json.loads(Path(values["receipt"]).read_text())


def test_it_stands_there_once_and_nothing_else_does(document: support.World) -> None:
    values = sent(document)
    assert values["state"] == "verified", values
    assert document.written() == ["POST /fhir/Bundle"]
    bundle = stands(document)
    assert bundle["type"] == "document"
    assert len(document.there()) == 1
    found = {e["resource"]["resourceType"]: e["resource"] for e in bundle["entry"]}
    assert bundle["entry"][0]["resource"]["resourceType"] == "Composition"
    assert (found["ServiceRequest"]["status"], found["Task"]["status"]) == ("active", "requested")
    assert values["counts"]["sent"] == values["counts"]["verified"] == len(bundle["entry"])
    document.destination.requests.clear()
    assert sent(document)["exit_code"] == values["exit_code"]
    assert document.destination.requests == []


def test_the_receipt_lists_each_entry_by_its_place_in_it(document: support.World) -> None:
    values = sent(document)
    proof, bundle = receipt(values), stands(document)
    assert proof["kind"] == "document"
    urls = {f"Bundle/{bundle['id']}#{entry['fullUrl']}" for entry in bundle["entry"]}
    assert {line["there"] for line in proof["resources"]} == urls
    assert {line["status"] for line in proof["resources"]} == {"verified"}
    assert all(line["sha256_sent"] == line["sha256_read"] for line in proof["resources"])
    assert values["task"].startswith(f"Bundle/{bundle['id']}#urn:uuid:")
    assert document.cli("receipt", "check", values["receipt"]).code == 0
    log = document.cli("audit", "show", "--json").json
    assert [(row["event"], row["outcome"]) for row in log] == [
        ("look-up", "attempted"),
        ("deliver", "attempted"),
        ("announce", "verified"),
    ]
    assert log[1]["resources"] == len(bundle["entry"])


def test_who_the_patient_is_comes_first(document: support.World) -> None:
    [ours] = [r for r in document.source.resources() if r["resourceType"] == "Patient"]
    identifier = ours["identifier"][0]
    document.destination.put({**ours, "id": "theirs", "birthDate": "1901-01-01"})
    document.configure(destination=f'{AS_DOCUMENT}\nmatch_systems = ["{identifier["system"]}"]')
    held = document.cli("transfer", document.request(), "--json")
    assert (held.code, held.json["reasons"][0]["code"]) == (5, "identity")
    assert document.written() == []


@pytest.mark.parametrize("kind", ["drop-after", "drop-before", "cut-body"])
@pytest.mark.parametrize("write", ["conditional", "create"])
def test_a_lost_answer_is_settled_by_searching(
    document: support.World, kind: Any, write: str
) -> None:
    document.configure(destination=f'{AS_DOCUMENT}\nwrite = "{write}"')
    document.destination.add_fault(Fault(kind, "/fhir/Bundle$", "POST", times=1))
    assert sent(document)["state"] == "verified"
    stands(document)
    assert len(document.written()) == (2 if kind == "drop-before" else 1)


def test_a_server_error_after_it_was_stored_is_no_second_one(document: support.World) -> None:
    for kind in ("drop-after", "status"):
        document.destination.add_fault(Fault(kind, "/fhir/Bundle$", "POST", times=1))
    assert sent(document)["state"] == "verified"
    stands(document)


def test_the_ledger_says_what_became_of_one_put_off(document: support.World) -> None:
    later = Fault(
        "status", "/fhir/Bundle$", "POST", status=429, headers={"Retry-After": "7200"}, times=1
    )
    document.destination.add_fault(later)
    assert sent(document)["state"] == "waiting"
    assert sent(document)["state"] == "verified"
    with closing(sqlite3.connect(document.store / "ledger.db")) as ledger:
        rows = ledger.execute("SELECT status, outcome FROM ledger_write ORDER BY write_no")
        assert rows.fetchall() == [(429, "settled by reading"), (200, "done")]


def test_what_is_too_large_stays_here_and_may_be_mended(document: support.World) -> None:
    document.configure(destination='bundle = { kind = "document", max_megabytes = 0.01 }')
    refused = sent(document)
    assert refused["exit_code"] == 7
    assert "larger than max_megabytes = 0.01" in refused["reasons"][0]["why"]
    assert document.written() == []
    document.configure(destination=AS_DOCUMENT)
    assert sent(document)["state"] == "verified"


def test_one_that_is_refused_stands_nowhere_and_may_be_mended(document: support.World) -> None:
    document.destination.add_fault(Fault("status", "/fhir/Bundle$", "POST", status=422, times=1))
    refused = document.cli("transfer", document.request(), "--json")
    assert (refused.code, refused.json["state"]) == (7, "destination-refused")
    mended = document.request(question="Is waiting better than surgery?")
    assert document.cli("transfer", mended, "--json").json["state"] == "verified"
    stands(document)


def test_what_the_server_changes_is_found(tmp_path: Path) -> None:
    with support.world(tmp_path) as world:
        world.configure(destination=AS_DOCUMENT)
        values = sent(world)
        assert values["state"] == "verified"
        bundle = stands(world)
        changed = deepcopy(bundle)
        [entry] = [e for e in changed["entry"] if e["resource"]["resourceType"] == "Task"]
        entry["resource"]["description"] = "changed"
        world.destination.put(changed)
        differs = world.cli("verify", "SO-1", "--json")
        assert (differs.code, differs.json["state"]) == (8, "differs")
        assert "1 Task" in differs.json["reasons"][0]["why"]
        lines = receipt(differs.json)["resources"]
        assert [line["packet"].split("/")[0] for line in lines if line["status"] == "differs"] == [
            "Task"
        ]
        world.destination.put(bundle)
        assert world.cli("verify", "SO-1", "--json").json["state"] == "verified"
        nameless = deepcopy(bundle)
        for entry in nameless["entry"]:
            del entry["resource"]["id"]  # as HAPI does: the fullUrl is its name
        world.destination.put(nameless)
        assert world.cli("verify", "SO-1", "--json").json["state"] == "verified"
        changed = {**bundle, "entry": bundle["entry"][:-1]}
        world.destination.put(changed)
        assert world.cli("verify", "SO-1").code == 8
        world.destination.put({**bundle, "entry": [*bundle["entry"], bundle["entry"][-1]]})
        told = world.cli("verify", "SO-1", "--json")
        assert told.code == 8
        assert "its frame" in told.json["reasons"][0]["why"]


def test_where_nothing_may_be_read_it_is_accepted(tmp_path: Path) -> None:
    blind = Quirks(readable=frozenset({"Patient"}))
    with support.world(tmp_path, destination={"quirks": blind}) as world:
        world.configure(destination=f'{AS_DOCUMENT}\nread_back = "none"')
        world.destination.add_fault(Fault("drop-after", "/fhir/Bundle$", "POST", times=1))
        values = sent(world)
        assert values["state"] == "accepted", values
        stands(world)
        assert world.written() == ["POST /fhir/Bundle"] * 2  # the second found the first
        proof = receipt(values)
        assert {line["status"] for line in proof["resources"]} == {"accepted"}


def test_it_can_not_be_updated_and_that_is_said(document: support.World) -> None:
    folder = document.folder / "requests"
    request = document.request("requests/a.yaml")
    code = document.cli("transfer", request).code
    told = document.cli("transfer", request, "--update")
    assert told.code == 2
    assert "can't be updated" in told.err
    assert document.cli("sync", folder, "--update").code == code  # passed over, as documented
    assert document.written() == ["POST /fhir/Bundle"]
