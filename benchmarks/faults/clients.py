"""The clients under test, each in a process with limits of time and memory.

Every client is told the same: this server, this token, this patient, these two types. What it got
is counted from what it leaves: files, or what it prints type by type.
"""

import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from benchmarks.faults.server import TOKEN
from tests.support import ROOT, Site

MEMORY = 2_000_000_000
_HOME = ROOT / ".cache" / "faults"

_FHIRPY = """
import sys
from fhirpy import SyncFHIRClient
client = SyncFHIRClient(sys.argv[1], authorization="Bearer " + sys.argv[2])
for name in ("Patient", "Immunization", "Condition"):
    search = {"_id": "p"} if name == "Patient" else {"patient": "p"}
    found = client.resources(name).search(**search).limit(10).fetch_all()
    print("got", len({r.id for r in found if r.resourceType == name}), flush=True)
"""
_PYRATE = """
import sys, requests
from fhir_pyrate import Pirate
session = requests.Session()
session.headers["Authorization"] = "Bearer " + sys.argv[2]
pirate = Pirate(base_url=sys.argv[1], auth=session, num_processes=1)
for name in ("Patient", "Immunization", "Condition"):
    search = {"_id": "p"} if name == "Patient" else {"patient": "p", "_count": 10}
    ids = set()
    for bundle in pirate.steal_bundles(name, search):
        ids |= {e.resource.id for e in bundle.entry or [] if e.resource.resourceType == name}
    print("got", len(ids), flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """`got`: distinct records. `code`: exit code, negative for a signal, None: had to be ended."""

    got: int
    code: int | None
    said: frozenset[
        str
    ]  # lines of its output that speak of trouble, without what changes in every run


@dataclass(frozen=True)
class Client:
    """One client: how it is called for a server and a folder, and how its records are counted."""

    name: str
    package: str | None
    command: Callable[[str, Path], list[str]]
    count: Callable[[Path, str], int]


def run(client: Client, base_url: str, folder: Path, limit_s: float) -> Outcome:
    """Let `client` read the patient from `base_url`; `folder` is empty and its own."""
    process = subprocess.Popen(
        client.command(base_url, folder),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT) if client.package is None else ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
    code: int | None
    try:
        said, _ = process.communicate(timeout=limit_s)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the group that was started above
        said, _ = process.communicate()
        code = None
    text = said.decode(errors="replace")
    lines = (_CHANGING.sub("#", line).strip() for line in text.lower().splitlines())
    told = frozenset(line for line in lines if any(word in line for word in _WORDS))
    return Outcome(client.count(folder, text), code, told)


# Handles of cases (hexadecimal), folders of one run, and numbers: another in every run.
_CHANGING = re.compile(rf"\b[0-9a-f]{{12}}\b|{re.escape(gettempdir())}/\S+|\d+")
_WORDS = (
    "error",
    "exception",
    "warn",
    "fail",
    "refused",
    "gap",
    "traceback",
    "come back",
    "missing",
)


def _prepared(package: str) -> Path:
    """The folder of programs of an environment of its own that holds `package`."""
    home = _HOME / package.partition("==")[0]
    if not (home / "bin" / "pip").exists():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "-q", package], check=True)
    return home / "bin"


def _ours(base_url: str, folder: Path) -> list[str]:
    site = Site(folder, base_url, "http://127.0.0.1:1/fhir", patient="p")
    (folder / "token").write_text(TOKEN)
    sign_in = '[sources.home.auth]\ntype = "bearer"\ntoken = { file = "token" }'
    site.configure(source="page_size = 10", extra=sign_in)
    return [sys.executable, "-m", "connector", "pull", str(site.request())]


def _in_case_file(folder: Path, _: str) -> int:
    found = 0
    for path in folder.glob("connector-data/cases/*/case.db"):
        with sqlite3.connect(path) as db:
            found += db.execute("SELECT count(*) FROM record").fetchone()[0]
    return found


def _smart_fetch(base_url: str, folder: Path) -> list[str]:
    program = _prepared("smart-fetch==1.0.3") / "smart-fetch"
    (folder / "token").write_text(TOKEN)
    return [
        str(program), "crawl", "--fhir-url", base_url, "--bearer-token", str(folder / "token"),
        "--type", "Patient,Immunization,Condition", "--id-list", "p", "--no-default-filters",
        "--no-compression", str(folder / "out"),
    ]  # fmt: skip


def _in_files(folder: Path, _: str) -> int:
    lines: set[bytes] = set()
    for name in ("Patient", "Immunization", "Condition"):
        for path in folder.glob(f"out/**/*{name}*.ndjson"):
            lines.update(path.read_bytes().splitlines())
    return len(lines)


def _script(package: str, text: str) -> Callable[[str, Path], list[str]]:
    return lambda base_url, _: [
        str(_prepared(package) / "python"), "-c", text, base_url, TOKEN
    ]  # fmt: skip


def _printed(_: Path, said: str) -> int:
    return sum(int(line.split()[1]) for line in said.splitlines() if line.startswith("got "))


CLIENTS = (
    Client("connector", None, _ours, _in_case_file),
    Client("smart-fetch", "smart-fetch==1.0.3", _smart_fetch, _in_files),
    Client("fhirpy", "fhirpy==2.3.1", _script("fhirpy==2.3.1", _FHIRPY), _printed),
    Client("fhir-pyrate", "fhir-pyrate==0.2.6", _script("fhir-pyrate==0.2.6", _PYRATE), _printed),
)
