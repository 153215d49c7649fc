"""Killed at any step, a pull goes on from there: the same chart, no committed page asked again."""

import multiprocessing
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from connector import failpoint
from connector.failpoint import EXIT_KILLED
from connector.store.case.casefile import CaseFile
from connector.store.pulled import earlier
from tests.pull.support import (
    chart_of,
    charts,
    complete,
    condition,
    in_a_process,
    pull,
    read,
    small,
    source,
    truth,
)
from tests.sandbox_parts import Quirks, Sandbox

SERVED = (
    "Patient Condition Encounter Observation Immunization DiagnosticReport DocumentReference"
    " Provenance Practitioner PractitionerRole Organization Location"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    with charts("Charlene", quirks=Quirks(types=frozenset(SERVED.split()))) as running:
        yield running


def run(folder: Path, server: Sandbox, **environment: str) -> int:
    patient = chart_of("Charlene").patient["id"]
    return in_a_process(folder, server.base_url, patient, **environment)


def committed(folder: Path) -> set[tuple[str, str]]:
    with CaseFile.open(folder) as case:
        return set(case.rows("SELECT query, url_sha256 FROM page"))


def asked(server: Sandbox) -> set[str]:
    """Hashes of what was asked, as the pages are known by: relative at first, then as given."""
    base = server.base_url
    found = set()
    for _, path, query, _ in server.requests:
        url = f"{base}{path.partition('/fhir')[2]}?{query}"
        found |= {url, url.removeprefix(f"{base}/")}
    return {sha256(url.encode()).hexdigest() for url in found}


@pytest.fixture(scope="module")
def steps(server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Every step of an undisturbed pull, in order."""
    folder = tmp_path_factory.mktemp("steps")
    assert run(folder / "case", server, CONNECTOR_FAILPOINT_LOG=str(folder / "log")) == 0
    return (folder / "log").read_text().split()


@pytest.mark.parametrize("share", range(0, 100, 10))
def test_a_killed_pull_goes_on(
    server: Sandbox, steps: list[str], tmp_path: Path, share: int
) -> None:
    step = steps[len(steps) * share // 100]
    assert run(tmp_path, server, CONNECTOR_FAILPOINT=step) == EXIT_KILLED
    assert not complete(tmp_path)
    before = committed(tmp_path)
    server.requests.clear()
    expected = chart_of("Charlene")
    pulled = pull(tmp_path, source(server.base_url, page_size=30), id=expected.patient["id"])
    assert pulled.records.keys() == truth(expected)
    assert pulled.gaps == []
    assert before <= committed(tmp_path)
    assert not {page for _, page in before} & asked(server)
    assert read(tmp_path) == pulled


MANY = tuple(condition(f"c{n}") for n in range(25))
SEVERAL = Quirks(
    types=frozenset({"Patient", "Condition", "Observation", "Goal", "Provenance"}),
    demands=frozenset({"Observation.category"}),
)
DIFFERENT = [("Condition", "disappeared", 1), ("Condition", "new", 1)]


@pytest.mark.deep
def test_ended_after_each_commit_in_turn(tmp_path: Path) -> None:
    """A pull, and a second one after changes, each ended after every commit that it makes."""
    with small(*MANY, quirks=SEVERAL) as server:
        settings = source(server.base_url, page_size=10, connections=1)
        whole = pull(tmp_path / "first", settings, id="pat")
        ends = again = 0
        for folder in ended_after_each_commit(tmp_path, server.base_url, None):
            assert pull(folder, settings, id="pat") == whole
            ends += 1
        assert ends > 20
        server.put(condition("new"))
        server.delete("Condition/c3")
        with CaseFile.open(tmp_path / "first") as case, case.commit():
            earlier.begin_again(case, "2020-01-01T00:00:00Z")
            case.state.pull_complete = None
        for folder in ended_after_each_commit(tmp_path, server.base_url, tmp_path / "first"):
            pulled = pull(folder, settings, id="pat")
            assert "Condition/new" in pulled.records
            assert "Condition/c3" not in pulled.records
            assert pulled.gaps == []
            with CaseFile.open(folder) as case:
                assert earlier.changes(case) == DIFFERENT
            again += 1
        assert again > 20


def ended_after_each_commit(folder: Path, base_url: str, begun: Path | None) -> Iterator[Path]:
    """Case files of pulls that ended after their first, second, … commit (copies of `begun`)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.pull.support"])
    for number in range(1, 200):
        at = folder / f"{'again' if begun else 'first'}-{number}"
        if begun:
            shutil.copytree(begun, at)
        process = context.Process(target=pull_until, args=(str(at), base_url, number))
        process.start()
        process.join(60)
        if process.exitcode == 0:
            return
        assert process.exitcode == EXIT_KILLED
        yield at
    raise AssertionError("the pull does not end")


def pull_until(folder: str, base_url: str, number: int) -> None:
    failpoint.arm(f"commit.after:{number}")
    pull(Path(folder), source(base_url, page_size=10, connections=1), id="pat")
