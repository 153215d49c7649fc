"""One case being worked on: its request accepted, its lock held, its case file and ledger open."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from . import packet, push
from .case import State, may_follow
from .config import Config, same_environment
from .endpoint import Endpoint
from .errors import ConnectorError, UsageError
from .fhir.ids import case_handle
from .progress import Progress, silent
from .pull import types_of_chart
from .request import Request
from .settings import Destination, Source
from .store.casefile import CaseFile
from .store.ledger import Ledger
from .store.lock import only_one
from .store.update import has_left, possible, told

REASON_MAX = 4000  # characters


@dataclass(frozen=True)
class Job:
    """One case and everything needed to bring it on its way."""

    config: Config
    request: Request
    source: Source
    destination: Destination
    mappings: packet.Mappings
    progress: Progress = silent
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

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
    config: Config, request: Request, mappings: packet.Mappings, progress: Progress = silent
) -> Job:
    """A job for one request. `UsageError` if it can't be: unknown endpoint, test to production."""
    source = config.source(request.source)
    destination = packet.settled(config.destination(request.destination), mappings)
    same_environment(source, destination)
    job = Job(config, request, source, destination, mappings, progress)
    packet.known_items(job.checklist, request)
    if request.scope == "whole-chart" and destination.accepts.scope == "checklist":
        raise UsageError(
            "scope: the destination accepts the checklist's records only, not the whole chart",
            "Leave scope out of the request, or change `accepts` of the destination.",
        )
    return job


@contextmanager
def at_work(job: Job) -> Iterator[push.Desk]:
    """The case file and the ledger, with this process as the case's one writer."""
    with only_one(job.folder / "lock", "this case"), CaseFile.open(job.folder) as case:
        ledger = Ledger(job.config.ledger_url(), job.config.store.path / "ledger.key")
        try:
            ids = str(job.source.id), str(job.destination.id)
            request = accept(job, case)
            fence = ledger.take(job.handle, *ids, job.request.due)
            case.take(fence)
            types = types_of_chart(job.mappings.never_types)
            endpoint = Endpoint(job.destination, "destination", types=types)
            yield push.Desk(
                case=case,
                ledger=ledger,
                handle=job.handle,
                fence=fence,
                endpoint=endpoint,
                settings=job.destination,
                request=request,
                source=job.source,
                operator=job.config.operator(),
            )
        finally:
            ledger.close()


def accept(job: Job, case: CaseFile) -> Request:
    """Compare the request with the one this case was opened with: same case, update or neither.

    The one that the case works on now: while a packet is on its way, that of the packet. An edited
    request is taken up when all of it is told. `UsageError` for another patient or destination.
    """
    wanted = job.request.model_dump(mode="json")
    known = case.fact("request")
    identity = {
        "patient": wanted["patient"],
        "source_id": str(job.source.id),
        "destination_id": str(job.destination.id),
    }
    if known is None:
        with case.commit():
            case.set_fact("request", wanted)
            case.set_fact("identity", identity)
            case.set_fact("needed_by", job.request.due)
            case.set_fact("state", State.OPENED)
        return job.request
    if case.fact("identity") != identity:
        raise UsageError(
            "request_id: this id stands for another patient or destination already",
            "A new second opinion needs a new request_id.",
        )
    # Through the model, so that a field the program has learned since is no edit.
    standing = Request.model_validate(known)
    if standing.model_dump(mode="json") == wanted:
        return job.request
    if has_left(case) and standing.destination_patient != job.request.destination_patient:
        raise UsageError(
            "destination_patient: the packet stands under another choice already",
            "Put it back as it was; if it was wrong, `connector recall` the packet and ask anew.",
        )
    if case.fact("sending") and not told(case):
        return standing
    with case.commit():
        case.set_fact("request", wanted)
        case.set_fact("needed_by", job.request.due)
        edited(case)
    return job.request


def edited(case: CaseFile) -> None:
    """Say that the packet is to be made anew; one that was told gets an update."""
    forget(case, "mapped")
    if told(case):
        updatable(case)
        case.set_fact("edited", True)


def updatable(case: CaseFile) -> None:
    """`UsageError` if what was delivered can't be updated."""
    if not possible(case):
        raise UsageError(
            "what was delivered can't be updated: it stands there whole, or can't be read",
            "Put the request back as it was; what is new is asked anew under a new request_id.",
        )


def enter(case: CaseFile, state: State) -> None:
    """Bring a case into `state`, if the table of states lets it go there."""
    now = State(case.fact("state", State.OPENED))
    if not may_follow(now, state):
        raise ConnectorError(f"internal: a case can't go from {now} to {state}")
    case.set_fact("state", state)


def forget(case: CaseFile, *names: str) -> None:
    """Unset facts by name."""
    for name in names:
        case.set_fact(name, None)


def stated(reason: str, example: str) -> str:
    """A reason as a person wrote it, without white space around. `UsageError` if it is none."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_MAX:
        raise UsageError(
            f"expected a reason of at most {REASON_MAX} characters on standard input",
            f"For example: {example}",
        )
    return reason


def iso(moment: datetime) -> str:
    """A FHIR instant in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
