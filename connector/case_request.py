"""Whether a request is the one its case was opened with, an edit of it, or neither."""

from typing import Any

from pydantic import ValidationError

from .errors import UsageError
from .instant import instant
from .job import Job
from .request import Request
from .settings import base
from .store.case import transitions
from .store.case.casefile import CaseFile
from .store.case.state import required
from .store.mapped import route
from .store.mapped.update import has_left, possible, told


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
