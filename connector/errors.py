"""Everything that can go wrong, and what a person does about it.

ConnectorError                     exit code
├── UsageError                     2   the command, a file or a setting is wrong
├── Waiting                        4   a server asked us to come back later
├── Held                           5   a person has to decide
├── SourceFailed                   6   the source can't give the chart
├── DestinationRefused             7   the destination can't or won't take the packet
├── ReadBackDiffers                8   what stands at the destination isn't what was sent
├── LockHeld                       10  another run works on this case or folder
└── EndpointError                      one HTTP exchange failed; the caller knows what that means:
    ├── Unreachable                    no answer: name, connection, TLS, time limit, cut body
    ├── Answered                       an answer that isn't a success (has .status)
    ├── NotFhir                        an answer that isn't the FHIR JSON it should be
    ├── Forbidden                      our own rule forbids the request (origin, plain http)
    │   └── TooLarge                   the answer is larger than we take
    └── SignInFailed                   no token to ask with: nothing was sent to the FHIR server

Every message is safe to log: it never holds a name, an identifier, a patient's id, a URL with a
query or a body. `what_to_do` is one sentence for the person who reads the message.
"""

from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple


class Exit(IntEnum):
    """Exit codes: a contract with cron and scripts, documented in docs/exit-codes.md."""

    DELIVERED = 0
    INTERNAL = 1
    USAGE = 2
    INCOMPLETE = 3
    WAITING = 4
    HELD = 5
    SOURCE_FAILED = 6
    DESTINATION_REFUSED = 7
    DIFFERS = 8
    LOCKED = 10
    LATE = 11
    INTERRUPTED = 130


# Which code one case shows when several apply; first wins.
PRECEDENCE = (
    Exit.INTERRUPTED,
    Exit.INTERNAL,
    Exit.USAGE,
    Exit.LOCKED,
    Exit.HELD,
    Exit.SOURCE_FAILED,
    Exit.DESTINATION_REFUSED,
    Exit.DIFFERS,
    Exit.INCOMPLETE,
    Exit.LATE,
    Exit.WAITING,
    Exit.DELIVERED,
)


def precedence(*, missed: bool = False, many: bool = False) -> tuple[Exit, ...]:
    """The order in which codes are shown.

    `missed`: nothing was delivered, and the need has passed. Then that is said before whatever
    stands in the way. `many`: of a run over many requests, where one that can't be read must not
    hide what other cases wait for.
    """
    order = list(PRECEDENCE)
    if missed:
        order.remove(Exit.LATE)
        order.insert(order.index(Exit.LOCKED) + 1, Exit.LATE)
    if many:
        order.remove(Exit.USAGE)
        order.insert(order.index(Exit.INCOMPLETE) + 1, Exit.USAGE)
    return tuple(order)


class ConnectorError(Exception):
    """Base of all errors we raise on purpose."""

    exit = Exit.INTERNAL

    def __init__(self, message: str, what_to_do: str = "") -> None:
        super().__init__(message)
        self.what_to_do = what_to_do


class UsageError(ConnectorError):
    """The command, a request file or the configuration is wrong."""

    exit = Exit.USAGE


class Waiting(ConnectorError):
    """A server asked us to come back. `until` is UTC, ISO 8601, to the second."""

    exit = Exit.WAITING

    def __init__(self, message: str, until: str, what_to_do: str = "") -> None:
        super().__init__(message, what_to_do or f"Run the same command again after {until}.")
        self.until = until


class Cause(NamedTuple):
    """What holds a case, for the case file and the terminal of a person only: it holds ids.

    Records, consents and `because` are `Type/id` at the source; "" where there is none.
    """

    code: str
    record: str = ""
    rule: str = ""
    label: str = ""
    consent: str = ""
    because: str = ""  # the record from which it follows, where not for itself


class Held(ConnectorError):
    """Nothing more happens until a person decides. `code` is a short word for --json.

    `held_by`: each record, rule, label or consent that does it. Not for the message.
    """

    exit = Exit.HELD

    def __init__(
        self, code: str, message: str, what_to_do: str, held_by: Iterable[Cause] = ()
    ) -> None:
        super().__init__(message, what_to_do)
        self.code = code
        self.held_by = tuple(held_by)


class SourceFailed(ConnectorError):
    """The source is down, is not R4, or refuses what the case can't do without."""

    exit = Exit.SOURCE_FAILED


class DestinationRefused(ConnectorError):
    """The destination is down, is not R4, or refuses the packet."""

    exit = Exit.DESTINATION_REFUSED


class ReadBackDiffers(ConnectorError):
    """A resource at the destination is not equal to the one sent."""

    exit = Exit.DIFFERS


class LockHeld(ConnectorError):
    """Another process works on the same thing."""

    exit = Exit.LOCKED


class EndpointError(ConnectorError):
    """One HTTP exchange failed. The room that asked turns it into a gap or an error above."""


class Unreachable(EndpointError):
    """No whole answer: name resolution, connection, TLS, time limit, a body cut short."""


class Answered(EndpointError):
    """The server answered with a status that is not a success."""

    def __init__(self, status: int, message: str, what_to_do: str = "") -> None:
        super().__init__(message, what_to_do)
        self.status = status


class NotFhir(EndpointError):
    """The answer is not the FHIR R4 JSON that was asked for."""


class Forbidden(EndpointError):
    """The request would break one of our rules (another origin, plain http, too many pages)."""


class TooLarge(Forbidden):
    """The answer is larger than we take."""


class SignInFailed(EndpointError):
    """No access token could be had. The request it was for has not been sent."""


def worst(codes: Iterable[Exit], order: tuple[Exit, ...] = PRECEDENCE) -> Exit:
    """The code to show when several apply (none: delivered)."""
    return min(codes, key=order.index, default=Exit.DELIVERED)


def unforeseen(error: Exception) -> ConnectorError:
    """An error that nobody raised on purpose, as one of ours.

    Its own text may hold patient data and is left out, but for what the system says of a file.
    """
    if isinstance(error, OSError):  # a full disk, a missing permission: a person's to mend
        where = f": {error.filename}" if isinstance(error.filename, str) else ""
        return ConnectorError(
            f"{error.strerror or 'input or output failed'}{where}",
            "Check the disk's space and the permissions.",
        )
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = Path(trace.tb_frame.f_code.co_filename).name if trace else "?"
    place = f"{name}:{trace.tb_lineno}" if trace else "?"
    return ConnectorError(
        f"internal error {type(error).__name__} at {place}", "Please report this line."
    )
