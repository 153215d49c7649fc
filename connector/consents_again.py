"""The consents read again at the source: before a packet leaves, while it does, and afterwards."""

from dataclasses import replace
from datetime import datetime, timedelta

from . import packet, push
from .endpoint import Endpoint
from .errors import Held, SourceFailed, Waiting
from .instant import instant
from .job import Job
from .pull import consents_now, keep_consents, types_of_chart
from .store.case import transitions
from .store.case.casefile import CaseFile
from .store.case.state import required
from .store.pulled.chart import Record

# A packet that began to leave is finished without its source for so long after it was asked.
_CONSENTS_STAND = timedelta(days=1)


def read(job: Job, case: CaseFile) -> list[Record] | None:
    """The consents at the source; None if they can't be read and somebody vouches for them."""
    types = types_of_chart(job.mappings.never_types)
    files = job.source.files is not None
    source = None if files else Endpoint(job.source, "source", job.source.page_bytes_max, types)
    try:
        return consents_now(case, job.source, source)
    except Held:
        if job.request.consents_checked or job.source.consents_checked:
            return None
        raise


def say(job: Job, case: CaseFile, at: str) -> str:
    """What the consents of the chart say at an instant, as one hash."""
    ends = (job.source, job.destination)
    return packet.consents_say(case, job.request, *ends, job.mappings, at)


def read_again(job: Job, case: CaseFile) -> None:
    """Before the first byte leaves: a packet that is another by them is to be made anew."""
    now, found = instant(job.clock()), read(job, case)
    with case.commit():
        changed = found is not None and keep_consents(case, found)
        case.state.consents_at = now
        if changed or case.state.consents_say != say(job, case, now):
            transitions.remap(case)


def must_stand(job: Job, session: push.Session) -> None:
    """Raise `Held` if the consents say something else than when the packet began to leave."""
    case, now = session.case, instant(job.clock())
    try:
        found = read(job, case)
    except SourceFailed:
        read_at = datetime.fromisoformat(required(case.state.consents_at or case.state.as_of))
        if job.clock() - read_at > _CONSENTS_STAND:
            raise Waiting(
                "the consents can't be read again before the rest is sent: the source is not there",
                now,
                "Run the same command again when it is back.",
            ) from None
        found = None
    with case.commit():
        if found is not None:
            keep_consents(case, found)
    # By the request of the packet that is on its way: an edit of it waits.
    says = say(replace(job, request=session.request), case, now)
    if case.state.consents_say not in (None, says):
        raise Held(
            "consent-changed",
            "a consent changed while the packet was on its way: nothing more is sent, and nothing"
            " is announced",
            "Read the consents at the source. `connector recall CASE` takes back what stands there;"
            " if the packet may go on after all, have the consent corrected there.",
        )
