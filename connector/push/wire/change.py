"""Change what stands there, if it is still the version that is ours: the one loop for all of it.

Read → judge → write over that version → read. Whoever asks for a change has read it once already.
Reading settles every answer, clear or not. What is somebody else's by now is never written over:
what follows from that is the policy of the change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ...errors import Held
from ...fhir.bundle import Write
from ...fhir.record import with_identity
from ..session import Session, parts
from .response import Heard
from .retry import until_done
from .search_lag import Patience
from .write import over


class Theirs(Enum):
    """What follows where a resource is somebody else's by now."""

    HOLD = "hold"  # a person looks; nothing more is written
    LEAVE = "leave"  # it stays as they made it, and the rest goes on
    REMAIN = "remain"  # it stays, and is listed: it was to go
    BESIDE = "beside"  # it stays, and what there is to say is said in a resource of its own


class Stands(Enum):
    """What was read, weighed against a change."""

    DONE = "done"
    OURS = "ours"  # still in our version
    BEFORE = "before"  # our write was done, and what is read is from before it
    THEIRS = "theirs"


@dataclass(frozen=True)
class Change:
    """`key`: `Type/<derived id>`; `place`: `Type/id` there; `version`: the one that is ours.

    `wanted`: the form that it is to have; None: it is to go.
    """

    key: str
    place: str
    version: str | None
    wanted: bytes | None
    theirs: Theirs = Theirs.HOLD

    def write(self) -> Write:
        """The write that makes it so, over our version alone."""
        name, (_, there) = f"urn:uuid:{parts(self.key)[1]}", parts(self.place)
        if self.wanted is None:
            return Write(name, "DELETE", self.place, b"", over(self.version))
        body = with_identity(self.wanted, there, ())
        return Write(name, "PUT", self.place, body, over(self.version))


@dataclass
class Brought:
    """What came of changes: `left` stand as they did and must not be tried again, by what was
    `heard` last; `theirs` are somebody else's by now.
    """

    left: list[Change]
    heard: Heard
    theirs: list[Change] = field(default_factory=list)


Look = Callable[[Sequence[Change], Heard], dict[Change, Stands]]


def bring(
    session: Session,
    changes: list[Change],
    send: Callable[[list[Change]], Heard],
    look: Look,
    *,
    doubtful: Callable[[Heard], bool] = lambda _: False,
    when: str = "",
) -> Brought:
    """Carry out `changes`, which stand in our version as they were read.

    `look` reads them, with what was heard; and again, within `search_lag_s`, what it shows from
    before our write, and what it shows unchanged where what was heard is `doubtful`. Raises `Held`
    (`theirs`) by the policy of one; `when`: in these words.
    """
    theirs: list[Change] = []

    def left(sent: list[Change], heard: Heard) -> list[Change]:
        patience = Patience(session.settings.search_lag_s)
        seen = look(sent, heard)
        old = {Stands.BEFORE, Stands.OURS} if doubtful(heard) else {Stands.BEFORE}
        while (shown := [one for one in sent if seen[one] in old]) and patience.again():
            seen |= look(shown, heard)
        moved = [one for one in sent if seen[one] is Stands.THEIRS]
        for one in moved:
            if one.theirs is Theirs.HOLD:
                raise held(parts(one.key)[0], when)
        theirs.extend(moved)
        return [one for one in sent if seen[one] in (Stands.OURS, Stands.BEFORE)]

    undone, heard = until_done(session, changes, send, left)
    return Brought(undone, heard, theirs)


def held(resource_type: str, when: str) -> Held:
    """Somebody was at it before us."""
    return Held(
        "theirs",
        when.format(type=resource_type),
        "Ask the people who run the destination what was changed and why; nothing was written"
        " over it.",
    )
