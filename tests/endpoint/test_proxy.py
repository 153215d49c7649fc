"""A proxy of the environment never sees what is meant for this machine."""

import json

import pytest

from connector.errors import Answered, Unreachable

from .conftest import BEARER, Serve, endpoint
from .server import Reply

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
FORMS = ("127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0.0.0.0")


@pytest.fixture
def proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What came to the proxy that the environment names."""
    running = serve(Reply(status=502))
    for name in PROXIES:
        monkeypatch.setenv(name, running.origin)
        monkeypatch.setenv(name.lower(), running.origin)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    seen: list[object] = running.seen  # type: ignore[assignment]
    return seen


@pytest.mark.parametrize("host", FORMS)
def test_reads_searches_and_writes_go_straight(
    serve: Serve, proxy: list[object], host: str
) -> None:
    server = serve()
    there = endpoint(server.base.replace("127.0.0.1", host), auth=BEARER)
    assert there.get("Patient/p", "read").ok
    assert there.search("Patient", {"identifier": "s|1"}, "search").ok
    assert there.write("POST", "Patient", b"{}", "write").ok
    assert [seen.method for seen in server.seen] == ["GET", "POST", "POST"]
    assert not proxy


def test_so_does_a_client_secret(
    serve: Serve, proxy: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENDPOINT_TEST_SECRET", "our-client-secret")
    token = {"access_token": "t", "token_type": "bearer", "scope": "system/*.rs"}
    server = serve(Reply(body=json.dumps(token).encode()), Reply())
    auth = {
        "type": "client-secret",
        "client_id": "us",
        "client_secret": {"env": "ENDPOINT_TEST_SECRET"},
        "token_url": f"{server.origin}/token",
        "scopes": ["system/*.rs"],
    }
    assert endpoint(server, auth=auth).get("Patient/p", "read").ok
    assert server.seen[0].path == "/token"
    assert not proxy


def test_so_does_a_page_or_an_attachment_at_another_port(serve: Serve, proxy: list[object]) -> None:
    files = serve()
    there = endpoint(serve(), allowed_origins=[files.origin])
    assert there.get(f"{files.origin}/scan", "attachment").ok
    assert len(files.seen) == 1
    assert not proxy


def test_another_host_is_asked_through_it(proxy: list[object]) -> None:
    there = endpoint("http://fhir.invalid/fhir", allow_plain_http=True, attempts=1)
    with pytest.raises(Answered, match="HTTP 502"):
        there.get("Patient/p", "read")
    assert proxy


@pytest.mark.parametrize(
    "address", ["socks5://127.0.0.1:9", "http://[::1", "ftp://127.0.0.1:9", "http://"]
)
def test_a_proxy_that_can_not_be_used_is_what_is_told(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HTTP_PROXY", address)
    monkeypatch.setenv("http_proxy", address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    there = endpoint("http://fhir.example.org", allow_plain_http=True, attempts=1)
    with pytest.raises(Unreachable, match="the proxy's address can't be used"):
        there.get("Patient/p", "read")
