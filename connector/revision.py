"""An update of a packet that was told: something is new at the source, or a person edited it.

The packet of an update is whole, like the first; push sends of it what is not there yet. Whether
there is anything to tell is known when the chart as it is now, mapped as before, gives another
packet. Only then `as_of` moves and the packet gets a number, a summary and a letter of its own.
"""

from . import packet
from .instant import instant
from .job import Job
from .progress import Progress, silent
from .pull import forget_export
from .request import Request
from .store.case import transitions
from .store.case.casefile import CaseFile
from .store.case.state import required
from .store.case.values import Open
from .store.mapped import export, update
from .store.mapped.packet import LETTER, authored
from .store.pulled import earlier
from .store.status import since


def begin(job: Job, case: CaseFile, *, pull: bool) -> None:
    """Open an update of a packet that was told, or go on with the one that is open.

    `pull`: also ask the source what is new.
    """
    found = update.opened(case)
    with case.commit():
        if found is None:
            export.keep_told(case, update.number(case))
            update.keep_former(case, required(case.state.told_at or case.state.announced_at))
            found = Open(
                number=update.number(case) + 1,
                before=required(case.state.packet_hash),
                as_of=None,
                settled=False,
                state=case.state.status,
            )
        if pull:
            found = {**found, "as_of": instant(job.clock())}
            earlier.begin_again(case, required(case.state.pulled_at or case.state.as_of))
            forget_export(case)
        transitions.begin_update(case, found, pull=pull)


def settle(case: CaseFile) -> bool:
    """Whether there is something to tell, after the chart was mapped as the packet before was."""
    found = update.opened(case)
    assert found is not None
    with case.commit():
        # That a record was taken back is told also where the packet had it no more.
        if case.state.packet_hash != found["before"] or since.taken_back_in(case, found["number"]):
            transitions.settle_update(case, found)
            return True
        update.drop_former(case, all_known=True)
        transitions.drop_update(case, found)
        return False


def told(case: CaseFile) -> None:
    """The packet as it is now was announced: what an update kept for that is done with."""
    with case.commit():
        transitions.tell(case)
        update.keep_told(case)
        update.drop_former(case, all_known=True)


def make(job: Job, case: CaseFile, progress: Progress = silent) -> packet.Outline:
    """The map step: the packet as chart, request and mappings are now. Raises what it raises."""
    return packet.map_case(
        case,
        job.request,
        job.source,
        job.destination,
        job.mappings,
        as_of=required(case.state.as_of),
        asked_at=case.state.asked_at or "",
        environment=job.destination.environment,
        revision=which(case),
        progress=progress,
    )


def which(case: CaseFile) -> packet.Revision:
    """Which packet of the case the map step makes next."""
    found, number = update.opened(case), update.number(case)
    if number == 0:
        return packet.Revision()
    if found is not None and not found["settled"]:
        return packet.Revision(number, letter=authored(case, LETTER))
    before = case.state.request_told
    return packet.Revision(number, told=Request.model_validate(before) if before else None)
