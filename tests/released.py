"""Case files and ledgers as the released program left them, one world per state: make and open.

`python -m tests.released FOLDER` makes them with the program it runs in; how those kept were made
is said in fixtures/released/README.md. Everything is synthetic.
"""

import gzip
import io
import json
import re
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from connector.fhir.lossless import decode
from connector.sandbox.references import links
from connector.sandbox.store import Version
from connector.sandbox.terms import terms
from tests import support
from tests.sandbox_parts import Fault, Quirks, Sandbox

RELEASED = support.ROOT / "fixtures" / "released"
PATIENT = "HTEST-1"
# Few types, so that a case file stays small.
TYPES = frozenset({
    "Patient", "Condition", "Observation", "Organization", "Practitioner", "Consent",
    "ServiceRequest", "Task", "Composition", "Provenance", "Device", "PractitionerRole",
    "Communication", "Bundle", "Binary", "DocumentReference",
})  # fmt: skip
SMALL = 'bundle = { kind = "transaction", max_entries = 4 }'
_SOURCE = uuid.UUID("5f1c5d0e-0000-4000-8000-000000000001")
_DESTINATION = uuid.UUID("5f1c5d0e-0000-4000-8000-000000000002")
_SUBJECT = {"reference": f"Patient/{PATIENT}"}
_PERFORMER = {
    "performer": {"organization": {"name": "Second Clinic"}, "telecom": {"phone": "+1 555"}}
}
_TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}


def chart() -> list[dict[str, Any]]:
    """The chart that all of them are about."""
    lab = {"status": "final", "subject": _SUBJECT, "effectiveDateTime": "2026-10-01"}
    code = {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "Hb"}
    kind = "http://terminology.hl7.org/CodeSystem/observation-category"
    laboratory = [{"coding": [{"system": kind, "code": "laboratory"}]}]
    return [
        {"resourceType": "Organization", "id": "home", "name": "Home Hospital"},
        {"resourceType": "Practitioner", "id": "doctor", "name": [{"family": "Testdoctor"}]},
        {"resourceType": "Patient", "id": PATIENT, "meta": {"security": [_TAG]},
         "name": [{"family": "Testpatient", "given": ["Una"]}], "gender": "female",
         "birthDate": "1970-02-03", "managingOrganization": {"reference": "Organization/home"},
         "identifier": [{"system": "urn:oid:1.2.36.146.595.217.0.1", "value": "T-12345"}]},
        {"resourceType": "Condition", "id": "tumour", "subject": _SUBJECT,
         "recordedDate": "2026-09-01", "code": {"text": "Tumour"},
         "asserter": {"reference": "Practitioner/doctor"}},
        *({"resourceType": "Observation", "id": f"lab-{n}", **lab, "code": code,
           "category": laboratory, "valueQuantity": {"value": n + 0.5, "unit": "g/dL"}}
          for n in range(4)),
    ]  # fmt: skip


def denial() -> dict[str, Any]:
    """The patient says that nothing is to leave."""
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope",
             "code": "patient-privacy"}  # fmt: skip
    return {"resourceType": "Consent", "id": "no", "status": "active", "patient": _SUBJECT,
            "scope": {"coding": [scope]}, "category": [{"text": "privacy"}],
            "dateTime": "2026-01-01", "policyRule": {"text": "no"},
            "provision": {"type": "deny"}}  # fmt: skip


def twin(name: str) -> dict[str, Any]:
    """Somebody at the destination who may be the patient."""
    [ours] = [one for one in chart() if one["resourceType"] == "Patient"]
    return {key: value for key, value in ours.items() if key != "managingOrganization"} | {
        "id": name
    }


def configure(world: support.World, settings: dict[str, Any]) -> None:
    """Write connector.toml; the destination "folder" is the folder `share`."""
    if settings["destination"] != "folder":
        world.configure(**settings)
        return
    path = world.configure()
    (world.folder / "share").mkdir(exist_ok=True)
    url = f'base_url = "{world.destination_url}"'
    path.write_text(path.read_text().replace(url, 'folder = "share"'))


