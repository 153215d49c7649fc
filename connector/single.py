"""Single records of a packet that was told: taken back, or kept there, as a person decides.

What is taken back goes at once, or is emptied where something refers to it. An update then tells
the receiving team that so many records are withdrawn, and not which or why; when it is told, what
an earlier summary still says of them is emptied as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from . import push
from .errors import UsageError
from .fhir.ids import derived_id
from .fhir.references import spans
from .instant import instant
from .job import Job, stated
from .push import binaries
from .store.case import transitions
from .store.case.casefile import CaseFile
from .store.mapped import update
from .store.sent import delivery
from .store.sent.recalled import Recalled
from .store.status import since


@dataclass(frozen=True)
class Ruling:
    """What somebody decided of `records` (`Type/id` at the source). `keep`: they may stay there.

    None named: all that `withheld_since` lists. The reason stays in the case file.
    """

    records: tuple[str, ...]
    keep: bool
    by: str
    reason: str


def under_way(case: CaseFile, ruling: Ruling) -> bool:
    """Whether just this was decided before, and is not done yet: a run was interrupted."""
    unfinished = since.unfinished(case)
    return not ruling.keep and bool(ruling.records) and {*unfinished} >= {*ruling.records}


def decide(job: Job, session: push.Session, ruling: Ruling) -> None:
    """Keep a decision, before anything of it is done. `UsageError` where it can't be."""
    case = session.case
    records = ruling.records or tuple(
        dict.fromkeys(each.record for each in since.undecided(case, job.clock()))
    )
    _can_be(job, session, records, ruling.keep)
    how = "keep" if ruling.keep else "recall"
    reason = stated(ruling.reason, "echo 'consent revoked' | connector recall CASE --record T/id")
    again = under_way(case, ruling)
    with case.commit():
        since.decide(case, how, records, by=ruling.by, reason=reason, at=instant(job.clock()))
        if not (ruling.keep or again):
            # They are in no packet from now on; that makes an update.
            transitions.edit(case)


def go_on(job: Job, session: push.Session) -> None:
    """Take away what was decided on, as far as that can be now."""
    case = session.case
    told = update.told(case) and not case.state.edited
    records = [r for r in since.unfinished(case) if told or since.phase(case, r) == ""]
    if not records:
        return
    keys = _keys(job, case, records)
    beside = _older_summaries(case, keys) if told else []
    fates = push.recall_some(session, [*keys, *beside], job.progress)
    gone = [(row.type, row.id) for row in fates if row.fate in ("deleted", "gone", "marked")]
    with case.commit():
        delivery.leave(case, gone, "removed", since.TAKEN_BACK)
        since.reached(case, records, "done" if told else "emptied")


def outlook(job: Job, session: push.Session, records: Sequence[str]) -> list[Recalled]:
    """What a recall of these would do now. Writes nothing there."""
    _can_be(job, session, records, keep=False)
    return push.look_at_some(session, _keys(job, session.case, records))


def _can_be(job: Job, session: push.Session, records: Sequence[str], keep: bool) -> None:
    case = session.case
    if not records:
        raise UsageError(
            "nothing of ours stands there that would be withheld now",
            "Name the records: --record Type/id, as the source knows them.",
        )
    if not keep and not (session.record_by_record and update.possible(case)):
        raise UsageError(
            "the packet stands there whole, or can't be read: no single record can be taken back",
            "`connector recall CASE` takes back all of it.",
        )
    if not keep and not case.state.announced_at:
        raise UsageError(
            "nothing of the case was told yet",
            "Let it arrive first, or take all of it back: `connector recall CASE`.",
        )
    there = {f"{row.type}/{row.id}" for row in delivery.deliveries(case) if row.write_no > 0}
    for number, record in enumerate(records, 1):
        if record.startswith("Patient/"):
            raise UsageError(
                "the patient's own record can't be taken back alone",
                "`connector recall CASE` takes back all of it.",
            )
        if there.isdisjoint(_keys(job, case, [record])):
            raise UsageError(
                f"--record, number {number}: we brought no such record there",
                "Name it as the source knows it, Type/id: `connector show CASE` lists them.",
            )


def _keys(job: Job, case: CaseFile, records: Sequence[str]) -> list[str]:
    """Keys of all that stands there of these records: also anew, and what of them went ahead."""
    anew, ahead = update.renewed(case), binaries.opened(case)
    keys = []
    for record in records:
        resource_type, _, resource_id = record.partition("/")
        key = f"{resource_type}/{derived_id(job.source.id, resource_type, resource_id)}"
        both = [key, *([anew[key]] if key in anew else [])]
        keys += [*both, *(part for name in both for part in ahead.get(name, ()))]
    return keys


def _older_summaries(case: CaseFile, keys: Sequence[str]) -> list[str]:
    """Summaries of ours that another took the place of, and that list one of these."""
    return [
        f"{entry.type}/{entry.id}"
        for entry in update.past(case, "Composition")
        if any(span.value in keys for span in spans(entry.body))
    ]
