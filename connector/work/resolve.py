"""What a person has to say: who the patient is at the destination, or whether a packet arrived."""

from typing import Any

from .. import push
from ..case import State
from ..errors import UsageError
from ..fhir.lossless import decode
from ..job import Job, at_work, enter, forget, iso
from ..store.casefile import CaseFile
from ..store.private import write_private
from ..store.standing import Standing, standing
from ..store.update import told
from ..view.patients import side_by_side, title

FILE = "patients.txt"
NOBODY = "Nobody at the destination may be the patient."


def look(job: Job) -> tuple[list[dict[str, Any]], Standing]:
    """Find and compare everybody who may be the patient: the rows to choose from, without values.

    The values stand side by side in the case folder, in `patients.txt` (mode 0600). `UsageError`
    for a case that has no packet yet; `Held` if the destination's searches can't be believed.
    """
    with at_work(job) as desk:
        if desk.case.fact("packet_hash") is None:
            raise UsageError(
                "the case has no packet yet", "`connector transfer REQUEST --dry-run` first."
            )
        if desk.kind == "files":
            raise UsageError("a folder can't be asked who the patient is", "Look there yourself.")
        own = desk.patient()
        judged = push.candidates(desk)
        rows = push.choice.listing(desk, own, judged)
        write_private(desk.case.folder / FILE, _page(decode(own.body), rows, judged).encode())
        return rows, standing(desk.case, job.clock())


def doubted(job: Job) -> tuple[str, Standing] | None:
    """What may have arrived and may not, in words; None where nothing is in doubt."""
    with at_work(job) as desk:
        found = desk.case.fact("doubt")
        stands = standing(desk.case, job.clock())
    return found and (f"{found['what']} may have arrived, and may not: {found['why']}", stands)


def choose(job: Job, chosen: str, by: str) -> Standing:
    """Record what is chosen, by whom and when. The next transfer goes on with that.

    `UsageError` if it is not one of those that `look` found, or can't be chosen; where something
    is in doubt, if it is neither `arrived` nor `absent`.
    """
    with at_work(job) as desk:
        case, code = desk.case, "identity"
        if case.fact("doubt"):
            code = "unclear"
            push.doubt.say(desk, chosen, by, iso(job.clock()))
        else:
            push.choice.choose(desk, chosen, by, iso(job.clock()))
        if (case.fact("obstacle") or {}).get("code") == code:
            with case.commit():
                forget(case, "obstacle")
                enter(case, _before_the_hold(case))
        return standing(case, job.clock(), State.READY)


def _before_the_hold(case: CaseFile) -> State:
    if told(case):
        return State.DELIVERED
    return State.SENDING if case.fact("sending") else State.READY


def _page(ours: dict[str, Any], rows: list[dict[str, Any]], judged: list[push.Judged]) -> str:
    lines = [] if rows else [NOBODY]
    for number, row in enumerate(rows):
        lines += title(number + 1, row)
        if number < len(judged):  # the last may be "new"
            lines += [*side_by_side(ours, judged[number].patient), ""]
    return "\n".join([*lines, ""])