class Case:
    """The world of one state, while it is made."""

    def __init__(self, world: support.World) -> None:
        self.world = world
        self.settings: dict[str, Any] = {"destination": SMALL}

    def configure(self, **settings: Any) -> None:
        self.settings = {"destination": SMALL} | settings
        configure(self.world, self.settings)

    def request(self, **changes: Any) -> Path:
        return self.world.request(**{"scope": "whole-chart", **changes})

    def transfer(self, *arguments: str, **changes: Any) -> support.Ran:
        return self.world.cli("transfer", "request.yaml", *arguments, "--json", **changes)

    def delivered(self, **changes: Any) -> None:
        self.request(**changes)
        ran = self.transfer()
        assert ran.json["state"] in ("verified", "accepted"), ran

    def kill(self, want: str, *arguments: str | Path, stdin: str = "") -> None:
        """Run until killed at the first answer after which `want` holds: `state`, or `state:n`
        with n writes that were sent."""
        state, _, writes = want.partition(":")
        before, sent = self.keep(), len(self.world.written())
        for number in range(1, 200):
            ran = self.world.cli(*arguments, stdin=stdin, failpoint=f"receive.before:{number}")
            assert ran.code == 137, (want, ran)
            found = self.world.cli("show", "SO-1", "--json").json["state"]
            if found == state and len(self.world.written()) - sent >= int(writes or 0):
                return
            sent += len(self.world.written()) - sent
            self.back(before)
        raise AssertionError(want)

    def keep(self) -> Path | None:
        kept = self.world.folder / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        if not self.world.store.exists():
            return None
        shutil.copytree(self.world.store, kept)
        self._there = dump(self.world.destination)
        return kept

    def back(self, kept: Path | None) -> None:
        shutil.rmtree(self.world.store, ignore_errors=True)
        self.world.destination._store.__init__()  # type: ignore[misc]
        if kept:
            shutil.copytree(kept, self.world.store)
            load(self.world.destination, self._there)


def opened(case: Case) -> None:
    case.request()
    assert case.transfer(failpoint="receive.after:6").code == 137


def source_failed(case: Case) -> None:
    case.world.source.add_fault(Fault("status", "Patient", status=500))
    case.request()
    assert case.transfer().code == 6


def waiting(case: Case) -> None:
    busy = {"Retry-After": "3600"}
    case.world.source.add_fault(Fault("status", r"/Condition\?", status=429, headers=busy))
    case.request()
    assert case.transfer().json["state"] == "waiting"


def pulled(case: Case) -> None:
    case.world.cli("pull", case.request())


def ready(case: Case) -> None:
    case.request()
    case.transfer("--dry-run")


def awaiting_approval(case: Case) -> None:
    case.configure(release="manual")
    ready(case)


def approved(case: Case) -> None:
    awaiting_approval(case)
    digest = case.world.cli("show", "SO-1", "--json").json["packet_hash"]
    ran = case.world.cli("approve", "SO-1", "--hash", digest, "--by", "A. Person")
    assert ran.code in (0, 3, 4), ran


def held(case: Case) -> None:
    case.world.source.put(denial())
    case.request()
    assert case.transfer().code == 5


def held_patient(case: Case) -> None:
    for name in ("a1", "a2"):
        case.world.destination.put(twin(name))
    case.request()
    assert case.transfer().code == 5


def sending(case: Case) -> None:
    case.kill("sending:2", "transfer", case.request())


def delivered(case: Case) -> None:
    case.kill("delivered", "transfer", case.request())


def announcing(case: Case) -> None:
    case.kill("delivered:1", "transfer", case.request())


def verified(case: Case) -> None:
    case.delivered()


def incomplete(case: Case) -> None:
    case.world.source.add_fault(Fault("status", r"/Condition\?", status=403))
    case.delivered()


