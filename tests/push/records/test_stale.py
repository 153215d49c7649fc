"""After an update of a record its reads still show the version before, for a while or for ever."""

from pathlib import Path

import pytest

from connector.errors import DestinationRefused, ReadBackDiffers
from connector.fhir.lossless import encode
from tests.push.conftest import doubled, writes
from tests.push.packets import Resource, chart, observation, open_session, push_all, put_packet
from tests.relay import Asked, Given, Relay
from tests.sandbox_parts import Sandbox

LATER = "2026-11-23T00:00:00Z"


class Stale:
    """Once an Observation is written over, `looks` reads show it as it was. `lost`: unanswered."""

    def __init__(self, old: Resource, looks: int, lost: bool) -> None:
        self.place, self.old = f"Observation/{old['id']}", encode(old)
        self.looks, self.lost, self.written = looks, lost, False

    def __call__(self, asked: Asked) -> Given | None:
        if asked.transaction and self.place.encode() in asked.body and not self.written:
            self.written = True
            given = asked.forward(asked.body)
            return Given(None) if self.lost else given
        if self.written and self.looks and asked.path == self.place:
            self.looks -= 1
            return Given(200, self.old)
        if self.written and asked.path.startswith("Observation/_search"):
            return Given(400, b"{}")  # each is read by itself
        return None


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
@pytest.mark.parametrize("looks", [3, 10_000], ids=["for a while", "for ever"])
def test_what_was_before_is_read_again(
    tmp_path: Path, sandbox: Sandbox, looks: int, lost: bool
) -> None:
    first = open_session(tmp_path, sandbox.base_url, handle="abcdef012341")
    first.case.state.as_of = "2026-11-22T00:00:00Z"
    wrong = [observation(0, code={"text": "wrong"}), *chart()[1:]]
    put_packet(first.case, wrong, request_id="SO-1")
    push_all(first)
    first.ledger.close()
    [old] = [r for r in sandbox.resources("Observation") if r["code"]["text"] == "wrong"]
    with Relay(sandbox, hook := Stale(old, looks, lost)) as relay:
        lag_s = 60 if looks == 3 else 0
        session = open_session(tmp_path, relay.base_url, handle="abcdef012342", search_lag_s=lag_s)
        session.case.state.as_of = LATER
        corrected = [observation(0, code={"text": "corrected"}), *chart()[1:]]
        put_packet(session.case, corrected, request_id="SO-2")
        if looks > 3:
            with pytest.raises(
                (DestinationRefused, ReadBackDiffers) if lost else DestinationRefused
            ):
                push_all(session)
            assert {t["status"] for t in sandbox.resources("Task")} == {"requested", "draft"}
            hook.looks = 0
        before = writes(sandbox)
        push_all(session)
        session.ledger.close()
    if looks == 3:
        # the packet's own, the update, the announcement
        assert writes(sandbox) - before == 3
    texts = {r["code"]["text"]: r["meta"]["versionId"] for r in sandbox.resources("Observation")}
    assert texts["corrected"] == "2"
    assert doubled(sandbox) == []
    assert {t["status"] for t in sandbox.resources("Task")} == {"requested"}
