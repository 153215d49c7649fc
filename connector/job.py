"""One case, and what is needed to work on it: its request, both ends, the rules, a clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import packet
from .config import Config, same_environment, two_ends
from .errors import UsageError
from .fhir.ids import case_handle
from .progress import Progress, silent
from .request import Request
from .settings import Destination, Source

REASON_MAX = 4000  # characters


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Job:
    """One case and everything needed to bring it on its way."""

    config: Config
    request: Request
    source: Source
    destination: Destination
    mappings: packet.Mappings
    progress: Progress = silent
    file: Path | None = None  # of the request, where it was read from one
    clock: Callable[[], datetime] = _now

    @property
    def handle(self) -> str:
        return case_handle(self.source.id, self.request.request_id)

    @property
    def folder(self) -> Path:
        return case_folder(self.config, self.handle)

    @property
    def checklist(self) -> packet.Checklist:
        """What its kind of case needs, and its destination's programme besides."""
        return self.mappings.checklist(self.request.case_type, self.destination.programme)


def case_folder(config: Config, handle: str) -> Path:
    """Where the case called `handle` is kept."""
    return config.store.path / "cases" / handle


def prepare(
    config: Config,
    request: Request,
    mappings: packet.Mappings,
    progress: Progress = silent,
    file: Path | None = None,
    clock: Callable[[], datetime] = _now,
) -> Job:
    """A job for one request. `UsageError` if it can't be: unknown endpoint, test to production."""
    source = config.source(request.source)
    destination = packet.settled(config.destination(request.destination), mappings)
    same_environment(source, destination)
    two_ends(source, destination)
    job = Job(config, request, source, destination, mappings, progress, file, clock)
    packet.known_items(job.checklist, request)
    if request.scope == "whole-chart" and destination.accepts.scope == "checklist":
        raise UsageError(
            "scope: the destination accepts the checklist's records only, not the whole chart",
            "Leave scope out of the request, or change `accepts` of the destination.",
        )
    return job


def stated(reason: str, example: str) -> str:
    """A reason as a person wrote it, without white space around. `UsageError` if it is none."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_MAX:
        raise UsageError(
            f"expected a reason of at most {REASON_MAX} characters on standard input",
            f"For example: {example}",
        )
    return reason
