"""A destination that takes the request up before we look, or shows for a while what was before."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from connector import push
from connector.errors import DestinationRefused, Held
from connector.push import Session
from connector.store.sent import delivery
from tests.push.conftest import one, writes
from tests.push.packets import NOW, push_all
from tests.relay import Asked, Given, Relay
from tests.sandbox_parts import Sandbox

SessionOf = Callable[..., Session]


def taking_up(
    there: Sandbox, answered: bool = True, **work: Any
) -> Callable[[Asked], Given | None]:
    """They work on the Task the moment it is announced, before anybody has read it."""

    def hook(asked: Asked) -> Given | None:
        if asked.method not in ("POST", "PUT") or b'"requested"' not in asked.body:
            return None
        given = asked.forward(asked.body)
        there.put({**one(there, "Task"), **work})
        return given if answered else Given(None)

    return hook


@pytest.mark.parametrize("way", ["transaction", "single"])
@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("status", ["received", "accepted", "in-progress", "rejected"])
def test_what_is_taken_up_at_once_was_told(
    session_of: SessionOf, sandbox: Sandbox, status: str, answered: bool, way: str
) -> None:
    hook = taking_up(sandbox, answered, status=status, note=[{"text": "seen"}])
    with Relay(sandbox, hook) as relay:
        session = session_of(url=relay.base_url, way=way)
        proof = push_all(session)
        assert session.case.state.announced_at == NOW
        [line] = [x for x in proof["resources"] if x["packet"].startswith("Task/")]
        assert (line["status"], line["note"]) == ("verified", "taken up there already")
        sandbox.requests.clear()
        push.verify(session)
        assert writes(sandbox) == 0
    assert one(sandbox, "Task")["status"] == status
    assert one(sandbox, "ServiceRequest")["status"] == "active"
    # What they made of it is not ours: the version we hold is the one that we wrote.
    [row] = [row for row in delivery.deliveries(session.case) if row.type == "Task"]
    assert row.version != one(sandbox, "Task")["meta"]["versionId"]


def test_another_order_is_no_work_on_ours(session_of: SessionOf, sandbox: Sandbox) -> None:
    hook = taking_up(sandbox, status="accepted", description="something else")
    with Relay(sandbox, hook) as relay, pytest.raises(Held) as held:
        push_all(session_of(url=relay.base_url))
    assert held.value.code == "theirs"


class Stale:
    """Reads show a ServiceRequest and Task as they were before the announcement, for a while."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.seen: dict[str, bytes] = {}
        self.announced = False

    def __call__(self, asked: Asked) -> Given | None:
        if asked.transaction and b'"requested"' in asked.body:
            self.announced = True
        if asked.method != "GET" or not asked.path.startswith(("Task/", "ServiceRequest/")):
            return None
        given = asked.forward(b"")
        if not self.announced:
            self.seen[asked.path] = given.body
        elif self.looks > 0:
            self.looks -= 1
            return given._replace(body=self.seen[asked.path])
        return given


def test_a_read_that_shows_what_was_before_is_repeated(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    with Relay(sandbox, stale := Stale(looks=5)) as relay:
        push_all(session_of(url=relay.base_url, search_lag_s=60))
    assert stale.looks == 0
    assert one(sandbox, "Task")["meta"]["versionId"] == "2"


def test_what_never_shows_is_not_announced(session_of: SessionOf, sandbox: Sandbox) -> None:
    with Relay(sandbox, Stale(looks=10_000)) as relay:
        session = session_of(url=relay.base_url)
        with pytest.raises(DestinationRefused, match="said to be done, and it is not"):
            push_all(session)
        assert session.case.state.announced_at is None
    assert json.dumps(one(sandbox, "Task")["status"]) == '"requested"'
    push.announce(session_of(), NOW)
    assert one(sandbox, "Task")["meta"]["versionId"] == "2"
