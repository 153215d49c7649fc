"""The real servers: started once, emptied between tests, each behind a counting proxy.

Without Java the suite is skipped by name; in continuous integration (CI=true) that is a failure.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NoReturn

import pytest

from tests.real.hapi_pair import HapiPair, JavaMissingError, empty
from tests.real.keycloak_server import SCOPES, Keycloak, KeycloakMissingError
from tests.real.proxy import Proxy, proxy_before
from tests.real.toxiproxy import GoMissingError, Toxiproxy, toxiproxy

_skipped: list[str] = []


@pytest.fixture(scope="session")
def hapi() -> Iterator[HapiPair]:
    try:
        pair = HapiPair()
    except JavaMissingError as error:
        skip("HAPI", error)
    yield pair
    pair.stop()


@pytest.fixture(scope="session")
def keycloak() -> Iterator[Keycloak]:
    """The authorization server; its realm knows `SCOPES`."""
    try:
        server = Keycloak(*SCOPES)
    except KeycloakMissingError as error:
        skip("Keycloak", error)
    yield server
    server.stop()


@contextmanager
def bad_line(upstream: str) -> Iterator[Toxiproxy]:
    """toxiproxy before a server, passing everything on until it is told otherwise."""
    with ExitStack() as running:
        try:
            proxy = running.enter_context(toxiproxy(upstream))
        except GoMissingError as error:
            skip("toxiproxy", error)
        yield proxy


def skip(suite: str, error: Exception) -> NoReturn:
    """Skip by name what can't be run here; in continuous integration, fail."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"the real {suite} suite must run in CI: {error}")
    _skipped.append(f"SKIPPED real {suite} suite: {error}")
    pytest.skip(f"real {suite} suite: {error}")


@pytest.fixture
def source(hapi: HapiPair) -> Iterator[Proxy]:
    """The source server as the connector sees it. What is loaded stays for the next test."""
    with proxy_before(hapi.source_url) as proxy:
        yield proxy


@pytest.fixture
def destination(hapi: HapiPair) -> Iterator[Proxy]:
    """The destination server as the connector sees it, empty at the start of each test."""
    empty(hapi.destination_url)
    with proxy_before(hapi.destination_url) as proxy:
        yield proxy


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason in dict.fromkeys(_skipped):
        terminalreporter.write_line(reason, yellow=True, bold=True)
