"""Exactly one patient at an R4 server, or nothing."""

from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held, SourceFailed
from connector.fhir.lossless import encode
from tests.pull.support import complete, condition, pull, read, small, source
from tests.sandbox_parts import Fault, Sandbox

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


def merged(**other: Any) -> dict[str, Any]:
    link = [{"type": "replaced-by", "other": {"reference": "Patient/kept"}}]
    return {**ONE, "active": False, "link": link, **other}


KEPT = {**ONE, "id": "kept", "birthDate": "1950-01-02"}


def test_a_merged_record_leads_to_the_one_that_stands(tmp_path: Path) -> None:
    with small(merged(), KEPT, condition("c", patient="kept")) as server:
        pulled = pull(tmp_path, source(server.base_url), id="one")
    assert pulled.records.keys() == {"Patient/kept", "Condition/c"}
    assert "merged" in pulled.gap("Patient").why


@pytest.mark.parametrize(
    "kept",
    [
        {**KEPT, "birthDate": "1950-01-03"},
        {**KEPT, "gender": "male"},
        {**KEPT, "identifier": [{"system": MRN, "value": "78"}]},
        {**KEPT, "active": False},
        {**KEPT, "name": [{"family": "Test", "given": ["Sibling"]}]},
        {**KEPT, "link": [{"type": "replaced-by", "other": {"reference": "Patient/one"}}]},
    ],
)
def test_a_merge_that_the_records_do_not_confirm_is_held(
    tmp_path: Path, kept: dict[str, Any]
) -> None:
    old = merged(
        birthDate="1950-01-02", gender="female", name=[{"family": "Test", "given": ["Ada"]}]
    )
    with small(old, kept) as server, pytest.raises(Held) as held:
        pull(tmp_path, source(server.base_url), id="one")
    assert held.value.code == "patient"
    assert read(tmp_path).records == {}


def meanwhile(**elements: Any) -> Fault:
    """What the patient's record says from the second reading on."""
    body = {"resourceType": "Patient", "id": "pat", "name": [{"family": "Test"}], **elements}
    return Fault("status", path="Patient/pat$", status=200, body=encode(body), skip=1)


def test_a_patient_merged_away_during_the_pull_is_held(tmp_path: Path) -> None:
    link = [{"type": "replaced-by", "other": {"reference": "Patient/one"}}]
    with small(ONE, faults=[meanwhile(link=link)]) as server, pytest.raises(Held, match="while"):
        pull(tmp_path, source(server.base_url), id="pat")
    assert not complete(tmp_path)


@pytest.mark.parametrize(("element", "times"), [("link", 2), ("telecom", 1)])
def test_records_that_moved_here_during_the_pull_are_asked_for(
    tmp_path: Path, element: str, times: int
) -> None:
    values = {
        "link": [{"type": "replaces", "other": {"reference": "Patient/one"}}],
        "telecom": [{"system": "phone", "value": "1"}],
    }
    change = meanwhile(**{element: values[element]})
    with small(ONE, condition("c"), faults=[change]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert len([r for r in server.requests if r.path.endswith("/Condition")]) == times
    assert element in pulled.records["Patient/pat"]


def test_an_unknown_id_is_held_and_not_repeated(tmp_path: Path) -> None:
    with small() as server, pytest.raises(Held) as held:
        pull(tmp_path, source(server.base_url), id="nobody-4711")
    assert "4711" not in str(held.value)


def test_another_record_than_was_asked_for_is_held(tmp_path: Path) -> None:
    other = Fault("status", path="/Patient/one$", status=200, body=encode({**ONE, "id": "two"}))
    with small(ONE, condition("c", "two"), faults=[other]) as server, pytest.raises(Held) as held:
        pull(tmp_path, source(server.base_url), id="one")
    assert held.value.code == "patient"
    assert read(tmp_path).records == {}


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
