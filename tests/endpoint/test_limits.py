"""No answer is larger than allowed, however it is packed."""

import gzip
import io
import random
import zlib
from typing import Literal

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


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "size",
    [b"-5", b"zz", b"", b"0x5", b"5 5", b"f" * 40, b"5" * 100_000, b"\xff"],
)
def test_a_malformed_chunk_is_no_answer(serve: Serve, size: bytes) -> None:
    server = serve(Reply(raw=CHUNKED + size + b"\r\n{}\r\n"))
    with pytest.raises(Unreachable, match=r"cut short|connection"):
        endpoint(server, attempts=2).get("x", "read")
    assert len(server.seen) == 2


@pytest.mark.parametrize("codings", ["gzip," * 12_000, "gzip, gzip, gzip", "br", "gzip, br"])
def test_codings_that_nobody_asked_for_are_no_answer(serve: Serve, codings: str) -> None:
    server = serve(Reply(200, b"{}", {"Content-Encoding": codings}))
    with pytest.raises(Unreachable, match="decompressed"):
        endpoint(server, attempts=1).get("x", "read")


def test_codings_that_change_nothing_are_passed_over(serve: Serve) -> None:
    headers = {"Content-Encoding": ", identity,, Identity"}
    assert endpoint(serve(Reply(200, b"{}", headers))).get("x", "read").body == b"{}"


def test_a_part_of_an_answer_is_none(serve: Serve) -> None:
    part = Reply(206, b'{"resourceType":"Bundle"}', {"Content-Range": "bytes 0-23/9000"})
    with pytest.raises(Unreachable, match=r"only a part of it \(206\)"):
        endpoint(serve(part)).get("x", "read")
    with pytest.raises(Unreachable, match="206"):
        endpoint(serve(part)).download("x", "attachment", io.BytesIO(), 99, accept="*/*")
    assert endpoint(serve(part, Reply())).get("x", "read").status == 200


@pytest.mark.parametrize("part", ["headers", "body"])
def test_a_server_that_drips_is_left(serve: Serve, part: Literal["headers", "body"]) -> None:
    server = serve(Reply(drip=part))  # each byte comes well within the limit of silence
    asked = endpoint(server, read_timeout_s=60, answer_timeout_s=0.3, attempts=2)
    with pytest.raises(Unreachable, match="time limit while reading"):
        asked.get("x", "read")
    assert len(server.seen) == 2


@pytest.mark.parametrize("keep", [20, 500, 990])
def test_a_compressed_stream_that_ends_inside_is_no_answer(serve: Serve, keep: int) -> None:
    packed = gzip.compress(b'{"a":"' + random.Random(1).randbytes(900).hex().encode() + b'"}')
    server = serve(Reply(200, packed[:keep], GZIP))
    with pytest.raises(Unreachable, match="decompressed"):
        endpoint(server).get("x", "read")
    assert len(server.seen) == 3


def test_several_compressed_streams_in_a_row_are_one_body(serve: Serve) -> None:
    packed = gzip.compress(b'{"a":1,') + gzip.compress(b'"b":2}')
    assert endpoint(serve(Reply(200, packed, GZIP))).get("x", "read").body == b'{"a":1,"b":2}'


def test_a_download_is_limited_and_leaves_nothing_of_a_try_that_broke_off(serve: Serve) -> None:
    body = bytes(range(250)) * 4
    server = serve(Reply(200, bytes(999), promise=10_000), Reply(200, gzip.compress(body), GZIP))
    sink = io.BytesIO()
    answer = endpoint(server).download("x", "attachment", sink, len(body), accept="*/*")
    assert (answer.body, sink.getvalue()) == (b"", body)
    with pytest.raises(Forbidden, match="larger than 999 bytes"):
        endpoint(server).download("x", "attachment", sink, len(body) - 1, accept="*/*")
