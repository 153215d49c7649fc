"""One attempt at a goal: what stops it becomes the case's state, and the ledger's."""

from collections.abc import Callable

from . import push
from .case import AT_REST, State
from .errors import (
    ConnectorError,
    DestinationRefused,
    Exit,
    Held,
    ReadBackDiffers,
    SourceFailed,
    Waiting,
)
from .job import Job
from .store.case import transitions
from .store.case.values import Obstacle
from .store.status.standing import Standing, standing

_STATE_OF: tuple[tuple[type[ConnectorError], State], ...] = (
    (Waiting, State.WAITING),
    (Held, State.HELD),
    (SourceFailed, State.SOURCE_FAILED),
    (DestinationRefused, State.REFUSED),
    (ReadBackDiffers, State.DIFFERS),
)


def attempt(job: Job, session: push.Session, goal: State, step: Callable[[], None]) -> Standing:
    """Take `step`, and say how the case stands towards `goal`. What is no state is raised."""
    case = session.case
    try:
        transitions.resume(case)
        step()
    except (Waiting, Held, SourceFailed, DestinationRefused, ReadBackDiffers) as error:
        state = next(state for kind, state in _STATE_OF if isinstance(error, kind))
        causes = error.held_by if isinstance(error, Held) else ()
        until = error.until if isinstance(error, Waiting) else None
        held_by = [cause._asdict() for cause in causes]
        transitions.stop(case, state, _obstacle(error), held_by, until)
    if case.state.status in AT_REST:
        push.settle_writes(session)
    stands = standing(case, job.clock(), goal)
    final = standing(case, job.clock())
    session.ledger.set_state(session.handle, session.fence, final.state, int(final.exit_code))
    return stands


def _obstacle(error: ConnectorError) -> Obstacle:
    code = error.code if isinstance(error, Held) else Exit(error.exit).name.lower()
    return {
        "exit_code": int(error.exit),
        "code": code,
        "why": str(error),
        "what_to_do": error.what_to_do,
    }
