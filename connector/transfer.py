"""What can be done with a case: the steps to a goal, or one of them, and how it stands then."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from . import push, reconciled, revision, single, steps, withdraw
from .at_work import at_work
from .attempt import attempt
from .case import State
from .case_request import begin_anew, edited
from .errors import (
    Exit,
    UsageError,
)
from .instant import instant
from .job import Job
from .pull import forget_export
from .push import Found
from .store.case import transitions
from .store.case.casefile import CaseFile
from .store.case.state import required
from .store.mapped import route, update
from .store.pulled import earlier
from .store.status.standing import Standing, standing


def advance(
    job: Job, goal: State = State.VERIFIED, *, news: bool = False, look: bool = True
) -> Standing:
    """Bring a case as far as `goal` and say how it stands. Does nothing that is done already.

    `news`: of a packet that was told, tell also what is new at the source since; `look`: ask there
    at least what the consents say by now.

    What stops a case (a server, a rule, a person who has to decide) becomes its state, not an
    exception; errors in the command and faults of this machine are raised.
    """
    with at_work(job) as session:
        return attempt(
            job, session, goal, lambda: steps.go_on(job, session, goal, news=news, look=look)
        )


def pull_again(job: Job) -> Standing:
    """Pull once more, with a new `as_of`, and compare, unless something was sent already."""
    with at_work(job) as session:
        untouched = not (update.has_left(session.case) or session.case.state.withdrawal)
        if untouched and session.case.state.stopped_by == "altered":
            begin_anew(job, session.case, same_patient=True)  # no record of it can be believed
        elif untouched and session.case.state.pull_complete:
            with session.case.commit():
                earlier.begin_again(session.case, required(session.case.state.as_of))
                forget_export(session.case)
                transitions.pull_anew(session.case)
        return attempt(job, session, State.PULLED, lambda: steps.go_on(job, session, State.PULLED))


def verify(job: Job, say: Callable[[str], None] = lambda _: None) -> Standing:
    """Read everything that was announced once more and compare it.

    `say` gets what could not be looked for, in words without patient data.
    """
    with at_work(job) as session:
        if not update.told(session.case) or session.case.state.withdrawal:
            return standing(session.case, job.clock())
        if not session.can_verify:
            raise UsageError(
                "the destination gives nothing to read back: there is nothing to compare with",
                "The receipt says what it accepted. Call them, if it has to be known more exactly.",
            )
        stands = attempt(job, session, State.VERIFIED, lambda: steps.check(job, session))
        if session.case.state.copies_unseen:
            say("whether copies of our records stand there is not known: searches by tag refused")
        return stands


def approve(job: Job, digest: str, by: str) -> Standing:
    """Let the packet with this hash leave. `UsageError` if it isn't the packet there is now."""
    with at_work(job) as session:
        _not_taken_back(session.case)
        if session.case.state.packet_hash != digest:
            raise UsageError(
                "that is not the hash of the packet as it is now",
                "Look at it again: `connector transfer REQUEST --dry-run` shows the hash.",
            )
        route.must_be_whole(session.case)
        route.approve(session.case, by, instant(job.clock()))
        if session.case.state.status is State.UNAPPROVED:
            transitions.enter(session.case, State.READY)
        # It was approved: that is what was asked for. What else there is to say stays in `reasons`.
        return replace(standing(session.case, job.clock(), State.READY), exit_code=Exit.DELIVERED)


def amend(job: Job, change: Callable[[CaseFile], None]) -> Standing:
    """Let a person add to a case, and map it again if its chart is there. Asks no server.

    What is added to a packet that was told makes an update. `UsageError` while one is on its way.
    """
    with at_work(job) as session:
        case = session.case
        _not_taken_back(case)
        if case.state.sending and not update.told(case):
            raise UsageError(
                "the packet is on its way: nothing can be added to it or taken from it",
                "Let it arrive first: `connector transfer CASE`; what comes then is an update.",
            )
        with case.commit():
            change(case)
            edited(case)
            if case.state.edited:
                revision.begin(job, case, pull=False)
        if not case.state.pull_complete:
            return standing(case, job.clock())
        if case.state.status is State.OPENED:
            transitions.enter(case, State.PULLED)  # a run ended just before this
        return attempt(job, session, State.READY, lambda: steps.author(job, session))


