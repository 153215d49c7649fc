"""What a read-back proves that is no resource at all."""

import pytest

from connector.push.records.expected import judge

BASE = "https://outside.example/fhir"
SENT = b'{"resourceType":"Goal","id":"1","description":{"text":"x"}}'


def test_the_same_is_verified() -> None:
    assert judge("1", SENT, SENT, BASE).status == "verified"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", SENT[:-4], b"[]", b"\xff", SENT.replace(b'"x"', b"[" * 5000 + b"]" * 5000)],
)
def test_what_cannot_be_read_differs(body: bytes) -> None:
    reading = judge("1", SENT, body, BASE)
    assert (reading.status, reading.version) == ("differs", None)
