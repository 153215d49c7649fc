"""Exactly one patient at an R4 server, or nothing."""

from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held, SourceFailed
from connector.fhir.lossless import encode
from connector.sandbox import Fault, Sandbox
from tests.pull.support import complete, condition, pull, read, small, source

MRN = "urn:oid:1.2.3"
ONE = {"resourceType": "Patient", "id": "one", "identifier": [{"system": MRN, "value": "77"}]}


def test_a_patient_is_found_by_identifier_which_stays_out_of_urls(tmp_path: Path) -> None:
    with small(ONE, condition("c", patient="one")) as server:
        pulled = pull(tmp_path, source(server.base_url), identifier=f"{MRN}|77")
        assert all("77" not in r.query for r in server.requests)
    assert pulled.records.keys() == {"Patient/one", "Condition/c"}


@pytest.mark.parametrize("count", [0, 2])
def test_none_or_two_are_held(tmp_path: Path, count: int) -> None:
    them = [{**ONE, "id": f"p{n}"} for n in range(count)]
    with small(*them) as server, pytest.raises(Held) as held:
        pull(tmp_path, source(server.base_url), identifier=f"{MRN}|77")
    assert held.value.code == "patient"
    assert "77" not in str(held.value) + held.value.what_to_do
    assert read(tmp_path).records == {}


@pytest.mark.parametrize(
    "elements",
    [
        {"active": False},
        {"link": [{"type": "replaced-by", "other": {"reference": "Patient/pat"}}]},
    ],
)
def test_a_patient_no_longer_used_is_held(tmp_path: Path, elements: dict[str, Any]) -> None:
    with small({**ONE, **elements}) as server, pytest.raises(Held) as held:
        pull(tmp_path, source(server.base_url), id="one")
    assert held.value.code == "patient"


def test_an_unknown_id_is_held_and_not_repeated(tmp_path: Path) -> None:
    with small() as server, pytest.raises(Held) as held:
        pull(tmp_path, source(server.base_url), id="nobody-4711")
    assert "4711" not in str(held.value)


def test_a_case_keeps_its_patient(tmp_path: Path) -> None:
    with small(ONE, faults=[Fault("status", path="Condition", status=403)]) as server:
        pull(tmp_path, source(server.base_url), id="pat")
        with pytest.raises(Held):
            pull(tmp_path, source(server.base_url), id="one")
    assert "Patient/one" not in read(tmp_path).records


@pytest.mark.parametrize("version", ["3.0.2", "4.3.0", "5.0.0"])
def test_only_r4_is_pulled_and_the_version_is_named(tmp_path: Path, version: str) -> None:
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": version}
    other = Fault("status", path="metadata", status=200, body=encode(statement))
    with small(faults=[other]) as server, pytest.raises(SourceFailed, match=version):
        pull(tmp_path, source(server.base_url), id="pat")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("login-page", path="metadata"),
        Fault("status", path="metadata", status=401),
        Fault("drop-before", path="metadata"),
        Fault("status", path="Patient/pat", status=403),
        Fault("login-page", path="Patient/pat"),
    ],
)
def test_a_source_that_shows_no_patient_fails(tmp_path: Path, fault: Fault) -> None:
    with small(faults=[fault]) as server, pytest.raises(SourceFailed) as failed:
        pull(tmp_path, source(server.base_url), id="pat")
    assert failed.value.what_to_do
    assert not complete(tmp_path)


def test_a_source_that_is_down_fails(tmp_path: Path) -> None:
    with Sandbox() as server:
        settings = source(server.base_url)
    with pytest.raises(SourceFailed):
        pull(tmp_path, settings, id="pat")