def update_open(case: Case) -> None:
    case.delivered()
    case.world.source.put({**chart()[-1], "id": "lab-new"})
    case.kill("sending:1", "transfer", "request.yaml", "--update")


def updated(case: Case) -> None:
    case.delivered()
    case.world.source.put({**chart()[-1], "id": "lab-new"})
    assert case.transfer("--update").json["update"]["number"] == 1


def withheld_since(case: Case) -> None:
    case.delivered()
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SUD"}
    case.world.source.put({**chart()[-1], "meta": {"security": [act]}})
    case.transfer("--update")
    assert case.world.cli("show", "SO-1", "--json").json["withheld_since"]


def refused(case: Case) -> None:
    case.request()
    case.world.destination.add_fault(Fault("status", method="POST", path=r"fhir/?$", status=422))
    ran = case.transfer()
    assert ran.json["state"] == "destination-refused", ran


def differs(case: Case) -> None:
    case.delivered()
    [one] = case.world.there("Condition")
    case.world.destination.put(one | {"recordedDate": "2001-01-01"})
    assert case.world.cli("verify", "SO-1").code == 8


def cancelled(case: Case) -> None:
    case.delivered()
    case.world.cli("cancel", "SO-1", "--by", "A. Person", stdin="wrong team")


def cancelling(case: Case) -> None:
    case.delivered()
    case.kill("verified:1", "cancel", "SO-1", "--by", "A. Person", stdin="wrong team")


def recalled(case: Case) -> None:
    case.delivered()
    case.world.cli("recall", "SO-1", "--by", "A. Person", stdin="wrong patient")


def recalling(case: Case) -> None:
    case.delivered()
    case.kill("verified:2", "recall", "SO-1", "--by", "A. Person", stdin="wrong patient")


def late(case: Case) -> None:
    case.request(needed_by="2026-01-01")
    assert case.transfer().json["state"] == "verified"


def missed(case: Case) -> None:
    case.request(needed_by="2026-01-01")
    case.transfer("--dry-run")


def closed(case: Case) -> None:
    missed(case)
    case.world.cli("close", "SO-1", "--by", "A. Person", stdin="nobody waits")


def accepted(case: Case) -> None:
    case.configure(destination=f'{SMALL}\nread_back = "none"')
    case.delivered()


def document(case: Case) -> None:
    case.configure(destination='bundle = { kind = "document" }')
    case.delivered()


def message(case: Case) -> None:
    case.configure(destination='bundle = { kind = "message" }')
    case.delivered(**_PERFORMER)


def unknown_outcome(case: Case) -> None:
    case.configure(destination='bundle = { kind = "message" }')
    case.world.destination.add_fault(Fault("drop-after", "process-message"))
    case.request(**_PERFORMER)
    ran = case.transfer()
    assert ran.json["state"] == "held", ran


def folder(case: Case) -> None:
    case.configure(destination="folder")
    case.delivered()


STATES: tuple[Callable[[Case], None], ...] = (
    opened, source_failed, waiting, pulled, ready, awaiting_approval, approved, held, held_patient,
    sending, delivered, announcing, verified, incomplete, update_open, updated, withheld_since,
    refused, differs, cancelled, cancelling, recalled, recalling, late, missed, closed, accepted,
    document, message, unknown_outcome, folder,
)  # fmt: skip


