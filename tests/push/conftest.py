"""A sandbox as the destination, a case folder, and what stands at the destination."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from connector.fhir.systems import TAG
from connector.push import Session
from tests.push.packets import Resource, chart, open_session, put_packet
from tests.sandbox_parts import Sandbox

STRATEGIES = ("conditional", "put", "create")
TRANSACTIONS = r"^/fhir/?$"
SMALL = {"max_entries": 3}
WHOLE = {
    "Patient": 1,
    "Practitioner": 1,
    "Encounter": 1,
    "Observation": 3,
    "Composition": 1,
    "ServiceRequest": 1,
    "Task": 1,
    "Provenance": 1,
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def session_of(tmp_path: Path, sandbox: Sandbox) -> Iterator[Callable[..., Session]]:
    """Opens a session over the one case of the test, whose packet is `records`."""
    with ExitStack() as stack:

        def opened(records: list[Resource] | None = None, **options: Any) -> Session:
            owner = options.get("owner") is not None
            session = open_session(tmp_path, options.pop("url", sandbox.base_url), **options)
            stack.callback(session.ledger.close)
            stack.callback(session.case.close)
            if session.case.state.packet_hash is None:
                put_packet(session.case, chart() if records is None else records, owner)
            return session

        yield opened


def kinds(sandbox: Sandbox) -> Counter[str]:
    """How many of each type stand at the destination."""
    return Counter(resource["resourceType"] for resource in sandbox.resources())


def one(sandbox: Sandbox, resource_type: str) -> Resource:
    [found] = [r for r in sandbox.resources() if r["resourceType"] == resource_type]
    return found


def doubled(sandbox: Sandbox) -> list[tuple[str, str]]:
    """(type, tag) that stand there more than once."""
    tags = Counter(
        (resource["resourceType"], tag["code"])
        for resource in sandbox.resources()
        for tag in resource["meta"].get("tag", [])
        if tag["system"] == TAG
    )
    return [key for key, number in tags.items() if number > 1]


def writes(sandbox: Sandbox) -> int:
    """How many requests could have written something."""
    return sum(
        request.method in ("POST", "PUT", "PATCH", "DELETE")
        and not request.path.endswith(("/_search", "/$match"))
        for request in sandbox.requests
    )


def dangling(sandbox: Sandbox) -> set[str]:
    """References that point to nothing at the destination."""
    there = {f"{r['resourceType']}/{r['id']}" for r in sandbox.resources()}
    return {ref for r in sandbox.resources() for ref in _references(r) if ref not in there}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def assert_whole(sandbox: Sandbox, **changes: int) -> None:
    """Everything is there once, resolves, and is announced."""
    assert dict(kinds(sandbox)) == WHOLE | changes
    assert doubled(sandbox) == []
    assert dangling(sandbox) == set()
    assert one(sandbox, "ServiceRequest")["status"] == "active"
    assert one(sandbox, "Task")["status"] == "requested"
