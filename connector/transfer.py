"""The order of the steps: pull → map → release → push → read back → announce → receipt.

The only module that knows it. Every step leaves committed rows, so a case goes on from where its
rows say it is, whoever runs it and however the last run ended.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import packet, push, withdraw
from .case import State
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
from .fhir.lossless import encode
from .job import Job, at_work, enter, forget, iso
from .pull import pull_chart, pull_files, types_of_chart
from .store import chart, coverage, export
from .store.casefile import CaseFile
from .store.standing import Standing, standing

_STATE_OF: tuple[tuple[type[ConnectorError], State], ...] = (
    (Waiting, State.WAITING),
    (Held, State.HELD),
    (SourceFailed, State.SOURCE_FAILED),
    (DestinationRefused, State.REFUSED),
    (ReadBackDiffers, State.DIFFERS),
)


def advance(job: Job, goal: State = State.VERIFIED) -> Standing:
    """Bring a case as far as `goal` and say how it stands. Does nothing that is done already.

    What stops a case (a server, a rule, a person who has to decide) becomes its state, not an
    exception; errors in the command and faults of this machine are raised.
    """
    with at_work(job) as desk:
        return _attempt(job, desk, goal, lambda: _steps(job, desk, goal))


def pull_again(job: Job) -> Standing:
    """Pull once more, with a new `as_of`, and compare, unless something was sent already."""
    with at_work(job) as desk:
        untouched = not (desk.case.fact("sending") or desk.case.fact("withdrawal"))
        if untouched and desk.case.fact("pull_complete"):
            with desk.case.commit():
                chart.begin_again(desk.case, desk.case.fact("as_of"))
                forget(
                    desk.case,
                    "pull_complete",
                    "mapped",
                    "as_of",
                    "filled",
                    "everything_types",
                    "export",
                )
            enter(desk.case, State.OPENED)
        return _attempt(job, desk, State.PULLED, lambda: _steps(job, desk, State.PULLED))


def verify(job: Job) -> Standing:
    """Read everything that was announced once more and compare it."""
    with at_work(job) as desk:
        if not desk.case.fact("announced_at") or desk.case.fact("withdrawal"):
            return standing(desk.case, job.clock())
        return _attempt(job, desk, State.VERIFIED, lambda: _verify(job, desk))


def approve(job: Job, digest: str, by: str) -> Standing:
    """Let the packet with this hash leave. `UsageError` if it isn't the packet there is now."""
    with at_work(job) as desk:
        _not_taken_back(desk.case)
        if desk.case.fact("packet_hash") != digest:
            raise UsageError(
                "that is not the hash of the packet as it is now",
                "Look at it again: `connector transfer REQUEST --dry-run` shows the hash.",
            )
        desk.case.set_fact("approval", {"hash": digest, "by": by, "at": iso(job.clock())})
        if State(desk.case.fact("state")) is State.UNAPPROVED:
            enter(desk.case, State.READY)
        return standing(desk.case, job.clock(), State.READY)


def amend(job: Job, change: Callable[[CaseFile], None]) -> Standing:
    """Let a person add to a case, and map it again if its chart is there. Asks no server.

    `UsageError` once the packet began to leave.
    """
    with at_work(job) as desk:
        case = desk.case
        _not_taken_back(case)
        if case.fact("sending"):
            raise UsageError(
                "the packet began to leave: nothing can be added to it or taken from it",
                "Ask anew under a new request_id.",
            )
        with case.commit():
            change(case)
            forget(case, "mapped")
        if not case.fact("pull_complete"):
            return standing(case, job.clock())
        if State(case.fact("state")) is State.OPENED:
            enter(case, State.PULLED)  # a run ended just before this
        return _attempt(job, desk, State.READY, lambda: _map(job, desk))


def take_back(job: Job, decision: withdraw.Decision, receipt: Path | None = None) -> Standing:
    """Cancel or recall a packet, as far as it left; from then on the case sends nothing else.

    `receipt`: what to recall, where the case file was lost. `UsageError` without a reason.
    """
    with at_work(job) as desk:
        if receipt is not None:
            withdraw.from_receipt(job, desk.case, receipt)
        withdraw.decide(job, desk.case, decision)
        return _attempt(job, desk, State.VERIFIED, lambda: withdraw.go_on(job, desk))


