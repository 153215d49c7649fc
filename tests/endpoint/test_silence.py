"""Whatever goes wrong, nothing of a URL or a body is in the error or in what it came from."""

import gzip
import traceback
from collections.abc import Callable

import pytest

from connector.endpoint import Endpoint
from connector.errors import ConnectorError

from .conftest import BEARER, TOKEN, Serve, endpoint
from .server import Reply

CANARY = "Zanzibar-8812"
BODY = f'{{"resourceType":"Patient","name":[{{"family":"{CANARY}"}}]}}'.encode()
OUTCOME = (
    f'{{"resourceType":"OperationOutcome","issue":[{{"code":"{CANARY}","diagnostics":"{CANARY}",'
    f'"details":{{"text":"{CANARY}"}},"expression":["{CANARY}"]}}]}}'
).encode()

REPLIES = {
    "refused": Reply(403, OUTCOME),
    "in another form": Reply(404, f"<html>{CANARY}</html>".encode()),
    "busy": Reply(503, OUTCOME),
    "parked": Reply(429, OUTCOME, {"Retry-After": "3600"}),
    "cut short": Reply(200, BODY, promise=9999),
    "silent": Reply(stall=True),
    "bad gzip": Reply(200, BODY, {"Content-Encoding": "gzip"}),
    "too large": Reply(200, gzip.compress(BODY * 9999), {"Content-Encoding": "gzip"}),
    "foreign redirect": Reply(302, b"", {"Location": f"https://{CANARY}.example/{CANARY}"}),
    "unreadable redirect": Reply(302, b"", {"Location": f"http://[{CANARY}:{CANARY}/"}),
    "redirect with a wrong port": Reply(302, b"", {"Location": f"http://h:{CANARY}/"}),
    "redirects": Reply(302, b"", {"Location": f"/fhir/{CANARY}"}),
}

ASKS: dict[str, Callable[[Endpoint], object]] = {
    "get": lambda asked: asked.get(f"Patient/{CANARY}?name={CANARY}", "Patient read"),
    "search": lambda asked: asked.search("Patient", {"identifier": CANARY}, "Patient search"),
    "operation": lambda asked: asked.operation(f"Patient/{CANARY}", BODY, "patient match"),
}


def everything_told(error: BaseException) -> str:
    """What a log would show of an error, and the texts of all it came from that may be shown."""
    told = "".join(traceback.format_exception(error)) + repr(error) + str(vars(error))
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told + (everything_told(cause) if cause else "")


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("reply", REPLIES)
def test_an_error_tells_nothing_of_the_patient(serve: Serve, reply: str, ask: str) -> None:
    server = serve(REPLIES[reply])
    asked = endpoint(server, body_max=50_000, auth=BEARER, attempts=1, read_timeout_s=0.1)
    with pytest.raises(ConnectorError) as caught:
        ASKS[ask](asked)
    told = everything_told(caught.value)
    assert CANARY not in told
    assert TOKEN not in told


@pytest.mark.parametrize("reply", ["cut short", "silent", "bad gzip", "too large"])
def test_nor_does_the_error_of_a_write(serve: Serve, reply: str) -> None:
    server = serve(REPLIES[reply])
    asked = endpoint(server, body_max=50_000, auth=BEARER, read_timeout_s=0.1)
    with pytest.raises(ConnectorError) as caught:
        asked.write("PUT", f"Patient/{CANARY}", BODY, "write")
    assert CANARY not in everything_told(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"https://{CANARY}.example/",
        f"http://[{CANARY}",
        f"http://127.0.0.1:{CANARY}/",
        f"x://{CANARY}",
    ],
)
def test_nor_does_the_refusal_of_an_address(serve: Serve, url: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        endpoint(serve()).get(url, "next page")
    assert CANARY not in everything_told(caught.value)


@pytest.mark.parametrize("ask", ASKS)
def test_nor_does_a_server_that_is_not_there(ask: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        ASKS[ask](endpoint("http://127.0.0.1:1/fhir"))
    assert CANARY not in everything_told(caught.value)
