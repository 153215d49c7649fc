"""Answers that are none: a gap, never an end of the search and never an end of the run."""

from pathlib import Path

import pytest

from tests.pull.support import complete, condition, pull, small, source
from tests.sandbox_parts import Fault

ENTRY = b'{"resource":{"resourceType":"Goal","id":"g","subject":{"reference":"Patient/pat"}}}'
TOP = b'{"resourceType":"Bundle","type":"searchset"'


def fault(body: bytes, status: int = 200) -> Fault:
    return Fault("not-json", path=r"/fhir/Goal\?", body=body, status=status)


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{}}]}',
        b'{"resourceType":"Bundle","entry":[' + ENTRY + b"]}",
        TOP + b',"entry":[' + ENTRY + b'],"entry":[]}',
        TOP + b',"entry":{"0":' + ENTRY + b"}}",
        TOP + b',"link":"http://127.0.0.1/2","entry":[' + ENTRY + b"]}",
        TOP + b',"link":{"relation":"next"},"entry":[' + ENTRY + b"]}",
        TOP + b',"entry":[' + ENTRY.replace(b'"id":"g"', b'"id":"g","id":"h"') + b"]}",
        TOP + b',"entry":[{"resource":{"resourceType":"OperationOutcome","issue":5}}]}',
        TOP + b',"entry":[{"resource":{"resourceType":"OperationOutcome","issue":[[]]}}]}',
        b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":["x"]}]}',
        b'{"resourceType":"OperationOutcome"}',
        b"[]",
        b"",
    ],
)
def test_it_is_a_gap(tmp_path: Path, body: bytes) -> None:
    with small(condition("c"), faults=[fault(body)]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gap("Goal").kind == "failed"
    assert {"Patient/pat", "Condition/c"} <= pulled.records.keys()
    assert complete(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        TOP + b',"entry":null,"link":null,"total":null}',
        TOP + b',"total":' + b"9" * 40 + b"}",
        TOP + b',"total":"many","link":[]}',
        TOP + b',"total":-1,"link":{}}',
    ],
)
def test_nothing_is_an_answer(tmp_path: Path, body: bytes) -> None:
    with small(condition("c"), faults=[fault(body)]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.gaps == []


def test_one_link_as_an_object_leads_to_the_next_page(tmp_path: Path) -> None:
    body = TOP + b',"link":{"relation":"next","url":"Goal?patient=pat&_count=7"},"entry":[]}'
    goal = {"resourceType": "Goal", "id": "g", "subject": {"reference": "Patient/pat"}}
    first = Fault("not-json", path=r"/fhir/Goal\?.*_count=200", body=body)
    with small(goal, faults=[first]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert "Goal/g" in pulled.records
