"""The retry decision, as a table."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.endpoint.retry import TRANSIENT, Again, GiveUp, Limits, Park, decide

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
LIMITS = Limits(attempts=4, backoff_s=0.5, wait_max_s=30)


@pytest.fixture(autouse=True)
def _far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("attempt", "status", "retry_after", "decision"),
    [
        # no answer, or one that may pass
        (1, None, None, Again(0.5)),
        (2, None, None, Again(1.0)),
        (3, 503, None, Again(2.0)),
        (4, 503, None, GiveUp()),
        (4, None, None, GiveUp()),
        (5, None, None, GiveUp()),
        # what never passes by itself
        (1, 400, None, GiveUp()),
        (1, 401, None, GiveUp()),
        (1, 403, None, GiveUp()),
        (1, 404, "5", GiveUp()),
        (1, 409, None, GiveUp()),
        (1, 412, None, GiveUp()),
        (1, 422, None, GiveUp()),
        (1, 501, None, GiveUp()),
        (1, 501, "5", GiveUp()),
        (1, 505, None, GiveUp()),
        (1, 302, None, GiveUp()),
        # Retry-After in seconds
        (1, 429, "0", Again(0.5)),
        (1, 429, "5", Again(5.0)),
        (1, 429, " 5 ", Again(5.0)),
        (3, 429, "1", Again(2.0)),
        (1, 429, "30", Again(30.0)),
        (1, 429, "31", Park(NOW + timedelta(seconds=31))),
        (1, 503, "3600", Park(NOW + timedelta(hours=1))),
        (4, 429, "5", GiveUp()),
        (4, 429, "3600", Park(NOW + timedelta(hours=1))),
        (1, 429, "86400", Park(NOW + timedelta(days=1))),
        (1, 429, "86401", Park(NOW + timedelta(days=1), beyond=True)),
        (1, 429, "9" * 400, Park(NOW + timedelta(days=1), beyond=True)),
        (1, 429, "1" + "0" * 18, Park(NOW + timedelta(days=1), beyond=True)),
        # … as a moment since 1970, in seconds or milliseconds, which nobody should write
        (1, 429, str(EPOCH + 20), Again(20.0)),
        (1, 429, str(EPOCH + 3600), Park(NOW + timedelta(hours=1))),
        (1, 429, str((EPOCH + 3600) * 1000), Park(NOW + timedelta(hours=1))),
        (1, 429, str(EPOCH - 3600), Again(0.5)),
        (1, 429, str(EPOCH + 40_000_000), Park(NOW + timedelta(days=1), beyond=True)),
        # … as a date, in each of the three forms of RFC 9110 5.6.7: always UTC
        (1, 429, "Sun, 22 Nov 2026 12:00:20 GMT", Again(20.0)),
        (1, 429, "Sunday, 22-Nov-26 12:00:20 GMT", Again(20.0)),
        (1, 429, "Sun Nov 22 12:00:20 2026", Again(20.0)),
        (1, 429, "Sun, 22 Nov 2026 12:00:20 -0000", Again(20.0)),
        (1, 429, "Sun, 22 Nov 2026 14:00:00 GMT", Park(NOW + timedelta(hours=2))),
        (1, 429, "Wed, 21 Oct 2015 07:28:00 GMT", Again(0.5)),
        (1, 429, "Fri, 31 Dec 9999 23:59:59 -1200", Park(NOW + timedelta(days=1), beyond=True)),
        # … as nonsense
        (1, 429, "", Again(0.5)),
        (1, 429, "soon", Again(0.5)),
        (1, 429, "-5", Again(0.5)),
        (1, 429, "5.5", Again(0.5)),
        (1, 429, "²", Again(0.5)),
        (1, 429, "1 Jan 99999999999999999999 00:00:00 GMT", Again(0.5)),
        (1, 429, "1 Jan 2026 99:99:99 GMT", Again(0.5)),
    ],
)  # fmt: skip
def test_decisions(
    attempt: int, status: int | None, retry_after: str | None, decision: object
) -> None:
    assert decide(attempt, status, retry_after, NOW, LIMITS) == decision


@pytest.mark.parametrize("status", sorted(TRANSIENT))
def test_what_may_pass_is_asked_again(status: int) -> None:
    assert decide(1, status, None, NOW, LIMITS) == Again(0.5)


def test_the_pause_grows_up_to_the_longest_that_is_waited_here() -> None:
    limits = Limits(attempts=99, backoff_s=1, wait_max_s=10)
    pauses = [decide(n, None, None, NOW, limits) for n in range(1, 7)]
    assert pauses == [Again(1), Again(2), Again(4), Again(8), Again(10), Again(10)]


@given(
    st.one_of(st.text(), st.integers().map(str), st.datetimes().map(lambda d: d.strftime("%c"))),
    st.integers(1, 9),
)
def test_whatever_a_server_says_there_is_a_decision(retry_after: str, attempt: int) -> None:
    decision = decide(attempt, 429, retry_after, NOW, LIMITS)
    if isinstance(decision, Again):
        assert attempt < LIMITS.attempts
        assert 0 <= decision.after_s <= LIMITS.wait_max_s
    elif isinstance(decision, Park):
        assert decision.until > NOW + timedelta(seconds=LIMITS.wait_max_s)
        assert decision.until <= NOW + timedelta(days=1)


def test_a_moment_is_one_of_the_servers_clock() -> None:
    ours = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
    theirs = "Sun, 22 Nov 2026 12:00:00 GMT"  # two hours ahead of us
    later = "Sun, 22 Nov 2026 12:00:07 GMT"
    limits = Limits(4, 0.5, 30)
    assert decide(1, 503, later, ours, limits, theirs) == Again(7)
    assert isinstance(decide(1, 503, later, ours, limits), Park)
    assert decide(1, 503, later, ours, limits, "no date") == decide(1, 503, later, ours, limits)
    hour = decide(1, 503, "Sun, 22 Nov 2026 13:00:00 GMT", ours, limits, theirs)
    assert hour == Park(ours + timedelta(hours=1))
