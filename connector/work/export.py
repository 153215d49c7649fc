"""A packet that leaves by another way than a push: as a Bundle or as files the patient carries."""

from pathlib import Path

from .. import packet, push
from ..case import State
from ..errors import UsageError
from ..job import Job, at_work
from ..store import route
from ..store.standing import Standing, standing


def export(job: Job, shape: packet.Shape, path: Path) -> Standing:
    """Write the packet of a mapped case to `path`, told in the disclosure log; how the case stands.

    Raises `Held` when a person has to approve it first, as before a push, and `UsageError` when
    there is no packet yet or something stands at `path`.
    """
    with at_work(job) as desk:
        case = desk.case
        if not case.fact("mapped"):
            raise UsageError("the case has no packet yet", "Author it: `connector map REQUEST`.")
        if case.fact("envelope") is None:
            raise UsageError(
                "the packet was authored by an older version of this program",
                "Author it again: `connector map REQUEST`. One that began to leave stays as it is.",
            )
        route.must_be_released(case, job.destination.release)
        route.must_be_whole(case)
        packet.write(case, shape, path, lambda: push.hand_over(desk))
        return standing(case, job.clock(), State.READY)
