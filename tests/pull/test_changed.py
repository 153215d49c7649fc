"""What changes at the source while it is pulled is noticed, and fetched."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connector.progress import Figures, Progress
from tests.pull.support import condition, pull, small, source
from tests.sandbox_parts import Fault, Quirks, Sandbox

GOAL = {"resourceType": "Goal", "id": "g", "subject": {"reference": "Patient/pat"}}
MANY = (*(condition(f"c{n}") for n in range(30)), GOAL)
WANTED = frozenset({"Condition", "Goal"})


def at(note: str, change: Callable[[], Any]) -> Progress:
    """Progress that makes a change at the source once a step is told."""
    left = [note]

    def told(
        step: str,
        done: int,
        total: int | None,
        note: str = "",
        figures: Figures | None = None,
    ) -> None:
        if note in left:
            left.remove(note)
            change()

    return told


def edit(server: Sandbox) -> None:
    server.put(condition("new", evidence=[{"detail": [{"reference": "Observation/o"}]}]))
    server.put(condition("c3", note=[{"text": "corrected"}]))


NO_SINCE = Quirks(everything=False)
DEMANDING = Quirks(everything=False, ignores=frozenset({"_lastUpdated"}))
HAPI = Quirks(software="HAPI FHIR Server", ignores=frozenset({"_since"}))
PASSED_OVER = Quirks(ignores=frozenset({"_since"}), page_max=10)


@pytest.mark.parametrize("way", ["auto", "search", "everything"])
@pytest.mark.parametrize("quirks", [Quirks(), NO_SINCE, DEMANDING, HAPI, PASSED_OVER])
def test_records_that_change_during_the_pull_are_fetched(
    tmp_path: Path, way: str, quirks: Quirks
) -> None:
    if way == "everything" and not quirks.everything:
        pytest.skip("that way needs the operation")
    beside = {"resourceType": "Observation", "id": "o"}
    with small(*MANY, beside, quirks=quirks) as server:
        last = "Patient/$everything 1 page" if way == "everything" else "Goal 1 page"
        settings = source(server.base_url, pull=way, connections=1)
        pulled = pull(tmp_path, settings, WANTED, progress=at(last, lambda: edit(server)), id="pat")
    assert pulled.gaps == []
    assert {"Condition/new", "Observation/o"} <= pulled.records.keys()
    assert pulled.records["Condition/c3"]["note"] == [{"text": "corrected"}]


PART = "Condition?category=others 1 page"


class Restless:
    """Progress at each step of which a record changes."""

    def __init__(self, server: Sandbox) -> None:
        self._server = server
        self._number = count()

    def __call__(
        self,
        step: str,
        done: int,
        total: int | None,
        note: str = "",
        figures: Figures | None = None,
    ) -> None:
        self._server.put(condition("c1", note=[{"text": str(next(self._number))}]))


def test_a_chart_that_does_not_rest_is_left_at_last(tmp_path: Path) -> None:
    with small(*MANY) as server:
        restless = Restless(server)
        pulled = pull(tmp_path, source(server.base_url), progress=restless, id="pat")
    assert pulled.gaps == []
    assert len(pulled.records) == 32


def test_what_waited_for_a_later_run_is_no_older_than_the_rest(tmp_path: Path) -> None:
    with small(*MANY, faults=[Fault("status", path="Goal", status=500)]) as server:
        pull(tmp_path, source(server.base_url), id="pat")
        server.clear_faults()
        edit(server)
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert {"Condition/new", "Goal/g"} <= pulled.records.keys()


def test_a_type_that_was_asked_in_parts_is_asked_so_again(tmp_path: Path) -> None:
    quirks = Quirks(demands=frozenset({"Condition.category"}))
    with small(*MANY, {"resourceType": "Observation", "id": "o"}, quirks=quirks) as server:
        settings = source(server.base_url, connections=1)
        pulled = pull(tmp_path, settings, WANTED, progress=at(PART, lambda: edit(server)), id="pat")
    assert pulled.gaps == []
    assert "Condition/new" in pulled.records
    assert pulled.records["Condition/c3"]["note"] == [{"text": "corrected"}]


def test_a_server_that_can_not_say_is_no_gap(tmp_path: Path) -> None:
    refused = Fault("status", path="_since|_lastUpdated", status=400)
    with small(*MANY, faults=[refused]) as server:
        assert pull(tmp_path, source(server.base_url), WANTED, id="pat").gaps == []
