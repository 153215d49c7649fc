"""Servers that end with the test, and endpoints that point to them."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from connector.endpoint import Endpoint
from connector.settings import Source

from .server import Reply, Scripted

Serve = Callable[..., Scripted]

TOKEN = "s3cret-token"
BEARER = {"type": "bearer", "token": {"env": "ENDPOINT_TEST_TOKEN"}}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT_TEST_TOKEN", TOKEN)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as running:

        def start(*replies: Reply, tls: bool = False, client_ca: bool = False) -> Scripted:
            return running.enter_context(Scripted(*replies, tls=tls, client_ca=client_ca))

        yield start


def endpoint(
    server: Scripted | str,
    body_max: int = 100_000_000,
    types: Collection[str] = (),
    **settings: Any,
) -> Endpoint:
    """An endpoint for `server`: three tries without a pause unless `settings` say otherwise."""
    base = server if isinstance(server, str) else server.base
    values: dict[str, Any] = {
        "id": "11111111-2222-4333-8444-555555555555",
        "base_url": base,
        "environment": "test",
        "attempts": 3,
        "backoff_s": 0,
        **settings,
    }
    return Endpoint(Source.model_validate(values), "source", body_max, types)
