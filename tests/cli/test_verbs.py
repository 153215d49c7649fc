"""The verbs around the transfer: init, doctor, status, show, try, demo."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from connector.cli import _VERBS
from tests import support
from tests.sandbox_parts import Fault, Quirks, Sandbox


def connector(folder: Path, *arguments: str) -> support.Ran:
    done = subprocess.run(
        [sys.executable, "-m", "connector", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return support.Ran(done.returncode, done.stdout, done.stderr)


def test_the_demo_arrives_whole(tmp_path: Path) -> None:
    ran = connector(tmp_path, "demo")
    assert ran.code == 0, ran
    for words in ("What would leave", "The meeting is at", "Receipt: ", "ServiceRequest/"):
        assert words in ran.out
    assert "REQUIRED" not in ran.out
    receipt = json.loads(next(tmp_path.rglob("receipt.json")).read_text())
    assert {r["status"] for r in receipt["resources"]} == {"verified"}
    assert connector(tmp_path, "demo").code == 0  # its own folder is made anew


@pytest.mark.deep
def test_the_demo_asks_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody answers there
    assert connector(tmp_path, "demo").code == 0


@pytest.mark.deep
def test_the_incomplete_demo_says_what_to_obtain_from_whom(tmp_path: Path) -> None:
    ran = connector(tmp_path, "demo", "--incomplete")
    assert ran.code == 3
    assert "REQUIRED first-opinion-plan" in ran.out
    assert "Ask the physician who gave the first opinion" in ran.out


def test_the_demo_touches_no_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "connector-demo").mkdir()
    (tmp_path / "connector-demo" / "precious").touch()
    assert connector(tmp_path, "demo").code == 2
    assert (tmp_path / "connector-demo" / "precious").exists()


def test_init_writes_files_that_work_and_writes_over_none(tmp_path: Path) -> None:
    assert connector(tmp_path, "init").code == 0
    assert len((tmp_path / "request.yaml").read_text().splitlines()) <= 10
    before = (tmp_path / "connector.toml").read_text()
    assert connector(tmp_path, "init").code == 2
    assert (tmp_path / "connector.toml").read_text() == before
    template = connector(tmp_path, "doctor", "request.yaml")
    assert template.code == 2
    assert "placeholder" in template.err
    request = tmp_path / "request.yaml"
    request.write_text(request.read_text().replace("REPLACE-ME", "p1"))
    doctor = connector(tmp_path, "doctor", "request.yaml")
    assert doctor.code in (6, 7), "both files are read; nobody listens on those ports"


def test_doctor_says_what_is_wrong_with_which_end(world: support.World) -> None:
    request = world.request()
    assert world.cli("doctor", request).code == 0
    assert not world.written()

    world.source.add_fault(Fault("status", r"/Patient\?_summary", status=401))
    ran = world.cli("doctor", request, "--json")
    assert ran.code == 6
    wrong = [check for check in ran.json["checks"] if not check["ok"]]
    assert [(c["end"], c["name"]) for c in wrong] == [("home", "sign-in")]
    assert wrong[0]["fix"]
    world.source.clear_faults()

    with Sandbox(quirks=Quirks(transactions=False)) as batches:
        world.configure(destination_url=batches.base_url)
        assert "ok   outside writes: as batches" in world.cli("doctor").out

    metadata = b'{"resourceType":"CapabilityStatement","fhirVersion":"5.0.0","status":"active"}'
    world.configure()
    world.source.add_fault(Fault("status", r"/metadata", status=200, body=metadata))
    ran = world.cli("doctor")
    assert ran.code == 6
    assert "5.0.0" in ran.out
    assert world.cli("transfer", request).code == 6
    assert not world.written()


def test_status_and_show_tell_of_every_case(world: support.World) -> None:
    assert "No cases yet" in world.cli("status").out
    world.cli("transfer", world.request())
    world.cli("pull", world.request("later.yaml", request_id="SO-2", needed_by="2099-05-05"))
    rows = world.cli("status", "--json").json
    assert [(row["state"], row["exit_code"]) for row in rows] == [("verified", 3), ("pulled", 4)]
    for name in ("SO-1", rows[0]["case"], rows[0]["case"][:6]):
        shown = world.cli("show", name)
        assert shown.code == 3
        assert "REQUIRED allergies" in shown.out
    assert world.cli("show", "SO-3").code == 2


def test_try_needs_no_file_and_goes_on_with_the_same_case(world: support.World) -> None:
    (world.folder / "connector.toml").unlink()
    arguments = (
        "try", world.source_url, world.destination_url, "--patient", world.patient,
        "--key-question", "treatment", "--question", "Operate, or wait?", "--json",
    )  # fmt: skip
    first = world.cli(*arguments)
    assert first.json["state"] == "verified", first
    security = [s["code"] for s in world.there("Task")[0]["meta"]["security"]]
    assert "HTEST" in security
    world.destination.requests.clear()
    assert world.cli(*arguments).json["case"] == first.json["case"]
    assert not world.destination.requests
    assert world.cli("try", "ftp://x", world.destination_url, *arguments[3:]).code == 2


@pytest.mark.deep
def test_each_verb_starts_in_an_interpreter_of_its_own(tmp_path: Path) -> None:
    """`Site.cli` finds all modules loaded: what one verb imports first is seen only here."""
    for verb in _VERBS:
        command = [sys.executable, "-m", "connector", verb, "--help"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), verb


@pytest.mark.parametrize("arguments", [["-h"], ["--version"], ["transfer", "--help"]])
def test_help_is_not_an_error(tmp_path: Path, arguments: list[str]) -> None:
    assert connector(tmp_path, *arguments).code == 0


def test_step_by_step(world: support.World) -> None:
    request = world.request()
    states = [world.cli(verb, request, "--json").json["state"] for verb in ("pull", "map", "push")]
    assert states == ["pulled", "ready", "verified"]
    assert world.cli("verify", request, "--json").json["state"] == "verified"


def test_the_sandbox_asks_for_a_token(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "connector", "sandbox", "--port", "0", "--token-env", "KEY"]
    environment = {**os.environ, "KEY": "open", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            found = re.search(r"http://\S+", running.stdout.readline())
            assert found is not None
            asked = [
                requests.get(f"{found[0]}/Patient", headers=headers, timeout=20).status_code
                for headers in ({}, {"Authorization": "Bearer open"})
            ]
        finally:
            running.terminate()
    assert asked == [401, 200]
