"""A packet that travels as a FHIR message: sent once, and what is proved by the answer."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.sandbox_parts import Fault, Quirks

TELECOM: dict[str, Any] = {
    "performer": {"organization": {"name": "Second Clinic"}, "telecom": {"phone": "+1 555"}}
}
OPERATION = r"process-message"


@contextmanager
def receiver(folder: Path, cache_min: int = 0, **quirks: Any) -> Iterator[support.World]:
    with support.world(
        folder, destination={"quirks": Quirks(messages=cache_min, **quirks)}
    ) as world:
        world.configure(destination='bundle = { kind = "message" }')
        yield world


def sent(world: support.World) -> Any:
    return world.cli("transfer", world.request(**TELECOM), "--json").json


def test_it_is_processed_once_and_accepted_by_the_answer(tmp_path: Path) -> None:
    with receiver(tmp_path) as world:
        values = sent(world)
        assert values["state"] == "accepted", values
        [message] = world.destination.messages
        header = message["entry"][0]["resource"]
        assert header["resourceType"] == "MessageHeader"
        assert world.written() == ["POST /fhir/$process-message"]
        assert world.there() == []
        proof = json.loads(Path(values["receipt"]).read_text())
        assert proof["kind"] == "message"
        assert proof["response"]["message"] == header["id"]
        assert proof["response"]["code"] == "ok"
        assert {line["status"] for line in proof["resources"]} == {"accepted"}
        assert len(proof["resources"]) == len(message["entry"]) - 1  # all but the header
        log = [(r["event"], r["outcome"]) for r in world.cli("audit", "show", "--json").json]
        assert log[1:] == [("deliver", "attempted"), ("announce", "accepted")]
        world.destination.requests.clear()
        assert sent(world)["state"] == "accepted"
        assert world.destination.requests == []
        assert world.cli("verify", "SO-1").code == 2


def test_who_cant_be_reached_is_told_before_anything_is_approved(tmp_path: Path) -> None:
    with receiver(tmp_path) as world:
        ran = world.cli("transfer", world.request(), "--dry-run")
        assert ran.code == 2
        assert "performer.telecom" in ran.err
        assert world.destination.requests == []
        assert sent(world)["state"] == "accepted"


def test_a_server_without_messages_gets_nothing(world: support.World) -> None:
    world.configure(destination='bundle = { kind = "message" }')
    refused = sent(world)
    assert refused["exit_code"] == 7
    assert "$process-message" in refused["reasons"][0]["why"]
    assert world.written() == []


@pytest.mark.parametrize("kind", ["drop-after", "drop-before", "cut-body"])
def test_a_lost_answer_is_repeated_where_it_would_be_noticed(tmp_path: Path, kind: Any) -> None:
    with receiver(tmp_path, cache_min=60) as world:
        world.destination.add_fault(Fault(kind, OPERATION, times=1))
        assert sent(world)["state"] == "accepted"
        assert len(world.destination.messages) == 1
        assert len(world.written()) == 2


@pytest.mark.parametrize("said", ["arrived", "absent"])
def test_else_it_is_asked_of_people(tmp_path: Path, said: str) -> None:
    with receiver(tmp_path) as world:
        kind = "drop-after" if said == "arrived" else "drop-before"
        world.destination.add_fault(Fault(kind, OPERATION, times=1))  # type: ignore[arg-type]
        for _ in range(2):
            held = sent(world)
            assert (held["exit_code"], held["reasons"][0]["code"]) == (5, "unclear")
        assert len(world.written()) == 1
        asked = world.cli("resolve", "SO-1", "--json")
        assert (asked.code, asked.json["choices"]) == (5, ["arrived", "absent"])
        assert "may have arrived" in world.cli("resolve", "SO-1").out
        wrong = world.cli("resolve", "SO-1", "--choose", "-", stdin="perhaps\n")
        assert wrong.code == 2
        world.cli("resolve", "SO-1", "--choose", "-", "--by", "A. Person", stdin=f"{said}\n")
        values = sent(world)
        assert values["state"] == "accepted"
        assert len(world.destination.messages) == 1
        assert len(world.written()) == (1 if said == "arrived" else 2)
        proof = json.loads(Path(values["receipt"]).read_text())
        assert (proof["response"] is None) == (said == "arrived")
        notes = {line["note"] for line in proof["resources"]}
        assert notes == ({"arrived, as the people there say"} if said == "arrived" else {""})


def test_one_that_was_taken_without_a_word_is_asked_of_people(tmp_path: Path) -> None:
    with receiver(tmp_path, cache_min=60, message_answers=False) as world:
        held = sent(world)
        assert held["reasons"][0]["code"] == "unclear"
        assert "HTTP 202" in held["reasons"][0]["why"]
        assert len(world.written()) == 1


def test_what_can_t_be_processed_now_is_sent_again_as_anew(tmp_path: Path) -> None:
    with receiver(tmp_path, cache_min=60, message_codes=("transient-error",) * 2) as world:
        assert sent(world)["state"] == "accepted"
        [message] = world.destination.messages
        assert len(world.written()) == 3
        assert message["id"] != message["identifier"]["value"].removeprefix("urn:uuid:")


def test_for_ever_is_a_reason_to_come_back(tmp_path: Path) -> None:
    with receiver(tmp_path, message_codes=("transient-error",) * 4) as world:
        waiting = sent(world)
        assert waiting["state"] == "waiting"
        assert waiting["reasons"][0]["exit_code"] == 4
        assert sent(world)["state"] == "accepted"
        assert len(world.destination.messages) == 1


def test_one_refused_as_it_is_is_not_sent_again_until_it_is_another(tmp_path: Path) -> None:
    with receiver(tmp_path, message_codes=("fatal-error",)) as world:
        refused = sent(world)
        assert (refused["exit_code"], refused["state"]) == (7, "destination-refused")
        assert "business-rule" in refused["reasons"][0]["why"]
        assert "about somebody" not in json.dumps(refused)
        assert sent(world)["exit_code"] == 7
        assert len(world.written()) == 1
        mended = world.cli(
            "transfer", world.request(**TELECOM, question="Is waiting better?"), "--json"
        )
        assert mended.json.get("state") == "accepted", mended
        assert len(world.destination.messages) == 1


@pytest.mark.parametrize("status", [429, 401, 403, 422])
def test_one_that_was_not_let_in_may_be_sent_again(tmp_path: Path, status: int) -> None:
    with receiver(tmp_path) as world:
        world.destination.add_fault(Fault("status", OPERATION, status=status, times=1))
        first = sent(world)
        assert first["exit_code"] == (3 if status == 429 else 7), first
        assert sent(world)["state"] == "accepted"
        assert len(world.destination.messages) == 1


def test_an_answer_to_another_message_proves_nothing(tmp_path: Path) -> None:
    header = {"resourceType": "MessageHeader", "id": "a"}
    other = {**header, "response": {"identifier": "another", "code": "ok"}}
    bundle = {"resourceType": "Bundle", "type": "message", "entry": [{"resource": other}]}
    with receiver(tmp_path) as world:
        body = json.dumps(bundle).encode()
        world.destination.add_fault(Fault("status", OPERATION, status=200, body=body))
        assert sent(world)["reasons"][0]["code"] == "unclear"
