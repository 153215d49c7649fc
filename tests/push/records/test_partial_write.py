"""A destination that keeps what passed of a transaction: what we left there becomes whole."""

from collections.abc import Callable
from typing import Any

import pytest

from connector import push
from connector.errors import ConnectorError
from connector.fhir.lossless import decode, encode
from connector.push import Session
from connector.store.sent import delivery
from tests.push.conftest import doubled, one
from tests.push.packets import Resource, chart, push_all
from tests.relay import Asked, Given, Relay
from tests.sandbox_parts import Quirks, Sandbox

SessionOf = Callable[..., Session]
LOOSE = Quirks(integrity=False)  # a placeholder that nothing answers to is stored as it is

GOAL: Resource = {
    "resourceType": "Goal",
    "id": "g1",
    "lifecycleStatus": "active",
    "description": {"text": "to walk again"},
    "subject": {"reference": "Patient/p1"},
}


def no_rollback(status: int | None, once: bool) -> Callable[[Asked], Given | None]:
    """Goals are refused, the rest is stored; the answer says so entry by entry, or as a whole."""
    met: list[int] = []

    def hook(asked: Asked) -> Given | None:
        if not asked.transaction:
            return None
        bundle = decode(asked.body)
        goals = [n for n, e in enumerate(bundle["entry"]) if "Goal" in e["request"]["url"]]
        if not goals or (once and met):
            return None
        met.append(1)
        rest = [e for n, e in enumerate(bundle["entry"]) if n not in goals]
        failed = {"response": {"status": "422 Unprocessable Entity"}}
        told: list[Any] = []
        if rest:
            given = asked.forward(encode({**bundle, "entry": rest}))
            told = decode(given.body)["entry"]
        for at in goals:
            told.insert(at, failed)
        if status != 200:
            return Given(status, b'{"resourceType":"OperationOutcome","issue":[]}')
        answer = {"resourceType": "Bundle", "type": "transaction-response", "entry": told}
        return Given(200, encode(answer))

    return hook


@pytest.mark.parametrize(
    ("status", "once"),
    [(200, False), (422, False), (200, True), (422, True), (500, True), (None, True)],
)
def test_it_ends_whole(session_of: SessionOf, status: int | None, once: bool) -> None:
    with Sandbox(quirks=LOOSE) as there, Relay(there, no_rollback(status, once)) as relay:
        session = session_of([*chart(), GOAL], url=relay.base_url, attempts=2)
        proof = push_all(session)
        assert one(there, "Task")["status"] == "requested"
        assert doubled(there) == []
        assert not [r for r in _references(there) if r.startswith("urn:")]
        lines = {line["packet"].partition("/")[0]: line["status"] for line in proof["resources"]}
        assert lines.pop("Goal") == ("verified" if once else "rejected")
        assert set(lines.values()) == {"verified"}
        assert delivery.unfinished(session.case) == {}


def test_what_they_changed_in_it_is_still_theirs(session_of: SessionOf) -> None:
    with Sandbox(quirks=LOOSE) as there, Relay(there, no_rollback(200, once=True)) as relay:
        session = session_of([*chart(), GOAL], url=relay.base_url)
        push.resolve(session)
        push.deliver(session)
        there.put({**one(there, "Composition"), "title": "Our own title"})
        with pytest.raises(ConnectorError):
            push.read_back(session)
        assert one(there, "Composition")["title"] == "Our own title"


def _references(there: Sandbox) -> list[str]:
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("reference"), str):
                found.append(value["reference"])
            for child in value.values():
                walk(child)
        elif isinstance(value, list):
            for child in value:
                walk(child)

    walk(there.resources())
    return found
