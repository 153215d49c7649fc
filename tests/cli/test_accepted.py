"""`connector` at a destination that grants no reading: accepted, said so, and never verified."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.sandbox_parts import Quirks


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[support.World]:
    quirks = Quirks(readable=frozenset({"Patient"}))
    with support.world(tmp_path, destination={"quirks": quirks}) as world:
        world.configure(destination='read_back = "none"')
        yield world


def test_a_transfer_is_accepted_and_said_to_be_no_more(blind: support.World) -> None:
    request = blind.request()
    ran = blind.cli("transfer", request)
    assert ran.code == 3, ran  # as at any destination: records are missing
    assert " accepted: " in ran.out
    for told in (ran.out, blind.cli("show", "SO-1").out):
        assert "not read back" in told
        assert "erified" not in told
    values = blind.cli("show", "SO-1", "--json").json
    counts = values["counts"]
    assert counts["sent"] == counts["accepted"] > 0 == counts["verified"]
    proof = json.loads(Path(values["receipt"]).read_text())
    assert {line["status"] for line in proof["resources"]} == {"accepted"}
    assert [row["outcome"] for row in blind.cli("audit", "show", "--json").json][-1] == "accepted"
    blind.destination.requests.clear()
    assert blind.cli("transfer", request, "--json").json["state"] == "accepted"
    assert blind.destination.requests == []


def test_it_cant_be_verified_and_says_so(blind: support.World) -> None:
    blind.cli("transfer", blind.request())
    told = blind.cli("verify", "SO-1")
    assert told.code == 2
    assert "nothing to read back" in told.err
    assert blind.cli("show", "SO-1", "--json").json["state"] == "accepted"


def test_without_the_setting_it_is_refused_and_named(blind: support.World) -> None:
    blind.configure()
    refused = blind.cli("transfer", blind.request(), "--json")
    assert refused.code == 7
    assert 'read_back = "none"' in refused.json["reasons"][0]["what_to_do"]
    blind.configure(destination='read_back = "none"')
    assert blind.cli("transfer", blind.request(), "--json").json["state"] == "accepted"
    assert [r["status"] for r in blind.there("Task")] == ["requested"]


def test_doctor_knows(blind: support.World) -> None:
    ran = blind.cli("doctor", blind.request(), "--json")
    told = {c["name"]: c["detail"] for c in ran.json["checks"] if c["end"] == "outside"}
    assert ran.code == 0, ran
    assert "not granted" in told["read back"]


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ('write = "put"', "conditional"),
        ('owner = "http://example.org|1"', "name it by its id"),
    ],
)
def test_what_needs_reading_is_refused_with_it(
    blind: support.World, setting: str, words: str
) -> None:
    blind.configure(destination=f'read_back = "none"\n{setting}')
    ran = blind.cli("transfer", blind.request())
    assert ran.code == 2
    assert words in ran.err
