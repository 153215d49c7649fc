"""How a case goes from one state to the next: the only module that changes how far it has come.

Each is one commit. What a step leaves besides (records, packet, what stands there) is its own rows.
"""

from typing import Any, Literal

from ...case import State, may_follow
from ...errors import ConnectorError
from ...settings import Kind
from .casefile import CaseFile
from .state import CaseState, required
from .values import Obstacle, Open, Withdrawal


def enter(case: CaseFile, status: State) -> None:
    """Bring a case into `status`, if the table of states lets it go there."""
    now = case.state.status
    if not may_follow(now, status):
        raise ConnectorError(f"internal: a case can't go from {now} to {status}")
    case.state.status = status


# the request


def open_case(
    case: CaseFile, request: dict[str, Any], route: dict[str, Any], needed_by: str
) -> None:
    """Open a case for a request, between two ends."""
    with case.commit():
        case.state.route = route
        case.state.status = State.OPENED
        take_request(case, request, needed_by)


def take_request(case: CaseFile, request: dict[str, Any], needed_by: str) -> None:
    """Go by this request from now on: no edit of it waits any more."""
    with case.commit():
        case.state.edit_waits = None
        case.state.request = request
        case.state.needed_by = needed_by


def edit_waits(case: CaseFile, waits: bool) -> None:
    """Say whether an edit of the request waits for the packet that is on its way."""
    case.state.edit_waits = waits or None


def adopt(case: CaseFile, route: dict[str, Any], at: str) -> None:
    """Freeze the ends of a case that an older program opened without them."""
    with case.commit():
        case.state.route = route
        case.state.adopted_at = at


def move(case: CaseFile, route: dict[str, Any]) -> None:
    """Say that the two ends have other addresses now."""
    case.state.route = route


def edit(case: CaseFile) -> None:
    """Say that a packet that was told is to be made anew, and that makes an update."""
    with case.commit():
        remap(case)
        case.state.edited = True


def close(case: CaseFile, by: str, at: str, reason: str) -> None:
    """Say that nobody waits for it any more."""
    case.state.closed = {"by": by, "at": at, "reason": reason}


def reopen(case: CaseFile) -> None:
    """Take that back."""
    case.state.closed = None


# what stops it


def stop(
    case: CaseFile,
    status: State,
    obstacle: Obstacle,
    held_by: list[dict[str, str]],
    back_at: str | None,
) -> None:
    """Keep what stopped a run, as the state of the case."""
    with case.commit():
        case.state.obstacle = obstacle
        case.state.held_by = held_by or None
        case.state.back_at = back_at
        enter(case, status)


def resume(case: CaseFile) -> None:
    """Try again what was stopped."""
    case.state.forget(CaseState.obstacle, CaseState.back_at, CaseState.held_by)


def decided(case: CaseFile, status: State) -> None:
    """A person has decided what held the case: it stands again as before."""
    with case.commit():
        case.state.obstacle = None
        enter(case, status)


# chart and packet


def pull_as_of(case: CaseFile, at: str) -> None:
    """Begin the first pull, or another in its place."""
    with case.commit():
        case.state.as_of = at
        case.state.pulled_at = at


def pull_anew(case: CaseFile) -> None:
    """Ask for everything again, as of another moment; the records that are there stay."""
    with case.commit():
        case.state.as_of = None
        _ask_again(case)
        remap(case)
        enter(case, State.OPENED)


def _ask_again(case: CaseFile) -> None:
    case.state.forget(CaseState.pull_complete, CaseState.filled, CaseState.everything_types)


def remap(case: CaseFile) -> None:
    """Say that the packet is to be made anew."""
    case.state.mapped_with = None


def mapped(case: CaseFile, mappings: str, outline: dict[str, Any]) -> None:
    """Say that the packet is made, by the mapping set of this identity."""
    with case.commit():
        case.state.outline = outline
        case.state.mapped_with = mappings


# on its way, and told


def leave(case: CaseFile, kind: Kind) -> None:
    """From now on some of the packet may stand at the destination."""
    with case.commit():
        enter(case, State.SENDING)
        case.state.sending = True
        case.state.kind = kind


def come_back(case: CaseFile) -> None:
    """Nothing of it has left after all: it may go another way."""
    case.state.forget(CaseState.sending, CaseState.kind)


def announced(case: CaseFile, at: str) -> None:
    """Say that the packet as it is now was announced. `at`: FHIR dateTime."""
    with case.commit():
        case.state.announced_at = case.state.announced_at or at
        case.state.told_at = at


def tell(case: CaseFile) -> None:
    """The packet as it is now was told: an update is done with."""
    with case.commit():
        case.state.request_told = case.state.request
        case.state.update = None


# an update


def begin_update(case: CaseFile, found: Open, *, pull: bool) -> None:
    """Open an update, or go on with one. `pull`: the source is asked what is new, as of `as_of`."""
    with case.commit():
        if case.state.update is None:
            case.state.forget(CaseState.sending, CaseState.announcing, CaseState.edited)
        if pull:
            case.state.pulled_at = found["as_of"]
            _ask_again(case)
        remap(case)
        case.state.update = found
        enter(case, State.OPENED if pull else State.PULLED)


def settle_update(case: CaseFile, found: Open) -> None:
    """There is something to tell: the packet is made anew, under the number of the update."""
    with case.commit():
        case.state.update = {**found, "settled": True}
        case.state.asked_at = case.state.asked_at or case.state.as_of
        case.state.as_of = found["as_of"] or case.state.as_of
        case.state.revision = found["number"]
        remap(case)


def drop_update(case: CaseFile, found: Open) -> None:
    """There is nothing to tell: the case stands as before."""
    with case.commit():
        case.state.sending = True
        case.state.update = None
        # What did not stand as it should is read again.
        was = State(found["state"])
        enter(case, was if was is State.VERIFIED else State.DELIVERED)


def renumber_update(case: CaseFile) -> None:
    """Give the open update the next number: another one was told under the one it has."""
    found = required(case.state.update)
    with case.commit():
        case.state.update = {**found, "number": found["number"] + 1}
        case.state.revision = found["number"] + 1
        remap(case)


# taken back


def withdraw(case: CaseFile, how: Literal["cancel", "recall"], by: str, at: str, why: str) -> None:
    """Keep a person's decision to take the packet back: nothing else is sent any more."""
    with case.commit():
        case.state.withdrawal = Withdrawal(how=how, by=by, at=at, reason=why)
        case.state.withdrawn = None


def withdrawn(case: CaseFile, left: list[str]) -> None:
    """Say that it is done, and what is left there."""
    case.state.withdrawn = {"left": left}


def restore(case: CaseFile, kind: Kind, packet_hash: str, announced_at: str | None) -> None:
    """Fill a case whose file was lost with what its receipt says."""
    with case.commit():
        case.state.kind = kind
        case.state.packet_hash = packet_hash
        case.state.announced_at = announced_at
        case.state.sending = True
