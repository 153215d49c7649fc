"""Servers that answer an empty search in a way of their own, and those that cap `_count`."""

from pathlib import Path
from typing import Any

import pytest

from connector.errors import SourceFailed
from tests.pull.support import condition, pull, small, source
from tests.sandbox_parts import Fault, Quirks

OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "subject": {"reference": "Patient/pat"},
}
ALL = {"Patient/pat", "Condition/c", "Observation/o"}


@pytest.mark.parametrize(
    ("answer", "how"), [("404", "HTTP 404"), ("warning", "an OperationOutcome that only warns")]
)
def test_it_is_nothing_found_and_told_once(tmp_path: Path, answer: Any, how: str) -> None:
    with small(condition("c"), OBSERVATION, quirks=Quirks(nothing_found=answer)) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.records.keys() == ALL
    [gap] = pulled.gaps
    assert gap.kind == "searched-none"
    assert gap.why == f"{how}: the way in which this server says that nothing was found"
    assert {"AllergyIntolerance", "Immunization"} <= set(gap.what.split(", "))
    assert not {"Condition", "Observation", "Patient"} & set(gap.what.split(", "))


def test_a_404_that_is_not_its_way_is_refused_once(tmp_path: Path) -> None:
    faults = [Fault("status", rf"/fhir/{name}\?", status=404) for name in ("Goal", "Procedure")]
    with small(condition("c"), OBSERVATION, faults=faults) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.records.keys() == ALL
    gap = pulled.gap("Goal, Procedure")
    assert (gap.kind, gap.why[:8]) == ("refused", "HTTP 404")


def test_where_nothing_at_all_is_found_that_is_no_chart(tmp_path: Path) -> None:
    with (
        small(quirks=Quirks(nothing_found="404")) as server,
        pytest.raises(SourceFailed, match="every search"),
    ):
        pull(tmp_path, source(server.base_url), id="pat")


def test_expected_are_all_or_none(tmp_path: Path) -> None:
    faults = [Fault("status", rf"/fhir/{name}\?", status=404) for name in ("Goal", "Procedure")]
    with small(condition("c"), faults=faults) as server:
        settings = source(server.base_url, expected_gaps=("Goal",))
        assert not pull(tmp_path / "one", settings, id="pat").gap("Goal, Procedure").expected
        settings = source(server.base_url, expected_gaps=("Goal", "Procedure"))
        assert pull(tmp_path / "both", settings, id="pat").gap("Goal, Procedure").expected


@pytest.mark.parametrize("most", [100, 50, 10])
def test_a_cap_on_the_page_is_learnt(tmp_path: Path, most: int) -> None:
    several = [condition(f"c{n}") for n in range(12)]
    with small(*several, OBSERVATION, quirks=Quirks(count_max=most)) as server:
        pulled = pull(tmp_path, source(server.base_url, connections=1), id="pat")
        refused = [r for r in server.requests if r.status == 400]
    assert pulled.gaps == []
    assert len(pulled.records) == 14
    assert len(refused) == (1 if most >= 50 else 2)


def test_a_400_for_something_else_costs_no_smaller_pages(tmp_path: Path) -> None:
    quirks = Quirks(demands=frozenset({"Goal.lifecycle-status", "Procedure.code"}))
    with small(condition("c"), quirks=quirks) as server:
        pulled = pull(tmp_path, source(server.base_url, connections=1), id="pat")
        asked = [r.query for r in server.requests if r.path.endswith("/Procedure")]
    assert pulled.gap("Procedure").kind == "refused"
    assert all("_count=200" in query for query in asked)
