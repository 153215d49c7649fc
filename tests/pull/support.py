"""One source, one patient, one case file, and what the chart must be, from the files alone."""

import gzip
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.endpoint import Endpoint
from connector.fhir.lossless import decode
from connector.gap import Gap
from connector.progress import Progress, silent
from connector.pull import pull_chart, types_of_chart
from connector.request import PatientChoice, Request
from connector.settings import Auth, Secret, Source
from connector.store.case import gaps
from connector.store.case.casefile import CaseFile
from connector.store.pulled import chart
from tests.real.charts import FIXTURES, SHARED, Chart, Resource, key, read_chart, references
from tests.sandbox_parts import Sandbox
from tests.support import ROOT

NEVER = frozenset({"Claim", "ExplanationOfBenefit", "AuditEvent", "Account"})
# What is in a chart because something of the patient's refers to it.
ACTORS = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location"})
NAMES = ("Charlene", "Noble", "Lanny")
SOURCE_ID = uuid.UUID("4f0f3c88-58a1-4f2f-8ad5-0f6c4a4f9b11")


@dataclass(frozen=True)
class Pulled:
    """A chart as one pull left it: `Type/id` → decoded record, and the rest of the case file."""

    records: Mapping[str, Resource]
    bodies: Mapping[str, bytes]
    gaps: list[Gap]
    targets: Mapping[str, tuple[str, str, str]]
    attachments: Mapping[str, tuple[str, bytes | None]]

    def gap(self, what: str) -> Gap:
        found = [gap for gap in self.gaps if gap.what == what]
        assert len(found) == 1, self.gaps
        return found[0]


def source(base_url: str, **settings: Any) -> Source:
    # By searches alone: `auto` fills a hole by other ways, and a test of holes looks at them.
    quick: dict[str, Any] = {"pull": "search", "attempts": 2, "backoff_s": 0}
    quick |= {"id": SOURCE_ID, "environment": "test"}
    return Source(base_url=base_url, **{**quick, **settings})


def request(**patient: str) -> Request:
    return Request(
        request_id="r1",
        patient=PatientChoice(**patient),
        key_question="treatment",
        question="Is there another way?",
        source="home",
        destination="away",
        needed_by="2099-01-01",
    )


def pull(
    folder: Path,
    settings: Source,
    wanted: frozenset[str] = frozenset(),
    never: frozenset[str] = NEVER,
    progress: Progress = silent,
    **patient: str,
) -> Pulled:
    """Pull into the case file in `folder`, and read it all."""
    with CaseFile.open(folder) as case:
        pull_chart(
            case,
            request(**patient),
            Endpoint(settings, "source", types=types_of_chart(never)),
            settings,
            never_types=never,
            wanted_types=wanted,
            progress=progress,
        )
    return read(folder)


def in_a_process(
    folder: Path, base_url: str, patient: str, way: str = "auto", **environment: str
) -> int:
    """A pull in a process of its own, which a failpoint in `environment` may end; its exit code."""
    command = [sys.executable, "-m", "tests.pull.child", str(folder), base_url, patient, way]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False)
    return done.returncode


def read(folder: Path) -> Pulled:
    with CaseFile.open(folder) as case:
        bodies = {f"{r.type}/{r.id}": r.body for r in chart.records(case)}
        return Pulled(
            records={name: decode(body) for name, body in bodies.items()},
            bodies=bodies,
            gaps=gaps.of(case),
            targets={r: (t, i, s) for r, t, i, s in case.rows("SELECT * FROM target")},
            attachments={
                url: (status, body)
                for url, status, body in case.rows(
                    "SELECT url, status, body FROM attachment LEFT JOIN content USING (sha256)"
                )
            },
        )


def complete(folder: Path) -> bool:
    with CaseFile.open(folder) as case:
        return bool(case.state.pull_complete)


def chart_of(name: str) -> Chart:
    (path,) = FIXTURES.glob(f"mix/{name}*")
    return read_chart(path)


def truth(of: Chart) -> set[str]:
    """`Type/id` of the chart: the patient's own records and whatever they lead to."""
    by_key = {key(r): r for r in (*of.shared, *of.records)}
    ahead = [key(r) for r in of.records if r["resourceType"] not in NEVER | ACTORS]
    found: set[str] = set()
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [t for t in references(by_key[name]) if t in by_key and _may(t)]
    return found


def _may(target: str) -> bool:
    return target.partition("/")[0] not in NEVER


@contextmanager
def charts(*names: str, **sandbox: Any) -> Iterator[Sandbox]:
    """A sandbox that holds these charts of fixtures/charts/mix, and what they share."""
    with Sandbox(**sandbox) as server:
        for begin in (*SHARED, *names):
            for path in FIXTURES.glob(f"mix/{begin}*"):
                server.load(gzip.decompress(path.read_bytes()))
        yield server


@contextmanager
def small(*resources: Resource, **sandbox: Any) -> Iterator[Sandbox]:
    """A sandbox with patient `pat` and `resources`."""
    with Sandbox(**sandbox) as server:
        server.put({"resourceType": "Patient", "id": "pat", "name": [{"family": "Test"}]})
        for resource in resources:
            server.put(resource)
        yield server


def condition(resource_id: str, patient: str = "pat", **elements: Any) -> Resource:
    return {
        "resourceType": "Condition",
        "id": resource_id,
        "subject": {"reference": f"Patient/{patient}"},
        **elements,
    }


def bearer(token_file: Path, token: str) -> Auth:
    token_file.write_text(token)
    return Auth(type="bearer", token=Secret(file=token_file))