def recall_outlook(job: Job, receipt: Path | None = None) -> list[dict[str, str]]:
    """What a recall would do with each resource: `there`, `fate`, `why`. Writes nothing there.

    Raises `DestinationRefused` and what else reading may raise.
    """
    with at_work(job) as desk:
        if receipt is not None:
            withdraw.from_receipt(job, desk.case, receipt)
        fates = withdraw.outlook(desk)
    return [{"there": fate.place, "fate": fate.fate, "why": fate.why} for fate in fates]


def _not_taken_back(case: CaseFile) -> None:
    if case.fact("withdrawal"):
        raise UsageError("the case was cancelled or recalled", "Ask anew under a new request_id.")


def _steps(job: Job, desk: push.Desk, goal: State) -> None:
    case = desk.case
    if case.fact("withdrawal"):
        if goal is State.VERIFIED:
            withdraw.go_on(job, desk)
        return
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
            enter(desk.case, State.PULLED)  # a run ended just before this
        return
    if case.fact("as_of") is None:
        case.set_fact("as_of", iso(job.clock()))
    forget(case, "mapped")
    with case.rebuildable():
        _gather(job, case)
    enter(desk.case, State.PULLED)


def _gather(job: Job, case: CaseFile) -> None:
    """The chart, from the server or the files of the source."""
    never = job.mappings.never_types
    wanted = job.mappings.wanted_types(job.request.case_type, job.destination.programme)
    kept = {"never_types": never, "wanted_types": wanted}
    if job.source.files is not None:
        pull_files(case, job.request, job.source, **kept, progress=job.progress)
        return
    types = types_of_chart(never)
    endpoint = Endpoint(job.source, "source", job.source.page_bytes_max, types)
    files = job.mappings.files
    pull_chart(
        case, job.request, endpoint, job.source, **kept, mappings=files, progress=job.progress
    )


def _map(job: Job, desk: push.Desk) -> None:
    case = desk.case
    if case.fact("mapped") != job.mappings.identity:
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
            told = {**asdict(outline), "withheld": [d._asdict() for d in outline.withheld]}
            case.set_fact("outline", told)
            case.set_fact("mapped", job.mappings.identity)
    approval = case.fact("approval") or {}
    approved = approval.get("hash") == case.fact("packet_hash")
    free = job.destination.release == "auto" or approved
    enter(desk.case, State.READY if free else State.UNAPPROVED)


def _push(job: Job, desk: push.Desk) -> None:
    case = desk.case
    with _receipt(job, desk):
        push.resolve(desk)
        with case.commit():
            enter(desk.case, State.SENDING)
            case.set_fact("sending", True)
        push.deliver(desk, job.progress)
        push.read_back(desk, job.progress)
        enter(desk.case, State.DELIVERED)
        push.announce(desk, iso(job.clock()))
    enter(desk.case, State.VERIFIED)


def _verify(job: Job, desk: push.Desk) -> None:
    with _receipt(job, desk):
        push.verify(desk, job.progress)
    enter(desk.case, State.VERIFIED)


@contextmanager
def _receipt(job: Job, desk: push.Desk) -> Iterator[None]:
    """What is read back inside goes into the log and the receipt, also when it differs.

    The key is read first: one that is missing must not stop the last step of a delivery.
    """
    key = push.signing_key(job.config.receipt)
    try:
        yield
    except ReadBackDiffers:
        _write_receipt(job, desk, key)
        raise
    _write_receipt(job, desk, key)


def _write_receipt(job: Job, desk: push.Desk, key: push.Signing | None) -> None:
    push.account(desk)
    values = push.receipt(desk, desk.case.fact("packet_hash"), iso(job.clock()))
    proof = encode(values) + b"\n"
    export.receipt(desk.case, proof, push.signed(proof, key) if key else None)


def _attempt(job: Job, desk: push.Desk, goal: State, step: Callable[[], None]) -> Standing:
    case = desk.case
    try:
        forget(case, "obstacle", "back_at")
        step()
    except (Waiting, Held, SourceFailed, DestinationRefused, ReadBackDiffers) as error:
        state = next(state for kind, state in _STATE_OF if isinstance(error, kind))
        with case.commit():
            case.set_fact("obstacle", _obstacle(error))
            case.set_fact("back_at", error.until if isinstance(error, Waiting) else None)
            enter(desk.case, state)
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
        return found and {**found, "coverage": _covered(case), "asked": _asked(case)}


def _covered(case: CaseFile) -> dict[str, Any]:
    """What became of the elements of the records that leave, and what rules changed in them."""
    names = ("rule", "path", "what", "records")
    return {
        "elements": [line._asdict() for line in coverage.lines(case)],
        "changes": [dict(zip(names, row, strict=True)) for row in coverage.changes(case)],
    }


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