def dump(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Every version that a sandbox holds, in the order of writing."""
    versions = [one for history in sandbox._store._history.values() for one in history]
    return [
        {"type": one.type, "id": one.id, "number": one.number,
         "updated": one.updated.isoformat(), "body": one.body.decode()}
        for one in sorted(versions, key=lambda one: one.updated)
    ]  # fmt: skip


def load(sandbox: Sandbox, versions: list[dict[str, Any]]) -> None:
    """Bring a sandbox to what `dump` told of one."""
    for one in versions:
        body = one["body"].encode()
        resource = decode(body) if body else None
        found = links(resource) if resource else ()
        marks = terms(resource, found) if resource else frozenset()
        at = datetime.fromisoformat(one["updated"])
        version = Version(one["type"], one["id"], one["number"], at, body, found, marks)
        sandbox._store.commit([version])


@contextmanager
def _world(folder: Path) -> Iterator[support.World]:
    quirks = Quirks(types=TYPES, messages=0)
    with Sandbox(quirks=quirks) as source, Sandbox(quirks=quirks) as destination:
        for resource in chart():
            source.put(resource)
        made = support.World(folder, source, destination, PATIENT)
        made.source_id, made.destination_id = _SOURCE, _DESTINATION
        yield made


def shown(world: support.World) -> dict[str, Any]:
    """`show --json`, without what depends on where and when it is asked."""
    ran = world.cli("show", "SO-1", "--json")
    text = ran.out.replace(str(world.folder), "FOLDER")
    for name, url in (("SOURCE", world.source_url), ("DESTINATION", world.destination_url)):
        text = text.replace(url, name)
    values: dict[str, Any] = json.loads(re.sub(r"LATE by [^:]*:", "LATE:", text))
    if values["missed"]:
        values["late_minutes"] = "so many"
    return {**values, "code": ran.code}


def make(state: Callable[[Case], None], target: Path) -> None:
    """Make the world of one state with this program, and pack it."""
    with tempfile.TemporaryDirectory() as name, _world(Path(name)) as world:
        case = Case(world)
        case.configure()
        state(case)
        shutil.rmtree(world.folder / "kept", ignore_errors=True)
        ends = {"source": world.source_url, "destination": world.destination_url, "folder": name}
        source, there = dump(world.source), dump(world.destination)
        texts = {"ends": ends, "settings": case.settings, "source": source,
                 "destination": there, "shown": shown(world)}  # fmt: skip
        for key, value in texts.items():
            (world.folder / f"{key}.json").write_text(json.dumps(value, indent=1))
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path in sorted(Path(name).rglob("*")):
                if path.is_file() and not path.name.endswith(("-shm", ".lock", "lock")):
                    tar.add(path, str(path.relative_to(name)))
        label = state.__name__.replace("_", "-")
        (target / f"{label}.tar.gz").write_bytes(gzip.compress(packed.getvalue(), 9, mtime=0))


def packed(state: str, name: str) -> Any:
    """One of the JSON texts beside a packed world: `shown`, `settings`, `ends`."""
    with tarfile.open(RELEASED / f"{state}.tar.gz") as tar:
        found = tar.extractfile(f"{name}.json")
        assert found is not None
        return json.load(found)


@contextmanager
def reopened(state: str, folder: Path) -> Iterator[support.World]:
    """The world of a state as it was left, between two new servers that hold what they held."""
    with tarfile.open(RELEASED / f"{state}.tar.gz") as tar:
        tar.extractall(folder, filter="data")
    texts = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    with _world(folder) as world:
        for sandbox, name in ((world.source, "source"), (world.destination, "destination")):
            sandbox._store.__init__()  # type: ignore[misc]
            load(sandbox, texts[name])
        ends = texts["ends"]
        moved = {
            ends["source"]: world.source_url,
            ends["destination"]: world.destination_url,
            ends["folder"]: str(folder),
        }
        for path in (folder / "connector-data" / "cases").glob("*/case.db"):
            path.parent.chmod(0o700)
            _move(path, moved)
        configure(world, texts["settings"])
        yield world


def _move(path: Path, moved: dict[str, str]) -> None:
    """The servers have other ports now, and the case another folder."""
    with closing(sqlite3.connect(path)) as db, db:
        for table, column in (("fact", "value"), ("query", "url"), ("query", "next_url")):
            for before, now in moved.items():
                db.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (before, now))


if __name__ == "__main__":
    wanted = sys.argv[2:]
    for one in STATES:
        if not wanted or one.__name__ in wanted:
            sys.stderr.write(f"{one.__name__}\n")
            make(one, Path(sys.argv[1]))
