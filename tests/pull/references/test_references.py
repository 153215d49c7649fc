"""References are followed to their end, and never into somebody else's records."""

from pathlib import Path
from typing import Any

import pytest

from tests.pull.support import condition, pull, small, source
from tests.sandbox_parts import Fault

NPI = "http://hl7.org/fhir/sid/us-npi"


def doctor(resource_id: str, npi: str = "1") -> dict[str, Any]:
    identifier = [{"system": NPI, "value": npi}]
    return {"resourceType": "Practitioner", "id": resource_id, "identifier": identifier}


def by(reference: str) -> dict[str, Any]:
    return condition("c", asserter={"reference": reference})


def test_a_conditional_reference_is_resolved_at_the_source(tmp_path: Path) -> None:
    written = f"Practitioner?identifier={NPI}|1"
    with small(by(written), doctor("d1"), doctor("d2", "2")) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        posted = [r for r in server.requests if r.path.endswith("Practitioner/_search")]
        assert [(r.method, r.query) for r in posted] == [("POST", "")]
    assert "Practitioner/d1" in pulled.records
    assert "Practitioner/d2" not in pulled.records
    assert pulled.targets[written] == ("Practitioner", "d1", "had")


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ([], "no record answers a conditional reference"),
        (["d1", "d2"], "several records answer a conditional reference"),
    ],
)
def test_none_or_many_is_a_gap(tmp_path: Path, there: list[str], why: str) -> None:
    written = f"Practitioner?identifier={NPI}|1"
    with small(by(written), *map(doctor, there)) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    gap = pulled.gap("Practitioner (1 referenced)")
    assert (gap.kind, gap.why) == ("failed", why)
    assert pulled.targets[written][2] == "gap"


@pytest.mark.parametrize("form", ["{base}/Practitioner/d1", "Practitioner/d1/_history/1"])
def test_other_spellings_of_a_reference_come_to_the_same_record(tmp_path: Path, form: str) -> None:
    with small(doctor("d1")) as server:
        written = form.format(base=server.base_url)
        server.put(by(written))
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert "Practitioner/d1" in pulled.records
    assert pulled.targets[written] == ("Practitioner", "d1", "had")


@pytest.mark.parametrize(
    ("reference", "what", "kind"),
    [
        ("Practitioner/gone", "Practitioner (1 referenced)", "refused"),
        ("http://elsewhere.invalid/fhir/Practitioner/1", "elsewhere (1 referenced)", "not-asked"),
        (
            "urn:uuid:7f0c3a50-1c1f-4c0e-9f58-2d8a3a3e3f10",
            "elsewhere (1 referenced)",
            "unsupported",
        ),
        ("Patient/other", "Patient (1 referenced)", "not-asked"),
        ("Condition/theirs", "Condition (1 referenced)", "not-asked"),
        ("Group/ward", "Group (1 referenced)", "not-asked"),
    ],
)
def test_what_is_not_had_is_a_gap_without_any_id(
    tmp_path: Path, reference: str, what: str, kind: str
) -> None:
    others = (
        {"resourceType": "Patient", "id": "other"},
        condition("theirs", patient="other"),
        {"resourceType": "Group", "id": "ward"},
    )
    with small(by(reference), *others) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert not [r for r in server.requests if r.path.endswith(("Patient/other", "Group/ward"))]
    assert pulled.gap(what).kind == kind
    assert reference not in pulled.gap(what).why
    assert pulled.targets[reference][2] == "gap"
    assert pulled.records.keys() == {"Patient/pat", "Condition/c"}


def test_contained_and_never_carried_targets_are_no_gaps(tmp_path: Path) -> None:
    refers = condition("c", asserter={"reference": "#in"}, recorder={"reference": "Claim/x"})
    with small(refers) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert not [r for r in server.requests if r.path.endswith("/Claim/x")]
    assert pulled.gaps == []


def test_what_one_search_does_not_bring_is_read_alone(tmp_path: Path) -> None:
    refers = condition(
        "c",
        asserter={"reference": "Practitioner/d1"},
        recorder={"reference": "Practitioner/d2"},
    )
    broken = Fault("status", path="Practitioner/_search", status=500)
    with small(refers, doctor("d1"), doctor("d2"), faults=[broken]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert {"Practitioner/d1", "Practitioner/d2"} <= pulled.records.keys()
    assert pulled.gaps == []


def test_every_spelling_of_a_missing_record_is_settled_and_counted_once(tmp_path: Path) -> None:
    with small() as server:
        spelled = (
            "Practitioner/x",
            f"{server.base_url}/Practitioner/x",
            "Practitioner/x/_history/3",
        )
        for number, reference in enumerate(spelled):
            server.put({**by(reference), "id": f"c{number}"})
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert [pulled.targets[reference][2] for reference in spelled] == ["gap"] * 3
    assert [gap.what for gap in pulled.gaps] == ["Practitioner (1 referenced)"]


def test_a_reference_that_was_a_gap_is_tried_again(tmp_path: Path) -> None:
    with small(by("Practitioner/d1")) as server:
        assert pull(tmp_path, source(server.base_url), id="pat").gaps
        server.put(doctor("d1"))
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gaps == []
    assert "Practitioner/d1" in pulled.records


def test_many_references_take_few_requests(tmp_path: Path) -> None:
    team = [{"member": {"reference": f"Practitioner/d{n}"}} for n in range(120)]
    care = {
        "resourceType": "CareTeam",
        "id": "t",
        "subject": {"reference": "Patient/pat"},
        "participant": team,
    }
    with small(care, *(doctor(f"d{n}") for n in range(120))) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        asked = [r for r in server.requests if "/Practitioner" in r.path]
    assert len(pulled.records) == 122
    assert len(asked) == 3


@pytest.mark.parametrize("odd", ["a,b", "a b", "a&b", "ä", "a+b", "x" * 65])
def test_what_was_said_of_a_record_with_an_odd_id_is_not_asked_for_ever(
    tmp_path: Path, odd: str
) -> None:
    with small(condition("c"), condition(odd)) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        asked = [request for request in server.requests if "Provenance" in request.path]
    assert {"Condition/c", f"Condition/{odd}"} <= set(pulled.records)
    assert len(asked) == 1
