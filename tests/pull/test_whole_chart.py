"""A chart comes whole: by search and by $everything the same, equal to what the files hold."""

from pathlib import Path
from typing import Any

import pytest

from connector.fhir.equality import Verdict, relation
from connector.fhir.lossless import encode
from tests.pull.support import (
    NAMES,
    chart_of,
    charts,
    complete,
    condition,
    pull,
    small,
    source,
    truth,
)
from tests.real.charts import key
from tests.sandbox_parts import Quirks


@pytest.mark.parametrize("way", ["auto", "search", "everything"])
def test_the_chart_is_what_the_files_hold(tmp_path: Path, way: str) -> None:
    expected = chart_of("Lanny")
    with charts(*NAMES) as server:
        settings = source(server.base_url, pull=way, page_size=60)
        pulled = pull(tmp_path, settings, id=expected.patient["id"])
    assert pulled.records.keys() == truth(expected)
    assert pulled.gaps == []
    assert complete(tmp_path)
    by_key = {key(r): r for r in (*expected.shared, *expected.records)}
    for name, body in pulled.bodies.items():
        assert relation(encode(by_key[name]), body).verdict is Verdict.EQUAL, name


def test_nothing_is_asked_when_nothing_is_left_to_ask(tmp_path: Path) -> None:
    with charts("Charlene") as server:
        patient = chart_of("Charlene").patient["id"]
        first = pull(tmp_path, source(server.base_url), id=patient)
        server.requests.clear()
        assert pull(tmp_path, source(server.base_url), id=patient) == first
        assert server.requests == []


def test_numbers_and_layout_stay_as_the_source_wrote_them(tmp_path: Path) -> None:
    with small({**condition("c"), "extension": [{"url": "u:x", "valueDecimal": 1}]}) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert pulled.bodies["Condition/c"] in [encode(r) for r in server.resources()]


# Device and Task are not in the R4 patient compartment; nothing refers to a Provenance.
PLANTED: list[dict[str, Any]] = [
    {"resourceType": "Device", "id": "dev", "patient": {"reference": "Patient/pat"}},
    {"resourceType": "Task", "id": "task", "for": {"reference": "Patient/pat"}},
    condition("c1", evidence=[{"detail": [{"reference": "Observation/o1"}]}]),
    {
        "resourceType": "Observation",
        "id": "o1",
        "subject": {"reference": "Patient/pat"},
        "hasMember": [{"reference": "Observation/o2"}],
    },
    {  # found by reference alone, and part of a circle
        "resourceType": "Observation",
        "id": "o2",
        "hasMember": [{"reference": "Observation/o1"}],
        "specimen": {"reference": "Specimen/s1"},
    },
    {"resourceType": "Specimen", "id": "s1"},
    {
        "resourceType": "MedicationRequest",
        "id": "mr",
        "subject": {"reference": "Patient/pat"},
        "medicationReference": {"reference": "Medication/m1"},
    },
    {
        "resourceType": "Medication",
        "id": "m1",
        "ingredient": [{"itemReference": {"reference": "Medication/m2"}}],
    },
    {
        "resourceType": "Medication",
        "id": "m2",
        "manufacturer": {"reference": "Organization/maker"},
    },
    {"resourceType": "Organization", "id": "maker", "partOf": {"reference": "Organization/group"}},
    {"resourceType": "Organization", "id": "group"},
    {
        "resourceType": "Provenance",
        "id": "p1",
        "target": [{"reference": "Specimen/s1"}, {"reference": "Condition/of-somebody-else"}],
        "agent": [{"who": {"reference": "Practitioner/wrote"}}],
    },
    {"resourceType": "Practitioner", "id": "wrote"},
    {"resourceType": "Practitioner", "id": "stranger"},  # nothing leads here
]


@pytest.mark.parametrize("way", ["search", "everything"])
def test_planted_records_are_found_and_strangers_are_not(tmp_path: Path, way: str) -> None:
    with small(*PLANTED) as server:
        pulled = pull(tmp_path, source(server.base_url, pull=way), id="pat")
    expected = {key(r) for r in PLANTED} - {"Practitioner/stranger"} | {"Patient/pat"}
    assert pulled.records.keys() == expected
    assert pulled.gaps == []


def test_what_only_a_left_out_record_leads_to_is_left_out(tmp_path: Path) -> None:
    claim = {
        "resourceType": "Claim",
        "id": "cl",
        "patient": {"reference": "Patient/pat"},
        "provider": {"reference": "Practitioner/biller"},
    }
    biller = {"resourceType": "Practitioner", "id": "biller"}
    with small(condition("c"), claim, biller) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="everything"), id="pat")
        assert [r.path for r in server.requests if "Practitioner" in r.path] == []
    assert pulled.records.keys() == {"Patient/pat", "Condition/c"}


def test_hundreds_of_provenances_come_by_hundreds_of_records(tmp_path: Path) -> None:
    records = [condition(f"c{n}") for n in range(450)]
    said = [
        {
            "resourceType": "Provenance",
            "id": f"p{n}",
            "target": [{"reference": f"Condition/c{n}"}],
        }
        for n in range(0, 450, 9)
    ]
    with small(*records, *said) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        asked = [r for r in server.requests if "/Provenance" in r.path]
    assert {name for name in pulled.records if name.startswith("Provenance")} == {
        key(r) for r in said
    }
    assert len(asked) == 3  # a search for 200 records, not one for each


def test_a_type_that_is_not_declared_is_not_asked_for(tmp_path: Path) -> None:
    served = frozenset({"Patient", "Condition"})
    with small(condition("c"), quirks=Quirks(types=served)) as server:
        wanted = frozenset({"Condition", "Goal"})
        pulled = pull(tmp_path, source(server.base_url), wanted, id="pat")
        assert {r.status for r in server.requests} == {200}
    assert [(g.what, g.kind) for g in pulled.gaps] == [("Goal", "unsupported")]
