"""A person decides on a single record: it leaves, or it stays, whatever the release rules say."""

from . import packet, transfer
from .errors import UsageError
from .instant import instant
from .job import Job, stated
from .store.case.casefile import CaseFile
from .store.mapped import packet as kept
from .store.mapped.packet import Decision
from .store.mapped.rulings import Ruling, forget_ruling, rule, rulings
from .store.pulled import chart
from .store.status.standing import Standing

_EXAMPLE = "echo 'read by me: nothing of it is in there' | connector release CASE Type/id --by NAME"
_OVER_RULE = "There is no way to release it by itself."


def release(job: Job, record: str, by: str, reason: str) -> Standing:
    """Let one withheld record leave. `UsageError` where no person can, or nothing withholds it.

    What stands behind the rule that is lifted may withhold it all the same: then nothing changes.
    """
    decision = Ruling(record, "release", by, stated(reason, _EXAMPLE), instant(job.clock()))
    before = _now(job, record)
    if before is None or before.outcome not in ("withheld", "held"):
        raise UsageError(
            "nothing withholds that record",
            "To make one leave that no rule asks for, put it into `include` of the request.",
        )
    _can_be_released(job, before)
    earlier = _ruling(job, record)
    stands = transfer.amend(job, lambda case: rule(case, decision))
    after = _now(job, record)
    if after is not None and after.outcome == "withheld":
        transfer.amend(job, lambda case: _put_back(case, record, earlier))
        _can_be_released(job, after)
        raise UsageError(
            f"another rule withholds it all the same ({after.rule})",
            "`connector mappings explain CASE Type/id` says why.",
        )
    return stands


def keep(job: Job, record: str, by: str, reason: str) -> Standing:
    """Keep one record here. An allergy or the like that is kept holds the case."""
    decision = Ruling(record, "keep", by, stated(reason, _EXAMPLE), instant(job.clock()))

    def change(case: CaseFile) -> None:
        if record == f"Patient/{case.state.source_patient}":
            raise UsageError(
                "the patient's own record can't be kept: nothing would leave",
                "`connector close` or `connector cancel` ends a case.",
            )
        if not chart.record(case, *_parts(record)):
            raise _not_there()
        rule(case, decision)

    return transfer.amend(job, change)


def undo(job: Job, record: str) -> Standing:
    """Forget what a person decided on a record: the rules decide again."""

    def change(case: CaseFile) -> None:
        if not forget_ruling(case, record):
            raise UsageError(
                "nobody decided on that record",
                "`connector release CASE --list` shows on which somebody did.",
            )

    return transfer.amend(job, change)


def _can_be_released(job: Job, decision: Decision) -> None:
    if why := packet.not_releasable(decision, job.mappings):
        raise UsageError(f"no person can release this record: {why}", _OVER_RULE)


def _now(job: Job, record: str) -> Decision | None:
    """What is decided of a record now; outcome `held` where it holds the case and is not kept."""
    with CaseFile.open(job.folder) as case:
        if not chart.record(case, *_parts(record)):
            raise _not_there()
        made = kept.decisions(case) if case.state.mapped_with else kept.undone(case)
        found = next((d for d in made if f"{d.type}/{d.id}" == record), None)
        holds = any(cause["record"] == record for cause in case.state.held_by)
    if holds and (found is None or found.outcome != "withheld"):
        return Decision(*_parts(record), "held", "", "")
    return found


def _ruling(job: Job, record: str) -> Ruling | None:
    with CaseFile.open(job.folder) as case:
        return next((each for each in rulings(case) if each.record == record), None)


def _put_back(case: CaseFile, record: str, earlier: Ruling | None) -> None:
    forget_ruling(case, record)
    if earlier is not None:
        rule(case, earlier)


def _parts(record: str) -> tuple[str, str]:
    resource_type, _, resource_id = record.partition("/")
    return resource_type, resource_id


def _not_there() -> UsageError:
    return UsageError(
        "no such record in the chart of this case",
        "Name it as the source does (Type/id): `connector mappings explain CASE` lists them.",
    )
