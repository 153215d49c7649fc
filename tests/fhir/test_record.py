"""A carried record under another id: all else byte for byte."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir.lossless import UndecodableError, decode, members
from connector.fhir.record import Peek, peek, with_identity

from .texts import FEWER, values

TAG = {"system": "urn:oid:1.2.3", "code": "new"}
NAMES = st.sampled_from(["status", "valueQuantity", "é", 'a"b', "_id", "contained"])


@given(st.dictionaries(NAMES, values(), max_size=4), st.sampled_from(["new", None]))
@FEWER
def test_every_other_member_stays_byte_for_byte_in_its_order(
    rest: dict[str, str], new_id: str | None
) -> None:
    body = "".join(f",{json.dumps(name)}: {text}" for name, text in rest.items())
    data = f'{{"resourceType" : "Observation" ,"id":"old","meta":{{"versionId":"7"}}{body}}}'
    top = members(with_identity(data.encode(), new_id, [TAG]))
    assert [decode(top.pop(name)) for name in ("resourceType", "meta")] == [
        "Observation",
        {"tag": [TAG]},
    ]
    assert (decode(top.pop("id")) if "id" in top else None) == new_id
    assert [(name, bytes(raw).decode()) for name, raw in top.items()] == list(rest.items())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"tag": [TAG]}),
        ({}, {"tag": [TAG]}),
        ({"tag": None}, {"tag": [TAG]}),
        ({"versionId": "3", "lastUpdated": "2026-01-01", "source": "#1"}, {"tag": [TAG]}),
        (
            {"profile": ["p"], "security": [{"code": "R"}], "tag": [{"code": "mine"}]},
            {"profile": ["p"], "security": [{"code": "R"}], "tag": [{"code": "mine"}, TAG]},
        ),
        ({"extension": [{"url": "x", "valueDecimal": 1}]},
         {"extension": [{"url": "x", "valueDecimal": 1}], "tag": [TAG]}),
    ],
)  # fmt: skip
def test_meta_loses_what_a_server_sets_and_nothing_else(
    before: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    resource: dict[str, Any] = {"resourceType": "Basic", "id": "1"}
    if before is not None:
        resource["meta"] = before
    made = decode(with_identity(json.dumps(resource).encode(), "1", [TAG]))
    assert made == {"resourceType": "Basic", "id": "1", "meta": after}


def test_a_record_without_meta_and_tags_gets_its_identity() -> None:
    assert with_identity(b'{"id":"a","resourceType":"Basic"}', "b", []) == (
        b'{"resourceType":"Basic","id":"b","meta":{"tag":[]}}'
    )


def test_peek() -> None:
    data = b'{"meta":{"versionId":"4"},"id":"1","resourceType":"Patient","name":[]}'
    assert peek(data) == Peek("Patient", "1", "4", subsetted=False)


def test_peek_sees_what_was_sent_only_in_part() -> None:
    meta = '{"tag":[{"code":"x"},{"code":"SUBSETTED"}]}'
    assert peek(f'{{"resourceType":"Basic","id":"1","meta":{meta}}}'.encode()).subsetted


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"null",
        b'{"id":"1"}',
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Patient","id":1}',
        b'{"resourceType":null,"id":"1"}',
        b'{"resourceType":"Patient","id":"1","meta":[]}',
        b'{"resourceType":"Patient","id":"1","meta":null}',
        b'{"resourceType":"Patient","id":"1","meta":{"tag":{}, "x":1}, }',
        b'{"resourceType":"Patient","id":"1","meta":{"tag":"SUBSETTED"}}',
        b'{"resourceType":"Patient","id":"1","meta":{"tag":["SUBSETTED"]}}',
        b'{"resourceType":"Patient","id":"\\ud800"}',
    ],
)
def test_peek_refuses_what_is_no_record(data: bytes) -> None:
    with pytest.raises(UndecodableError):
        peek(data)
