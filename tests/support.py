"""Two FHIR servers, a configuration and the real command line, for tests of the whole way."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sandbox_parts import Sandbox

ROOT = Path(__file__).parent.parent
CHARTS = ROOT / "fixtures" / "charts"
TINY = "mix/Charlene806_Mills423_0c291086-807f-f1b7-0558-1c160a75729c.json.gz"
FACILITIES = (
    "mix/hospitalInformation1793491200000.json.gz",
    "mix/practitionerInformation1793491200000.json.gz",
)
NEEDED_BY = "2099-01-01"

# Each point of a transfer at which a process may be ended (`connector.failpoint`).
STEPS = (
    "send.before",
    "receive.before",
    "receive.after",
    "commit.before",
    "commit.after",
    "ledger.before",
    "ledger.after",
)


_STEPS = os.environ.get("CONNECTOR_STEPS", "few")


def stride(few: int, many: int) -> int:
    """Of the steps of a sweep one in `few` is taken by `make test`, one in `many` by
    `make test-deep`, and each one by `STEPS=all make test-deep`.
    """
    return {"few": few, "many": many, "all": 1}[_STEPS]


@dataclass(frozen=True)
class Ran:
    """What one run of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def chart_bytes(name: str) -> bytes:
    """One chart of fixtures/charts, decompressed."""
    return gzip.decompress((CHARTS / name).read_bytes())


def patient_id(chart: str) -> str:
    """The id of the one Patient in a Synthea chart file: the last part of its name."""
    return chart.removesuffix(".json.gz").rsplit("_", 1)[1]


@dataclass
class Site:
    """A folder with connector.toml and requests, between two FHIR servers."""

    folder: Path
    source_url: str
    destination_url: str
    source_id: uuid.UUID = field(default_factory=uuid.uuid4)
    destination_id: uuid.UUID = field(default_factory=uuid.uuid4)
    patient: str = ""  # of requests that name no other
    named: dict[str, Any] = field(default_factory=dict)  # what every request says besides

    @property
    def store(self) -> Path:
        return self.folder / "connector-data"

    def configure(
        self,
        *,
        source: str = "",
        destination: str = "",
        source_url: str | None = None,
        destination_url: str | None = None,
        environments: tuple[str, str] = ("test", "test"),
        release: str = "auto",
        extra: str = "",
    ) -> Path:
        """Write connector.toml; `source` and `destination` are further lines of those tables."""
        path = self.folder / "connector.toml"
        home = source_url or self.source_url  # none where `source` names files
        path.write_text(
            f"""
[sources.home]
id = "{self.source_id}"
{f'base_url = "{home}"' if home else ""}
environment = "{environments[0]}"
backoff_s = 0.01
organization = {{ name = "Home Hospital" }}
telecom = {{ phone = "+1 555 0100" }}
{source}

[destinations.outside]
id = "{self.destination_id}"
base_url = "{destination_url or self.destination_url}"
environment = "{environments[1]}"
backoff_s = 0.01
{"" if "search_lag_s" in destination else "search_lag_s = 0"}
new_patient = "create"
release = "{release}"
{destination}
{extra}
"""
        )
        return path

    def request(self, name: str = "request.yaml", **changes: Any) -> Path:
        """Write a request file; a field given as None is left out."""
        values: dict[str, Any] = {
            "request_id": "SO-1",
            "patient": {"id": self.patient},
            "key_question": "treatment",
            "question": "Is surgery better than waiting?",
            "needed_by": NEEDED_BY,
            "source": "home",
            "destination": "outside",
        }
        values.update(self.named)
        values.update(changes)
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({k: v for k, v in values.items() if v is not None}))
        return path

    def cli(
        self,
        *arguments: str | Path,
        env: dict[str, str] | None = None,
        stdin: str = "",
        failpoint: str = "",
        log: str = "",
    ) -> Ran:
        """Run the command line as a user does: a process of its own, in the world's folder.

        It is forked from one that has loaded all modules, so that hundreds of runs are cheap.

        `failpoint`: where the process is to die (`connector.failpoint`).
        """
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.loaded"])
        with tempfile.TemporaryDirectory() as ends:
            names = [str(Path(ends) / name) for name in ("in", "out", "err")]
            Path(names[0]).write_text(stdin)
            process = context.Process(
                target=_child,
                args=(
                    str(self.folder),
                    [str(argument) for argument in arguments],
                    {**os.environ, **(env or {})},
                    (failpoint, log),
                    names,
                ),
            )
            process.start()
            process.join(1200)
            assert process.exitcode is not None, "the command did not end"
            return Ran(process.exitcode, *(Path(name).read_text() for name in names[1:]))


class World(Site):
    """A site between two sandboxes."""

    def __init__(self, folder: Path, source: Sandbox, destination: Sandbox, patient: str) -> None:
        super().__init__(folder, source.base_url, destination.base_url, patient=patient)
        self.source = source
        self.destination = destination

    def written(self) -> list[str]:
        """Method and path of every request to the destination that could have written."""
        return [
            f"{request.method} {request.path}"
            for request in self.destination.requests
            if request.method not in ("GET", "HEAD")
            and not request.path.endswith(("/_search", "/$match"))
        ]

    def there(self, resource_type: str | None = None) -> list[dict[str, Any]]:
        """What stands at the destination now."""
        return [
            resource
            for resource in self.destination.resources()
            if resource_type in (None, resource["resourceType"])
        ]


def _child(
    folder: str,
    arguments: list[str],
    environment: dict[str, str],
    failpoint: tuple[str, str],
    names: Sequence[str],
) -> None:
    from connector import cli
    from connector import failpoint as points

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for descriptor, name in enumerate(names):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT), descriptor)
    # As a new interpreter makes them: the forkserver's own may be those of a test's capture.
    sys.stdin, sys.stdout, sys.stderr = (
        open(descriptor, mode, closefd=False)  # noqa: SIM115
        for descriptor, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    points.arm(*failpoint)
    sys.argv = ["connector", *arguments]
    code = cli.run(arguments)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


@contextmanager
def world(folder: Path, *charts: str, **sandbox: Any) -> Iterator[World]:
    """A world whose source holds `charts` (the tiny one if none is named)."""
    with (
        Sandbox(**sandbox.pop("source", {})) as source,
        Sandbox(**sandbox.pop("destination", {})) as destination,
    ):
        for name in (*FACILITIES, *(charts or (TINY,))):
            source.load(chart_bytes(name))
        yield World(folder, source, destination, patient_id((charts or (TINY,))[0]))
