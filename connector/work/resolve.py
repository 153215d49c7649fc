"""Who the patient is at the destination, when a person has to say it."""

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
        own = desk.patient()
        judged = push.candidates(desk)
        rows = push.choice.listing(desk, own, judged)
        write_private(desk.case.folder / FILE, _page(decode(own.body), rows, judged).encode())
        return rows, standing(desk.case, job.clock())


def choose(job: Job, chosen: str, by: str) -> Standing:
    """Record who is chosen, by whom and when. The next transfer goes on with that.

    `UsageError` if it is not one of those that `look` found, or can't be chosen.
    """
    with at_work(job) as desk:
        case = desk.case
        push.choice.choose(desk, chosen, by, iso(job.clock()))
        if (case.fact("obstacle") or {}).get("code") == "identity":
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
