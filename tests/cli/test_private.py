"""No patient data outside the case file and the packet; a full disk; a broken server."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support
from tests.sandbox_parts import Fault

CANARY = "Canary7Q"
# Everywhere a chart can hold what nobody else may read: ids, names, identifiers, text, URLs.
PATIENT = f"{CANARY}-patient"


def plant(world: support.World) -> None:
    source = world.source
    source.put(
        {
            "resourceType": "Patient",
            "id": PATIENT,
            "identifier": [{"system": f"urn:{CANARY}", "value": f"{CANARY}-mrn"}],
            "name": [{"family": f"{CANARY}family", "given": [f"{CANARY}given"]}],
            "birthDate": "1971-03-17",
            "gender": "female",
        }
    )
    subject = {"reference": f"Patient/{PATIENT}", "display": f"{CANARY}display"}
    source.put(
        {
            "resourceType": "Condition",
            "id": f"{CANARY}-condition",
            "subject": subject,
            "code": {"text": f"{CANARY}disease"},
            "asserter": {"reference": f"Practitioner/{CANARY}-gone"},
        }
    )
    source.put(
        {
            "resourceType": "DocumentReference",
            "id": f"{RECORD}-note",
            "status": "current",
            "subject": subject,
            "content": [{"attachment": {"url": f"Binary/{CANARY}-gone", "title": f"{CANARY}t"}}],
        }
    )
    source.put(
        {
            "resourceType": "DocumentReference",
            "id": f"{RECORD}-unknown",
            "status": "current",
            "subject": subject,
            "type": {"text": f"{TITLE}document"},
            "author": [{"display": f"{TITLE}author"}],
            "content": [{"attachment": {"contentType": "text/plain", "data": "eA=="}}],
        }
    )


@pytest.fixture
def private(world: support.World) -> support.World:
    plant(world)
    return world


# The id of a record that lacks something: who looks at the case (`show`, `--json`) has to
# find it at the source; no line for cron and no file outside the case has it.
RECORD = "Record4Q"
# What a record of unknown kind is called, and who wrote it: who decides sees it, in `show` and in
# the dry run, and nobody else.
TITLE = "Title5Q"


def outside_the_case(world: support.World) -> dict[str, bytes]:
    """Every file of the store that is not one of the case's own."""
    return {
        str(path): path.read_bytes()
        for path in world.store.rglob("*")
        if path.is_file() and path.parent.parent.name != "cases"
    }


FAULTS = {
    "none": [],
    "refused": [Fault("status", r"/Condition", status=403, body=f'{{"x":"{CANARY}"}}'.encode())],
    "broken": [Fault("not-json", r"/Condition")],
    "login": [Fault("login-page", r"/Condition")],
    "cut": [Fault("cut-body", r"/")],
    "dropped": [Fault("drop-after", r"/(Condition|DocumentReference)")],
    "elsewhere": [Fault("foreign-next", r"/Condition")],
}


@pytest.mark.parametrize("at", ["source", "destination"])
@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS.keys())
def test_nothing_of_the_patient_is_told(
    private: support.World, faults: list[Fault], at: str
) -> None:
    server = private.source if at == "source" else private.destination
    for fault in faults:
        server.add_fault(fault)
    request = private.request(
        patient={"id": PATIENT}, question=f"{CANARY}question", patient_story=f"{CANARY}story"
    )
    for verb in (["transfer"], ["transfer", "--json"], ["show"], ["show", "--json"], ["status"]):
        ran = private.cli(verb[0], *([request] if verb[0] != "status" else []), *verb[1:])
        assert CANARY not in ran.out + ran.err, (verb, ran)
        assert RECORD not in ran.err
        assert RECORD not in ran.out or verb[0] == "show" or "--json" in verb, (verb, ran)
        assert TITLE not in ran.err
        assert TITLE not in ran.out or verb[0] == "show", (verb, ran)
        assert "Traceback" not in ran.err
    for name, data in outside_the_case(private).items():
        assert CANARY.encode() not in data, name
        assert RECORD.encode() not in data, name
        assert TITLE.encode() not in data, name
        assert b"1971-03-17" not in data, name


def test_neither_log_nor_receipt_tell_of_the_patient(private: support.World) -> None:
    request = private.request(patient={"id": PATIENT})
    ran = private.cli("transfer", request, "--json")
    told = [
        Path(ran.json["receipt"]).read_text(),
        *(private.cli(*line.split()).out for line in ("audit show --json", "audit verify")),
        private.cli("audit", "export", "--out", "events").out,
        private.cli("receipt", "check", ran.json["receipt"], "--json").out,
    ]
    assert all(told)
    assert not [text for text in told if CANARY in text or TITLE in text]
    assert f"Patient/{PATIENT}".encode() in (private.folder / "events").read_bytes()


def test_what_is_of_unknown_kind_is_named_to_who_decides_and_in_no_log(
    private: support.World,
) -> None:
    request = private.request("requests/a.yaml", patient={"id": PATIENT})
    for verb in ("transfer --dry-run", "transfer --dry-run --json", "show", "show --json"):
        name, *options = verb.split()
        ran = private.cli(name, request, *options)
        assert f"{TITLE}document" in ran.out, verb
        assert f"{TITLE}author" in ran.out, verb
        assert TITLE not in ran.err
    for verb in ("sync requests", "sync requests --json", "status", "status --json"):
        ran = private.cli(*verb.split())
        assert TITLE not in ran.out + ran.err, verb
    for name in ("transfer", "map", "push", "verify"):
        for options in ([], ["--json"]):
            ran = private.cli(name, request, *options)
            assert TITLE not in ran.out + ran.err, name
    for path, data in outside_the_case(private).items():
        assert TITLE.encode() not in data, path


def test_files_are_private(private: support.World) -> None:
    private.cli("transfer", private.request(patient={"id": PATIENT}))
    for path in private.store.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_identifiers_travel_in_bodies_not_in_urls(private: support.World) -> None:
    private.configure(destination=f'match_systems = ["urn:{CANARY}"]')
    identifier = {"identifier": f"urn:{CANARY}|{CANARY}-mrn"}
    ran = private.cli("transfer", private.request(patient=identifier), "--json")
    assert ran.json["state"] == "verified", ran
    for server in (private.source, private.destination):
        assert not [r for r in server.requests if f"{CANARY}-mrn" in r.path + r.query]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    size = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if subprocess.run(size, capture_output=True, check=False).returncode != 0:
        pytest.skip("SKIPPED a full disk: mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_nothing_is_half_sent(
    world: support.World, small_disk: Path
) -> None:
    world.configure(extra=f'[store]\npath = "{small_disk}/data"')
    request = world.request(scope="whole-chart")
    ran = world.cli("transfer", request)
    assert ran.code == 1
    assert "disk" in ran.err
    assert "Traceback" not in ran.err
    assert not world.written()
    world.configure()
    assert world.cli("transfer", request, "--json").json["state"] == "verified"
