"""The order of the steps: pull → map → release → push → read back → announce → receipt.

The only module that knows it. Every step leaves committed rows, so a case goes on from where its
rows say it is, whoever runs it and however the last run ended.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import packet, push
from .case import State, may_follow
from .config import Config, same_environment
from .endpoint import Endpoint
from .errors import (
    ConnectorError,
    DestinationRefused,
    Exit,
    Held,
    ReadBackDiffers,
    SourceFailed,
    UsageError,
    Waiting,
)
from .fhir.ids import case_handle
from .progress import Progress, silent
from .pull import pull_chart, pull_files, types_of_chart
from .request import Request
from .settings import Destination, Source
from .store import chart, export
from .store.casefile import CaseFile
from .store.ledger import Ledger
from .store.lock import only_one
from .store.standing import Standing, standing

_STATE_OF: tuple[tuple[type[ConnectorError], State], ...] = (
    (Waiting, State.WAITING),
    (Held, State.HELD),
    (SourceFailed, State.SOURCE_FAILED),
    (DestinationRefused, State.REFUSED),
    (ReadBackDiffers, State.DIFFERS),
)


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


def case_folder(config: Config, handle: str) -> Path:
    """Where the case called `handle` is kept."""
    return config.store.path / "cases" / handle


def prepare(
    config: Config, request: Request, mappings: packet.Mappings, progress: Progress = silent
) -> Job:
    """A job for one request. `UsageError` if it can't be: unknown endpoint, test to production."""
    source = config.source(request.source)
    destination = config.destination(request.destination)
    same_environment(source, destination)
    if request.scope == "whole-chart" and destination.accepts.scope == "checklist":
        raise UsageError(
            "scope: the destination accepts the checklist's records only, not the whole chart",
            "Leave scope out of the request, or change `accepts` of the destination.",
        )
    return Job(config, request, source, destination, mappings, progress)


def advance(job: Job, goal: State = State.VERIFIED) -> Standing:
    """Bring a case as far as `goal` and say how it stands. Does nothing that is done already.

    What stops a case (a server, a rule, a person who has to decide) becomes its state, not an
    exception; errors in the command and faults of this machine are raised.
    """
    with _at_work(job) as desk:
        return _attempt(job, desk, goal, lambda: _steps(job, desk, goal))


def pull_again(job: Job) -> Standing:
    """Pull once more, with a new `as_of`, and compare, unless something was sent already."""
    with _at_work(job) as desk:
        if not desk.case.fact("sending") and desk.case.fact("pull_complete"):
            with desk.case.commit():
                chart.begin_again(desk.case, desk.case.fact("as_of"))
                _forget(
                    desk.case,
                    "pull_complete",
                    "mapped",
                    "as_of",
                    "filled",
                    "everything_types",
                    "export",
                )
            _enter(desk, State.OPENED)
        return _attempt(job, desk, State.PULLED, lambda: _steps(job, desk, State.PULLED))


def verify(job: Job) -> Standing:
    """Read everything that was announced once more and compare it."""
    with _at_work(job) as desk:
        if not desk.case.fact("announced_at"):
            return standing(desk.case, job.clock())
        return _attempt(job, desk, State.VERIFIED, lambda: _verify(job, desk))


def approve(job: Job, digest: str, by: str) -> Standing:
    """Let the packet with this hash leave. `UsageError` if it isn't the packet there is now."""
    with _at_work(job) as desk:
        if desk.case.fact("packet_hash") != digest:
            raise UsageError(
                "that is not the hash of the packet as it is now",
                "Look at it again: `connector transfer REQUEST --dry-run` shows the hash.",
            )
        desk.case.set_fact("approval", {"hash": digest, "by": by, "at": _iso(job.clock())})
        if State(desk.case.fact("state")) is State.UNAPPROVED:
            _enter(desk, State.READY)
        return standing(desk.case, job.clock(), State.READY)


def _steps(job: Job, desk: push.Desk, goal: State) -> None:
    case = desk.case
    if case.fact("announced_at"):
        if State(case.fact("state")) is not State.VERIFIED:
            _verify(job, desk)  # a run ended between the last write and the receipt, or it differed
        return
    if not case.fact("sending"):
        _pull(job, desk)
        if goal is State.PULLED:
            return
        _map(job, desk)
        if goal is State.READY or State(case.fact("state")) is State.UNAPPROVED:
            return
    elif goal is not State.VERIFIED:
        return
    _push(job, desk)


def _pull(job: Job, desk: push.Desk) -> None:
    case = desk.case
    broken = any(gap.kind in chart.BROKEN and not gap.expected for gap in chart.gaps(case))
    if case.fact("pull_complete") and not broken:
        if State(case.fact("state")) is State.OPENED:
            _enter(desk, State.PULLED)  # a run ended just before this
        return
    if case.fact("as_of") is None:
        case.set_fact("as_of", _iso(job.clock()))
    _forget(case, "mapped")
    with case.rebuildable():
        _gather(job, case)
    _enter(desk, State.PULLED)


def _gather(job: Job, case: CaseFile) -> None:
    """The chart, from the server or the files of the source."""
    never = job.mappings.never_types
    wanted = job.mappings.wanted_types(job.request.case_type)
    kept = {"never_types": never, "wanted_types": wanted}
    if job.source.files is not None:
        pull_files(case, job.request, job.source, **kept, progress=job.progress)
        return
    types = types_of_chart(never)
    endpoint = Endpoint(job.source, "source", job.source.page_bytes_max, types)
    pull_chart(case, job.request, endpoint, job.source, **kept, progress=job.progress)


