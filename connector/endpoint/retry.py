"""Whether to ask again: one pure decision. Nothing here sleeps, asks or reads a clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

# RFC 9110 15: what may pass by itself. 501 and 505 never do.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


_FURTHEST_S = 366 * 86_400.0  # nobody means more than a year; dates have an end


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
    """Come back at `until` (UTC): longer than anybody should sleep in a process."""

    until: datetime


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
        return Park(now + timedelta(seconds=asked_s))
    if attempt >= limits.attempts:
        return GiveUp()
    backoff_s = min(limits.backoff_s * 2 ** (attempt - 1), limits.wait_max_s)
    return Again(max(backoff_s, asked_s or 0.0))


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _FURTHEST_S)
    moment = _moment(text)
    try:
        asked_s = (moment - now).total_seconds() if moment is not None else None
    except OverflowError:
        return None
    return None if asked_s is None else min(max(0.0, asked_s), _FURTHEST_S)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
        # RFC 9110 5.6.7: each of the three date forms is UTC, whether it says so or not.
        return moment.replace(tzinfo=moment.tzinfo or UTC)
    except (ValueError, OverflowError):
        return None
