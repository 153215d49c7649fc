"""What only people can find out: whether something arrived whose answer was lost.

Nothing there may be read, and nothing says that the server would notice a second one: so nothing
is sent again until somebody has asked them, and says what they were told.
"""

from typing import Literal

from ..errors import Held, UsageError
from ..store.case.state import required
from .session import Session

Said = Literal["arrived", "absent"]

ARRIVED = "arrived, as the people there say"  # the note of what was in doubt

_ASK = (
    "Ask the people who run the destination. Then say which it is:"
    " `echo arrived | connector resolve CASE --choose -`, or `absent`, which sends it again."
)


def in_doubt(session: Session, what: str, why: str = "its answer was lost") -> Held:
    """Keep that nobody knows whether `what` arrived: the error to raise."""
    session.case.state.unknown_outcome = {"what": what, "why": why}
    return Held("unclear", f"{what} may have arrived, and may not: {why}", _ASK)


def say(session: Session, answer: str, by: str, at: str) -> None:
    """Record what somebody was told (`arrived`, `absent`). `UsageError` for another word."""
    if answer not in ("arrived", "absent"):
        raise UsageError("expected `arrived` or `absent`", "Run the same command again.")
    said = {**required(session.case.state.unknown_outcome), "said": answer, "by": by, "at": at}
    with session.case.commit():
        session.case.state.unknown_outcomes = [*session.case.state.unknown_outcomes, said]
        session.case.state.unknown_outcome = None
        session.case.state.unknown_outcome_said = said


def told(session: Session) -> Said | None:
    """What somebody said since the doubt, once. Raises `Held` again while nobody has."""
    if open_doubt := session.case.state.unknown_outcome:
        raise in_doubt(session, **open_doubt)
    said = session.case.state.unknown_outcome_said
    if said is None:
        return None
    answer: Said = said["said"]
    return answer


def told_if_any(session: Session) -> Said | None:
    """As `told`, where something is done whatever anybody said."""
    return (session.case.state.unknown_outcome_said or {}).get("said")


def settled(session: Session) -> None:
    """Say, in the commit that acts on it, that what somebody said has been heard."""
    session.case.state.unknown_outcome_said = None
