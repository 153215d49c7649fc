"""What we brought and would not bring now: looked for after the packet was told.

A label may be added, a consent revoked or run out when the records stand there already. Nothing is
taken away by that; the people who decide are told, until they do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from . import consents_again, packet, revision
from .errors import Held, SourceFailed, UsageError, Waiting
from .fhir.lossless import UndecodableError, decode
from .instant import instant
from .job import Job
from .pull import keep_consents
from .store.case.casefile import CaseFile
from .store.mapped.packet import Decision, decisions, undone
from .store.pulled import chart
from .store.pulled.chart import Record
from .store.status import since as kept
from .store.status.since import Standing

_BOUNDS_MAX = 50  # of periods that end later: enough for any patient, and an end for a foreign one


def look(job: Job, case: CaseFile) -> None:
    """Read the consents again, and judge by them what stands there. Asks of records nothing.

    A source that is not there, or lets nobody read its consents, leaves what was known.
    """
    try:
        found = consents_again.read(job, case)
        _judge(job, case, found)
    except (SourceFailed, Waiting, Held, UsageError) as error:
        kept.unread(case, str(error))


def note(job: Job, case: CaseFile) -> None:
    """Keep what the map step just found of an update: what it withholds and what stands there."""
    later = kept.noted(case).get("runs_out")
    kept.note(case, instant(job.clock()), _now(job, case), say=None, runs_out=later)


def held(job: Job, case: CaseFile, error: Held) -> None:
    """Keep that an update may not leave, and what therefore stands there that may not."""
    later, records = kept.noted(case).get("runs_out"), _of_held(job, case, error)
    kept.note(case, instant(job.clock()), records, say=None, code=error.code, runs_out=later)


def delivered(job: Job, case: CaseFile) -> None:
    """Keep how it is when the packet is told: the consents were read before it left."""
    says = case.state.consents_say  # None: an older program did not keep it
    records = _now(job, case)
    with case.undone():
        later = _runs_out(job, case, says)
    kept.note(case, instant(job.clock()), records, say=says, runs_out=later)


def _now(job: Job, case: CaseFile) -> list[Standing]:
    return kept.still_there(case, job.source.id, decisions(case, "withheld"))


def _judge(job: Job, case: CaseFile, found: list[Record] | None) -> None:
    """Map once more with these consents, see what is withheld, and undo all of it."""
    now, before = instant(job.clock()), kept.noted(case)
    with case.undone():
        if found is not None:
            keep_consents(case, found)
        says = consents_again.say(job, case, now)
        if before.get("say") == says:
            kept_so = [Standing(*row) for row in before["records"]]
            made = kept_so, before["code"], before["runs_out"]
        else:
            made = *_withheld(job, case, now), _runs_out(job, case, says)
    records, code, later = made
    kept.note(case, now, records, say=says, code=code, runs_out=later)


def _withheld(job: Job, case: CaseFile, at: str) -> tuple[list[Standing], str]:
    """What would be withheld at an instant, and why nothing could leave then."""
    case.state.consents_at = at
    try:
        revision.make(job, case)
    except Held as error:
        return _of_held(job, case, error), error.code
    return _now(job, case), ""


def _runs_out(job: Job, case: CaseFile, says: str | None) -> dict[str, Any] | None:
    """The next instant at which the consents alone say something else, and what comes of it."""
    for at in islice(_bounds(job, case), _BOUNDS_MAX):
        if consents_again.say(job, case, at) != says:
            return {"at": at, "records": [list(each) for each in _withheld(job, case, at)[0]]}
    return None


def _bounds(job: Job, case: CaseFile) -> Iterator[str]:
    """The instants after now at which a period of a Consent begins or is over."""
    found = set()
    for record in chart.of_type(case, "Consent"):
        try:
            found |= set(_moments(decode(record.body)))
        except (UndecodableError, RecursionError):
            continue
    return (instant(at) for at in sorted(found) if at > job.clock())


def _moments(value: object) -> Iterator[datetime]:
    if isinstance(value, list):
        for item in value:
            yield from _moments(item)
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        span = packet.interval(item) if name in ("start", "end") and isinstance(item, str) else None
        if span is not None and span[1] < datetime.max.replace(tzinfo=UTC) - timedelta(days=2):
            yield span[0] if name == "start" else span[1] + timedelta(seconds=1)
        yield from _moments(item)


def _of_held(job: Job, case: CaseFile, error: Held) -> list[Standing]:
    """What stands there and may not, by what holds the case: the records it names, or all of it."""
    named = [
        Decision(resource_type, resource_id, "withheld", cause.rule or error.code, str(error))
        for cause in error.held_by
        for resource_type, _, resource_id in (cause.record.partition("/"),)
        if cause.record
    ]
    if not named:
        return kept.all_there(case, error.code, str(error))
    also = [decision for decision in undone(case) if decision.outcome == "withheld"]
    listed = {(decision.type, decision.id): decision for decision in (*named, *also)}
    return kept.still_there(case, job.source.id, listed.values())