def _map(job: Job, desk: push.Desk) -> None:
    case = desk.case
    if not case.fact("mapped"):
        outline = packet.map_case(
            case,
            job.request,
            job.source,
            job.destination,
            job.mappings,
            as_of=case.fact("as_of"),
            environment=job.destination.environment,
            progress=job.progress,
        )
        export.packet(case)
        with case.commit():
            case.set_fact("outline", asdict(outline))
            case.set_fact("mapped", True)
    approval = case.fact("approval") or {}
    approved = approval.get("hash") == case.fact("packet_hash")
    free = job.destination.release == "auto" or approved
    _enter(desk, State.READY if free else State.UNAPPROVED)


def _push(job: Job, desk: push.Desk) -> None:
    case = desk.case
    push.resolve(desk)
    with case.commit():
        _enter(desk, State.SENDING)
        case.set_fact("sending", True)
    push.deliver(desk, job.progress)
    push.read_back(desk, job.progress)
    _enter(desk, State.DELIVERED)
    push.announce(desk, _iso(job.clock()))
    _receipt(job, desk)
    _enter(desk, State.VERIFIED)


def _verify(job: Job, desk: push.Desk) -> None:
    push.verify(desk, job.progress)
    _receipt(job, desk)
    _enter(desk, State.VERIFIED)


def _receipt(job: Job, desk: push.Desk) -> None:
    proof = push.receipt(desk, desk.case.fact("packet_hash"), _iso(job.clock()))
    export.receipt(desk.case, proof)


@contextmanager
def _at_work(job: Job) -> Iterator[push.Desk]:
    """The case file and the ledger, with this process as the case's one writer."""
    with only_one(job.folder / "lock", "this case"), CaseFile.open(job.folder) as case:
        ledger = Ledger(job.config.ledger_url(), job.config.store.path / "ledger.key")
        try:
            ids = str(job.source.id), str(job.destination.id)
            _accept(job, case)
            fence = ledger.take(job.handle, *ids, job.request.due)
            types = types_of_chart(job.mappings.never_types)
            endpoint = Endpoint(job.destination, "destination", types=types)
            yield push.Desk(
                case=case,
                ledger=ledger,
                handle=job.handle,
                fence=fence,
                endpoint=endpoint,
                settings=job.destination,
                request=job.request,
                source=job.source,
            )
        finally:
            ledger.close()


def _accept(job: Job, case: CaseFile) -> None:
    """Compare the request with the one this case was opened with: same case, update or neither."""
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
        return
    if case.fact("identity") != identity:
        raise UsageError(
            "request_id: this id stands for another patient or destination already",
            "A new second opinion needs a new request_id.",
        )
    if known != wanted:
        if case.fact("sending"):
            raise Held(
                "edited-after-sending",
                "the request was edited after its packet began to leave",
                "Put the request back as it was, or ask anew under a new request_id.",
            )
        with case.commit():
            case.set_fact("request", wanted)
            case.set_fact("needed_by", job.request.due)
            _forget(case, "mapped")


def _attempt(job: Job, desk: push.Desk, goal: State, step: Callable[[], None]) -> Standing:
    case = desk.case
    try:
        _forget(case, "obstacle", "back_at")
        step()
    except (Waiting, Held, SourceFailed, DestinationRefused, ReadBackDiffers) as error:
        state = next(state for kind, state in _STATE_OF if isinstance(error, kind))
        with case.commit():
            case.set_fact("obstacle", _obstacle(error))
            case.set_fact("back_at", error.until if isinstance(error, Waiting) else None)
            _enter(desk, state)
    stands = standing(case, job.clock(), goal)
    final = standing(case, job.clock())
    desk.ledger.set_state(desk.handle, desk.fence, final.state, int(final.exit_code))
    return stands


def _obstacle(error: ConnectorError) -> dict[str, object]:
    code = error.code if isinstance(error, Held) else Exit(error.exit).name.lower()
    return {
        "exit_code": int(error.exit),
        "code": code,
        "why": str(error),
        "what_to_do": error.what_to_do,
    }


def _enter(desk: push.Desk, state: State) -> None:
    now = State(desk.case.fact("state", State.OPENED))
    if not may_follow(now, state):
        raise ConnectorError(f"internal: a case can't go from {now} to {state}")
    desk.case.set_fact("state", state)


def _forget(case: CaseFile, *names: str) -> None:
    for name in names:
        case.set_fact(name, None)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def last_known(job: Job) -> tuple[State, dict[str, int]] | None:
    """State and counts of a case as the last run left it; None if there was none."""
    if not (job.folder / "case.db").exists():
        return None
    with CaseFile.open(job.folder) as case:
        stands = standing(case, job.clock())
    return stands.state, stands.counts


def outline(job: Job) -> dict[str, Any] | None:
    """What the packet holds and why, as the map step told it; None before it is mapped."""
    with CaseFile.open(job.folder) as case:
        found: dict[str, Any] | None = case.fact("outline") if case.fact("mapped") else None
        return found and {**found, "asked": _asked(case)}


def _asked(case: CaseFile) -> list[dict[str, Any]]:
    """What was asked of the source, why, and what came of it. No ids: `what` is the query's key."""
    filled = case.fact("filled", {})
    return [
        {
            "what": query.key,
            "why": query.why,
            "status": query.status,
            "pages": query.pages,
            "records": query.matches,
            "filled": filled.get(query.key, ""),
        }
        for query in chart.queries(case)
    ]
