"""One case being worked on: its request accepted, its lock held, its case file and ledger open."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import ValidationError

from . import packet, push
from .config import Config, same_environment, two_ends
from .endpoint import Endpoint
from .errors import ConnectorError, UsageError
from .fhir.ids import case_handle
from .instant import instant
from .progress import Progress, silent
from .pull import types_of_chart
from .request import Request
from .settings import Destination, Source, base
from .store.audit import anchor_file
from .store.audit.disclosures import Anchor
from .store.case import transitions
from .store.case.casefile import CaseFile
from .store.case.state import required
from .store.ledger.ledger import Ledger
from .store.lock import only_one
from .store.mapped import route
from .store.mapped.update import has_left, possible, told

_log = logging.getLogger("connector.anchor")
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


@contextmanager
def at_work(job: Job, *, lost: bool = False) -> Iterator[push.Session]:
    """The case file and the ledger, with this process as the case's one writer.

    `lost`: its file may be missing though the ledger says how it ended.
    """
    with only_one(job.folder / "lock", "this case"), CaseFile.open(job.folder) as case:
        ledger = Ledger(job.config.ledger_url(), job.config.store.path / "ledger.key")
        before = _end_of_log(job, ledger)
        try:
            ids = str(job.source.id), str(job.destination.id)
            if not lost:
                _must_not_have_ended(job, case, ledger)
            request = accept(job, case)
            fence = ledger.take(job.handle, *ids, instant(job.request.due_at))
            case.take(fence)
            if job.file is not None:
                case.state.request_file = str(job.file.absolute())
            yield push.Session(
                case=case,
                ledger=ledger,
                handle=job.handle,
                fence=fence,
                opens=_opened_once(job),
                settings=job.destination,
                request=request,
                source=job.source,
                operator=job.config.operator(),
            )
        finally:
            if before is not None:
                _show(job, ledger, before)
            ledger.close()


def _must_not_have_ended(job: Job, case: CaseFile, ledger: Ledger) -> None:
    """`UsageError` if a case would begin anew only because its file is gone: what was taken back
    from a wrong team would be sent there again."""
    if case.state.request is None and (how := ledger.ended(job.handle)):
        raise UsageError(
            f"this case was {how}, and its case file is not there any more: nothing of it is sent",
            "Restore its folder from a backup, or take its request away. What is to be sent anew"
            " gets a new request_id; `connector recall REQUEST --receipt FILE` takes back what may"
            " still stand there.",
        )


def _opened_once(job: Job) -> Callable[[], Endpoint]:
    """Opens the destination when it is first asked for; whichever thread asks, it is the same."""
    lock, opened = Lock(), list[Endpoint]()

    def opens() -> Endpoint:
        with lock:
            if not opened:
                types = types_of_chart(job.mappings.never_types)
                opened.append(Endpoint(job.destination, "destination", types=types))
            return opened[0]

    return opens


def _end_of_log(job: Job, ledger: Ledger) -> Anchor | None:
    return ledger.disclosure_head() if job.config.audit.anchor is not None else None


def _show(job: Job, ledger: Ledger, before: Anchor) -> None:
    """Show the end of the log outside the store. What fails is told, and stops nothing."""
    where = job.config.audit.anchor
    assert where is not None
    try:
        wrong = anchor_file.keep(where, before, ledger.disclosure_head())
    except ConnectorError as error:
        wrong = str(error)
    if wrong:
        _log.warning("%s", wrong)


def accept(job: Job, case: CaseFile) -> Request:
    """Compare the request with the one this case was opened with: same case, update or neither.

    The one that the case works on now: while a packet is on its way, that of the packet. An edited
    request is taken up when all of it is told. A case of which nothing has left follows another
    patient or destination, and begins anew. `UsageError` for one that can't be this case.
    """
    wanted = job.request.model_dump(mode="json")
    known = case.state.request
    if known is None:
        _open(job, case)
        return job.request
    if not _same_route(job, case, wanted["patient"]):
        return job.request
    # Through the model, so that a field the program has learned since is no edit.
    try:
        standing = Request.model_validate(known)
    except ValidationError:  # what an older program took and this one refuses: it was edited
        standing = job.request.model_copy(update={"question": ""})
    if standing.model_dump(mode="json") == wanted:
        transitions.edit_waits(case, False)
        return job.request
    if has_left(case) and standing.destination_patient != job.request.destination_patient:
        raise UsageError(
            "destination_patient: the packet stands under another choice already",
            "Put it back as it was; if it was wrong, `connector recall` the packet and ask anew.",
        )
    if case.state.sending and not told(case):
        transitions.edit_waits(case, True)
        return standing
    with case.commit():
        transitions.take_request(case, wanted, job.request.due)
        edited(case)
    return job.request


def _open(job: Job, case: CaseFile) -> None:
    wanted = job.request.model_dump(mode="json")
    ends = route.route(wanted["patient"], job.source, job.destination)
    transitions.open_case(case, wanted, ends, job.request.due)


def begin_anew(job: Job, case: CaseFile, *, same_patient: bool) -> None:
    """Open a case again of which nothing has left: chart, packet and approval are forgotten."""
    with case.commit():
        route.begin_anew(case, same_patient=same_patient)
        _open(job, case)


def _same_route(job: Job, case: CaseFile, patient: dict[str, Any]) -> bool:
    """Whether patient, source and destination are those the case was opened with.

    False: they are not, nothing had left, and the case begins anew. `UsageError` otherwise.
    """
    now = route.route(patient, job.source, job.destination)
    frozen = required(case.state.route)
    if "source" not in frozen:  # an older program froze ids only
        frozen = {**now, **frozen}
        transitions.adopt(case, frozen, instant(job.clock()))
    if frozen == now:
        return True
    for end in ("source", "destination"):
        if frozen[end]["environment"] != now[end]["environment"]:
            raise UsageError(
                f"the {end} was {frozen[end]['environment']} when this case was opened, and is"
                f" {now[end]['environment']} now",
                "Put `environment` back. Another server gets another section and `id`; `connector"
                " close` ends this case, and a new request_id asks anew.",
            )
    if not (has_left(case) or case.state.withdrawal):
        same = all(frozen[name] == now[name] for name in ("patient", "source_id", "source"))
        begin_anew(job, case, same_patient=same)
        return False
    if any(frozen[name] != now[name] for name in ("patient", "source_id", "destination_id")):
        raise UsageError(
            "request_id: a packet has left under it for another patient or destination already",
            "Put the request back as it was. A new second opinion needs a new request_id.",
        )
    for end, settings in (("source", job.source), ("destination", job.destination)):
        known = {base(url) for url in settings.formerly}
        if frozen[end] != now[end] and frozen[end]["base"] not in known:
            raise UsageError(
                f"the {end} is at another address than when the packet left"
                f" ({frozen[end]['base']})",
                "If it is the same server under a new name, add the old address to `formerly` of"
                f" the {end}; if it is another one, give it another section and `id`.",
            )
    transitions.move(case, now)
    return True


def edited(case: CaseFile) -> None:
    """Say that the packet is to be made anew; one that was told gets an update."""
    transitions.remap(case)
    if told(case):
        updatable(case)
        transitions.edit(case)


def updatable(case: CaseFile) -> None:
    """`UsageError` if what was delivered can't be updated."""
    if not possible(case):
        raise UsageError(
            "what was delivered can't be updated: it stands there whole, or can't be read",
            "Put the request back as it was; what is new is asked anew under a new request_id.",
        )


def stated(reason: str, example: str) -> str:
    """A reason as a person wrote it, without white space around. `UsageError` if it is none."""
    reason = reason.strip()
    if not reason or len(reason) > REASON_MAX:
        raise UsageError(
            f"expected a reason of at most {REASON_MAX} characters on standard input",
            f"For example: {example}",
        )
    return reason
