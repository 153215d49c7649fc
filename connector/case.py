"""The states of a case, what may follow each, and the exit codes. Pure."""

from datetime import datetime
from enum import StrEnum

from .errors import Exit, precedence
from .model import Model


class State(StrEnum):
    """How far a case has come, or what it stands still at."""

    OPENED = "opened"  # request accepted, chart not yet whole
    PULLED = "pulled"  # chart and gaps are in the case file
    READY = "ready"  # packet authored, may leave
    UNAPPROVED = "awaiting-approval"  # packet authored, a person must approve its hash
    SENDING = "sending"  # some of it may stand at the destination
    DELIVERED = "delivered"  # all records read back (or accepted), not yet announced
    VERIFIED = "verified"  # announced and read back
    ACCEPTED = "accepted"  # announced and taken, where nothing may be read back
    WAITING = "waiting"  # a server asked us to come back
    HELD = "held"
    SOURCE_FAILED = "source-failed"
    REFUSED = "destination-refused"
    DIFFERS = "differs"
    CANCELLED = "cancelled"  # the request is taken back, the records stay there
    RECALLED = "recalled"  # what could be taken away is gone


_STOPS = frozenset({State.WAITING, State.HELD})
ARRIVED = frozenset({State.VERIFIED, State.ACCEPTED})  # as far as a destination lets it be proved
_UPDATE = frozenset({State.OPENED, State.PULLED})
_WITHDRAWN = frozenset({State.CANCELLED, State.RECALLED})
# Nothing of the case is on its way, and what stands there was looked at.
AT_REST = ARRIVED | _WITHDRAWN | {State.DIFFERS}
_BEFORE_SENDING = frozenset({State.OPENED, State.PULLED, State.READY, State.UNAPPROVED})

# state → (exit code it stands for, states that may follow). A state may always follow itself, and
# a person may take any case back.
TABLE: dict[State, tuple[Exit, frozenset[State]]] = {
    State.OPENED: (Exit.WAITING, _STOPS | {State.PULLED, State.SOURCE_FAILED}),
    State.PULLED: (
        Exit.WAITING,
        _STOPS
        | {State.OPENED, State.READY, State.UNAPPROVED, State.SOURCE_FAILED}
        | {State.VERIFIED, State.DELIVERED},  # nothing new
    ),
    # The consents are read again at the source before anything leaves.
    State.READY: (
        Exit.WAITING,
        _STOPS | _BEFORE_SENDING | {State.SENDING, State.REFUSED, State.SOURCE_FAILED},
    ),
    State.UNAPPROVED: (Exit.HELD, _STOPS | _BEFORE_SENDING),
    State.SENDING: (Exit.WAITING, _STOPS | {State.DELIVERED, State.REFUSED, State.DIFFERS}),
    State.DELIVERED: (
        Exit.WAITING,
        _STOPS | ARRIVED | {State.SENDING, State.REFUSED, State.DIFFERS} | _UPDATE,
    ),
    # An update begins where the first packet began.
    State.VERIFIED: (Exit.DELIVERED, _STOPS | {State.DIFFERS, State.REFUSED} | _UPDATE),
    State.ACCEPTED: (Exit.DELIVERED, _STOPS | {State.VERIFIED, State.DIFFERS, State.REFUSED}),
    State.WAITING: (Exit.WAITING, frozenset(State)),
    State.HELD: (Exit.HELD, frozenset(State)),
    State.SOURCE_FAILED: (Exit.SOURCE_FAILED, _STOPS | _BEFORE_SENDING),
    State.REFUSED: (
        Exit.DESTINATION_REFUSED,
        _STOPS | ARRIVED | {State.SENDING, State.DELIVERED, State.DIFFERS, *_BEFORE_SENDING},
    ),
    State.DIFFERS: (
        Exit.DIFFERS,
        _STOPS | ARRIVED | {State.SENDING, State.DELIVERED, State.REFUSED} | _UPDATE,
    ),
    State.CANCELLED: (Exit.DELIVERED, _STOPS | {State.REFUSED, State.DIFFERS}),
    State.RECALLED: (Exit.DELIVERED, _STOPS | {State.REFUSED}),
}

# What counts as reached when only a step was asked for (`pull`, `map`, `--dry-run`).
_REACHED = {
    State.PULLED: ARRIVED
    | {State.PULLED, State.READY, State.UNAPPROVED, State.SENDING, State.DELIVERED},
    State.READY: ARRIVED | {State.READY, State.UNAPPROVED, State.SENDING, State.DELIVERED},
    State.VERIFIED: ARRIVED,
}


def may_follow(state: State, following: State) -> bool:
    """Whether the table allows a case to go from `state` to `following`."""
    taken_back = following in _WITHDRAWN and state is not State.RECALLED
    return state is following or taken_back or following in TABLE[state][1]


class Facts(Model):
    """Everything the exit code of a case depends on."""

    state: State
    missing_required: bool = False  # a required item of the checklist is not there
    unexpected_gap: bool = False  # a query was refused or broke, or a record was not taken
    due: datetime | None = None  # last instant, UTC
    delivered_at: datetime | None = None
    back_at: datetime | None = None  # waiting until
    withheld_since: bool = False  # what would be withheld now stands there, and nobody decided
    closed: bool = False  # a person said that nobody waits for it any more
    now: datetime

    @property
    def waited(self) -> bool:
        """Nothing was delivered, and somebody may still be waiting."""
        return self.state not in _WITHDRAWN and not self.closed and self.delivered_at is None

    @property
    def missed(self) -> bool:
        """The same, and the need has passed."""
        return self.waited and self.due is not None and self.now > self.due


def exit_codes(facts: Facts, goal: State = State.VERIFIED) -> list[Exit]:
    """All codes that apply to a case, worst first. The state alone decides, not what a run did.

    `goal` is the state the person asked for: a dry run that is READY has reached it.
    """
    if facts.state in _WITHDRAWN or facts.closed:
        return [Exit.DELIVERED]  # nobody waits for anything any more
    codes = [Exit.DELIVERED if facts.state in _REACHED[goal] else TABLE[facts.state][0]]
    if facts.withheld_since:
        codes.append(Exit.HELD)
    if facts.missing_required or facts.unexpected_gap:
        codes.append(Exit.INCOMPLETE)
    if facts.due is not None:
        arrival = facts.delivered_at or max(facts.now, facts.back_at or facts.now)
        if arrival > facts.due:
            codes.append(Exit.LATE)
    order = precedence(missed=facts.missed)
    return [code for code in order if code in codes and code is not Exit.DELIVERED] or [
        Exit.DELIVERED
    ]
