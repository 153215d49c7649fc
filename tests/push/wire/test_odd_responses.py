"""Answers to a transaction that say little or nonsense: settled by reading, sent once, told."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.push.conftest import assert_whole, doubled, one
from tests.push.packets import chart, open_session, push_all, put_packet
from tests.relay import Asked, Given, Relay
from tests.sandbox_parts import Sandbox

ODD: tuple[Any, ...] = (
    None, "201 Created", 201, True, [], ["201"], {}, [{"status": "201"}],
    {"status": None}, {"status": 201}, {"status": ["201"]}, {"status": {"code": "201"}},
    {"status": "201 Created"}, {"status": "created"}, {"status": "2010"}, {"status": ""},
)  # fmt: skip
LOCATIONS: tuple[Any, ...] = (
    None, "", 7, [], {}, ["Patient/1"], "Patient", "/", "urn:uuid:x", "Patient/",
    "http://else.where/fhir/Basic/1/_history/1", "Basic/" + "x" * 100, "\x00\x1b[2J", "../..",
)  # fmt: skip

ETAGS: tuple[Any, ...] = (None, 1, [], {}, "W/", 'W/"a b"', "\x00")


def entries(change: Any) -> Any:
    return lambda bundle: {**bundle, "entry": [change(entry) for entry in bundle["entry"]]}


def answered(response: Any) -> Any:
    return entries(lambda entry: {**entry, "response": response})


def told(**changes: Any) -> Any:
    return entries(lambda entry: {**entry, "response": {**entry["response"], **changes}})


SHAPES: dict[str, Any] = {
    **{f"response {odd!r}": answered(odd) for odd in ODD},
    **{f"location {odd!r}": told(location=odd) for odd in LOCATIONS},
    **{f"etag {odd!r}": told(etag=odd) for odd in ETAGS},
    "entries without response": entries(lambda _: {}),
    "entries null": entries(lambda _: None),
    "entries texts": entries(lambda _: "201"),
    "one entry less": lambda b: {**b, "entry": b["entry"][:-1]},
    "one entry more": lambda b: {**b, "entry": [*b["entry"], b["entry"][0]]},
    "other order": lambda b: {**b, "entry": b["entry"][::-1]},
    "no entry": lambda b: {k: v for k, v in b.items() if k != "entry"},
    "entry null": lambda b: {**b, "entry": None},
    "entry an object": lambda b: {**b, "entry": b["entry"][0]},
    "entry a text": lambda b: {**b, "entry": "done"},
    "another resource": lambda _: {"resourceType": "OperationOutcome", "issue": None},
    "a list": lambda _: [],
    "a text": lambda _: "done",
    "null": lambda _: None,
}


@pytest.mark.parametrize("write", ["conditional", "put"])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_odd_answer_ends_truthfully(
    tmp_path: Path, sandbox: Sandbox, shape: str, write: str
) -> None:
    """The work was done, whatever the answer says: nothing is done twice, all is announced."""

    def odd(asked: Asked) -> Given | None:
        if not asked.transaction:
            return None
        given = asked.forward(asked.body)
        if given.status != 200:
            return given
        answer = SHAPES[shape](json.loads(given.body))
        return given._replace(body=json.dumps(answer).encode())

    with Relay(sandbox, odd) as relay:
        session = open_session(tmp_path, relay.base_url, write=write)
        put_packet(session.case, chart())
        receipt = push_all(session)
        session.ledger.close()
    assert {line["status"] for line in receipt["resources"]} == {"verified"}
    assert doubled(sandbox) == []
    assert_whole(sandbox)
    assert one(sandbox, "Task")["status"] == "requested"
    assert one(sandbox, "ServiceRequest")["status"] == "active"
    versions = {r["meta"]["versionId"] for r in sandbox.resources("Observation")}
    assert versions == {"1"}
