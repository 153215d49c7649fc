"""Whether to ask again: one pure decision. Nothing here sleeps, asks or reads a clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ..errors import Waiting
from ..instant import instant

# RFC 9110 15: what may pass by itself. 501 and 505 never do.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


_DAY_S = 86_400.0
_FURTHEST_S = _DAY_S  # whatever is said: a case must not sleep through its meeting
_EPOCH_S = 1e9  # nobody asks for thirty years: such a number is a moment, written as one


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient an endpoint is: tries in all, first pause, longest pause spent waiting here."""

    attempts: int
    backoff_s: float
    wait_max_s: float


@dataclass(frozen=True, slots=True)
class Again:
    """Ask again after this many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Park:
    """Come back at `until` (UTC): longer than anybody should sleep in a process.

    `beyond`: the server asked for more than a day, or for no time that can be.
    """

    until: datetime
    beyond: bool = False

    def waiting(self, what: str, role: str) -> Waiting:
        """To be raised. `role`: who asked."""
        until = instant(self.until)
        more = " (Retry-After is more than a day: asked again after one)" if self.beyond else ""
        return Waiting(f"{what}: the {role} asks us to come back{more}", until)


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not ask again."""


def decide(
    attempt: int,
    status: int | None,
    retry_after: str | None,
    now: datetime,
    limits: Limits,
    date: str | None = None,
) -> Again | Park | GiveUp:
    """What to do after try number `attempt` (from 1) ended.

    `status` None means no whole answer came. `Retry-After` (RFC 9110 10.2.3) is obeyed in full:
    waited for if it is short, parked for if it is long, whichever try this was. A moment is one of
    the server's own clock, which the answer's `Date` tells (`date`): ours may be another.
    """
    if status is not None and status not in TRANSIENT:
        return GiveUp()
    asked_s = _seconds(retry_after, _moment(date) or now)
    if asked_s is not None and asked_s > limits.wait_max_s:
        until = now + timedelta(seconds=min(asked_s, _FURTHEST_S))
        return Park(until, beyond=asked_s > _FURTHEST_S)
    if attempt >= limits.attempts:
        return GiveUp()
    backoff_s = min(limits.backoff_s * 2 ** (attempt - 1), limits.wait_max_s)
    return Again(max(backoff_s, asked_s or 0.0))


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return _duration(float(text), now.timestamp())
    moment = _moment(text)
    try:
        asked_s = (moment - now).total_seconds() if moment is not None else None
    except OverflowError:
        return None
    return None if asked_s is None else max(0.0, asked_s)


def _duration(number: float, now_s: float) -> float:
    """Seconds; or seconds or milliseconds since 1970, as some servers write a moment."""
    for moment_s in (number, number / 1000):
        if moment_s >= _EPOCH_S and moment_s - now_s <= 366 * _DAY_S:
            return max(0.0, moment_s - now_s)
    return number


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
        # RFC 9110 5.6.7: each of the three date forms is UTC, whether it says so or not.
        return moment.replace(tzinfo=moment.tzinfo or UTC)
    except (ValueError, OverflowError):
        return None