def take_back(job: Job, decision: withdraw.Decision, receipt: Path | None = None) -> Standing:
    """Cancel or recall a packet, as far as it left; from then on the case sends nothing else.

    `receipt`: what to recall, where the case file was lost. `UsageError` without a reason.
    """
    if receipt is None:
        _must_be_known(job)
    with at_work(job, lost=receipt is not None) as session:
        if receipt is not None:
            withdraw.from_receipt(job, session.case, receipt)
        withdraw.decide(job, session.case, decision)
        return attempt(job, session, State.VERIFIED, lambda: withdraw.go_on(job, session))


def reconcile(job: Job, receipts: Sequence[Path], *, said: bool) -> tuple[Standing, list[Found]]:
    """Find at the destination what this case brought, where the store does not know it any more.

    Pulls and maps first, if the case has no packet. `said`: somebody asked the people there. The
    next transfer goes on with what was found. `UsageError` for a receipt that can't be used.
    """
    with at_work(job) as session:
        case = session.case
        _not_taken_back(case)
        if not session.record_by_record:
            raise UsageError(
                "what is delivered there does not stand as records that can be read",
                "Nothing has to be rebuilt: run `connector transfer` again.",
            )
        if case.state.packet_hash is None:
            stands = attempt(
                job, session, State.READY, lambda: steps.go_on(job, session, State.READY)
            )
            if case.state.packet_hash is None:
                return stands, []
        hashes = reconciled.hashes(job, case, receipts)
        found: list[Found] = []

        def look() -> None:
            found.extend(push.reconcile(session, hashes, said=said))
            if case.state.status is State.HELD:
                begun = State.SENDING if case.state.sending else State.READY
                transitions.enter(case, State.DELIVERED if update.told(case) else begun)

        return attempt(job, session, State.VERIFIED, look), found


def recall_outlook(job: Job, receipt: Path | None = None) -> list[dict[str, str]]:
    """What a recall would do with each resource: `there`, `fate`, `why`. Writes nothing there.

    Raises `DestinationRefused` and what else reading may raise.
    """
    if receipt is None:
        _must_be_known(job)
    with at_work(job, lost=receipt is not None) as session:
        if receipt is not None:
            withdraw.from_receipt(job, session.case, receipt)
        fates = withdraw.outlook(job, session)
    return [{"there": fate.place, "fate": fate.fate, "why": fate.why} for fate in fates]


def rule(job: Job, ruling: single.Ruling) -> Standing:
    """Take back single records of a packet that was told, or say that they may stay there."""
    with at_work(job) as session:
        case = session.case
        _not_taken_back(case)
        on_its_way = case.state.sending and not update.told(case)
        if on_its_way and not single.under_way(case, ruling):
            raise UsageError(
                "the packet is on its way: no single record of it can be decided on",
                "Let it arrive first, or take all of it back: `connector recall CASE`.",
            )
        single.decide(job, session, ruling)
        if ruling.keep:
            stands = standing(case, job.clock())
            session.ledger.set_state(
                session.handle, session.fence, stands.state, int(stands.exit_code)
            )
            return stands
        return attempt(
            job, session, State.VERIFIED, lambda: steps.go_on(job, session, State.VERIFIED)
        )


def ruling_outlook(job: Job, records: Sequence[str]) -> list[dict[str, str]]:
    """What the recall of single records would do now: as `recall_outlook`."""
    with at_work(job) as session:
        fates = single.outlook(job, session, records)
    return [{"there": fate.place, "fate": fate.fate, "why": fate.why} for fate in fates]


def _must_be_known(job: Job) -> None:
    """`UsageError` where this store has no such case: "taken back, 0 of 0" would not be true."""
    if not (job.folder / "case.db").exists():
        raise UsageError(
            "this store has no such case: what may have been sent of it is not known here",
            "If the store was lost: `connector recall REQUEST --receipt FILE`, or `connector"
            " reconcile REQUEST` first. If nothing was sent, take the request away.",
        )


def _not_taken_back(case: CaseFile) -> None:
    if case.state.withdrawal:
        raise UsageError("the case was cancelled or recalled", "Ask anew under a new request_id.")
