"""No answer is larger than allowed, however it is packed."""

import gzip
import zlib

import pytest

from connector.errors import Forbidden, Unreachable

from .conftest import Serve, endpoint
from .server import Reply

MEGABYTE = 1_000_000
GZIP = {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (bytes(MEGABYTE + 1), {}),
        (gzip.compress(bytes(20 * MEGABYTE), 1), GZIP),
        (gzip.compress(gzip.compress(bytes(20 * MEGABYTE))), {"Content-Encoding": "gzip, gzip"}),
        (zlib.compress(bytes(20 * MEGABYTE)), {"Content-Encoding": "deflate"}),
    ],
    ids=["plain", "gzip", "twice", "deflate"],
)
def test_too_large_an_answer_is_refused_once(
    serve: Serve, body: bytes, headers: dict[str, str]
) -> None:
    assert headers == {} or len(body) < MEGABYTE
    server = serve(Reply(200, body, headers))
    with pytest.raises(Forbidden, match="larger than 1000000 bytes"):
        endpoint(server, body_max=MEGABYTE).get("x", "read")
    assert len(server.seen) == 1


def test_an_answer_of_just_the_limit_is_read(serve: Serve) -> None:
    body = bytes(range(250)) * 4_000
    server = serve(Reply(200, body), Reply(200, gzip.compress(body), GZIP))
    asked = endpoint(server, body_max=MEGABYTE)
    assert [asked.get("x", "read").body for _ in range(2)] == [body, body]


def test_a_body_that_is_not_what_it_says_is_no_answer(serve: Serve) -> None:
    server = serve(Reply(200, b"Zanzibar-8812, not compressed", GZIP))
    with pytest.raises(Unreachable, match="could not be decompressed"):
        endpoint(server).get("x", "read")
