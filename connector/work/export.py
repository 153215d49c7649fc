"""A packet that leaves by another way than a push: as a Bundle or as files the patient carries."""

from collections.abc import Callable
from pathlib import Path

from .. import packet, push
from ..at_work import at_work
from ..case import State
from ..errors import UsageError
from ..job import Job
from ..store.case.casefile import CaseFile
from ..store.mapped import route
from ..store.mapped.update import has_left
from ..store.status.standing import Standing, standing


def _must_be_new(case: CaseFile) -> None:
    """A transaction only creates what the receiver does not have under our tag. `UsageError` where
    it would be answered with success and change nothing, or stand beside what we brought."""
    before = case.state.exported
    if before is not None and before != case.state.packet_hash:
        raise UsageError(
            "a transaction of this case was exported before, with another packet: this one creates"
            " only what is not there yet, so what was corrected since would stay as it was",
            "Export it as a document, or push it: `transfer --update` brings up to date.",
        )
    if has_left(case):
        raise UsageError(
            "this case was pushed: a transaction would create a second Patient beside the one that"
            " the push found, and leave what was corrected as it is",
            "Export it as a document, or send what is new with `transfer --update`.",
        )


def export(
    job: Job, shape: packet.Shape, path: Path, note: Callable[[str], None] = lambda _: None
) -> Standing:
    """Write the packet of a mapped case to `path`, told in the disclosure log; how the case stands.

    `note`: told what of it a receiver may refuse, in words without ids or values.
    Raises `Held` when a person has to approve it first, as before a push, and `UsageError` when
    there is no packet yet or something stands at `path`.
    """
    with at_work(job) as session:
        case = session.case
        if not case.state.mapped_with:
            raise UsageError("the case has no packet yet", "Author it: `connector map REQUEST`.")
        if case.state.envelope is None:
            raise UsageError(
                "the packet was authored by an older version of this program",
                "Author it again: `connector map REQUEST`. One that began to leave stays as it is.",
            )
        route.must_be_released(case, job.destination.release)
        route.must_be_whole(case)
        if shape == "transaction":
            _must_be_new(case)
        if shape == "transaction" and (wrong := packet.not_allowed(case)):
            each = ", ".join(f"{what} ({number})" for what, number in wrong.items())
            note(
                "a server that checks references may refuse all of this transaction: R4 does not"
                f" allow {each}. A push leaves out only the records that are refused."
            )
        packet.write(case, shape, path, lambda: push.hand_over(session))
        push.settle_exports(session, "written")
        if shape == "transaction":
            with case.commit():
                case.state.exported = case.state.packet_hash
        return standing(case, job.clock(), State.READY)
