"""One origin is asked so often a second, and not for ever again."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.endpoint.pace import pace_of, turn
from connector.errors import Answered

from .conftest import Serve, endpoint
from .server import Reply

TIMES = st.lists(st.floats(0, 1000), max_size=30).map(sorted)


@given(TIMES, st.floats(0.1, 100))
def test_requests_leave_evenly_and_no_later_than_they_must(
    asked: list[float], per_second: float
) -> None:
    free_at, starts = 0.0, []
    for now in asked:
        start, free_at = turn(free_at, now, per_second)
        assert start >= now
        starts.append(start)
    for (before, start), now in zip(itertools.pairwise(starts), asked[1:], strict=True):
        assert start == max(now, before + 1 / per_second)


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_without_a_rate_nobody_waits(free_at: float, now: float) -> None:
    assert turn(free_at, now, None)[0] == now


def test_threads_and_endpoints_share_the_rate_of_an_origin(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("connector.endpoint.pace.time.sleep", slept.append)
    monkeypatch.setattr("connector.endpoint.pace.time.monotonic", lambda: 5.0)
    server = serve()
    both = [endpoint(server, requests_per_second=2) for _ in range(2)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: both[n % 2].get("x", "read"), range(6)))
    assert sorted(slept) == [0.5, 1.0, 1.5, 2.0, 2.5]


def test_a_server_that_is_down_is_left_in_peace(serve: Serve) -> None:
    server = serve(Reply(503))
    asked = endpoint(server, attempts=10)
    for _ in range(20):
        with pytest.raises(Answered):
            asked.get("x", "read")
    assert len(server.seen) == 20 + 50


@pytest.mark.deep
def test_a_server_that_fails_every_second_time_is_read_to_the_end(serve: Serve) -> None:
    server = serve(*[Reply(503), Reply(200, b"[]")] * 120)
    asked = endpoint(server)
    assert {asked.get("x", "read").body for _ in range(120)} == {b"[]"}


def test_a_pace_belongs_to_one_origin() -> None:
    assert pace_of("http://a:80") is pace_of("http://a:80")
    assert pace_of("http://a:80") is not pace_of("http://a:81")
