"""What a person has to say: who the patient is at the destination, or whether a packet arrived."""

from collections import Counter
from typing import Any, get_args

from .. import push
from ..at_work import at_work
from ..case import State
from ..channel import channel_of
from ..errors import UsageError
from ..fhir.lossless import decode
from ..instant import instant
from ..job import Job
from ..store.case import transitions
from ..store.case.casefile import CaseFile
from ..store.mapped.update import told
from ..store.private import write_private
from ..store.status.standing import Standing, standing
from ..view.patients import side_by_side, title

FILE = "patients.txt"
NOBODY = "Nobody at the destination may be the patient."


def look(job: Job) -> tuple[list[dict[str, Any]], Standing]:
    """Find and compare everybody who may be the patient: the rows to choose from, without values.

    The values stand side by side in the case folder, in `patients.txt` (mode 0600). `UsageError`
    for a case that has no packet yet; `Held` if the destination's searches can't be believed.
    """
    with at_work(job) as session:
        if session.case.state.packet_hash is None:
            raise UsageError(
                "the case has no packet yet", "`connector transfer REQUEST --dry-run` first."
            )
        if not channel_of(job, session).asks_patient:
            raise UsageError("a folder can't be asked who the patient is", "Look there yourself.")
        own = session.patient()
        judged = push.candidates(session)
        rows = push.choice.listing(session, own, judged)
        write_private(session.case.folder / FILE, _page(decode(own.body), rows, judged).encode())
        return rows, standing(session.case, job.clock())


def doubted(job: Job) -> tuple[str, tuple[str, ...], Standing] | None:
    """What only a person can say, in words, and the words to choose from; None where nothing is.

    What may have arrived and may not; or what stands there more than once.
    """
    with at_work(job) as session:
        found, stands = session.case.state.unknown_outcome, standing(session.case, job.clock())
        if found:
            question = f"{found['what']} may have arrived, and may not: {found['why']}"
            return question, get_args(push.unknown_outcome.Said), stands
        if session.case.state.stopped_by != "doubled":
            return None
        copies = [copy for one in push.duplicates.look(session) for copy in one.copies]
        told = ", ".join(f"{n} {name}" for name, n in sorted(_counted(copies).items()))
        question = f"copies of what we brought stand there ({told or 'none any more'})"
        return question, get_args(push.duplicates.Said), stands


def choose(job: Job, chosen: str, by: str) -> Standing:
    """Record what is chosen, by whom and when. The next transfer goes on with that.

    `UsageError` if it is not one of those that `look` found, or can't be chosen; where something
    is in doubt, if it is neither `arrived` nor `absent`; where something stands twice, if it is
    neither `remove` nor `keep`.
    """
    with at_work(job) as session:
        case, code = session.case, "identity"
        if case.state.unknown_outcome:
            code = "unclear"
            push.unknown_outcome.say(session, chosen, by, instant(job.clock()))
        elif case.state.stopped_by == "doubled":
            code = "doubled"
            push.duplicates.say(session, chosen, by, instant(job.clock()))
        else:
            push.choice.choose(session, chosen, by, instant(job.clock()))
        if case.state.stopped_by == code:
            transitions.decided(case, _before_the_hold(case))
        return standing(case, job.clock(), State.READY)


def _counted(places: list[str]) -> Counter[str]:
    return Counter(place.partition("/")[0] for place in places)


def _before_the_hold(case: CaseFile) -> State:
    if told(case):
        return State.DELIVERED
    return State.SENDING if case.state.sending else State.READY


def _page(ours: dict[str, Any], rows: list[dict[str, Any]], judged: list[push.Judged]) -> str:
    lines = [] if rows else [NOBODY]
    for number, row in enumerate(rows):
        lines += title(number + 1, row)
        if number < len(judged):  # the last may be "new"
            lines += [*side_by_side(ours, judged[number].patient), ""]
    return "\n".join([*lines, ""])
