"""Killed at any step, a pull goes on from there: the same chart, no committed page asked again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from connector.failpoint import EXIT_KILLED
from connector.sandbox import Quirks, Sandbox
from connector.store.casefile import CaseFile
from tests.pull.support import chart_of, charts, complete, pull, read, source, truth

ROOT = Path(__file__).parents[2]
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
    command = [sys.executable, "-m", "tests.pull.child", str(folder), server.base_url, patient]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, check=False
    ).returncode


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
