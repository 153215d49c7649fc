"""Read back by search where that proves it, one by one where it does not."""

from collections.abc import Callable
from typing import Any

import pytest

from connector import push
from connector.errors import ReadBackDiffers
from connector.fhir.lossless import decode, encode
from connector.push import Session
from tests.push.conftest import assert_whole
from tests.push.packets import chart, push_all
from tests.sandbox_parts import Fault, Quirks, Sandbox

SessionOf = Callable[..., Session]


def reads(sandbox: Sandbox) -> int:
    return sum(
        request.method == "GET" and request.path.startswith("/fhir/Observation/")
        for request in sandbox.requests
    )


def test_many_of_a_type_are_shown_by_one_search(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = session_of(chart(30))
    proof = push_all(session)
    assert reads(sandbox) == 0
    assert {line["status"] for line in proof["resources"]} == {"verified"}
    assert all(line["version"] for line in proof["resources"])
    push.verify(session)
    assert reads(sandbox) == 30  # for what changed since, each is read


@pytest.mark.parametrize(
    ("quirks", "expected"),
    [
        (Quirks(ignores=frozenset({"_id"})), 0),  # all are shown, whoever was asked for
        (Quirks(page_max=7), 23),
        (Quirks(refuses=frozenset({"_count=30"})), 30),
    ],
)
def test_what_a_search_does_not_show_is_read(
    session_of: SessionOf, quirks: Quirks, expected: int
) -> None:
    with Sandbox(quirks=quirks) as other:
        push_all(session_of(chart(30), url=other.base_url))
        assert reads(other) == expected
        assert_whole(other, Observation=30)


@pytest.mark.parametrize("change", ["subsetted", "another"])
def test_what_a_search_shows_wrongly_is_read(
    session_of: SessionOf, sandbox: Sandbox, change: str
) -> None:
    session = session_of(chart(30))
    push.resolve(session)
    push.deliver(session)
    shown = [altered(o, change) for o in sandbox.resources("Observation")]
    page = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": r} for r in shown],
    }
    sandbox.add_fault(Fault("status", "Observation/_search", status=200, body=encode(page)))
    push.read_back(session)
    assert reads(sandbox) == 30


def altered(resource: dict[str, Any], change: str) -> dict[str, Any]:
    if change == "another":
        return {**resource, "valueQuantity": decode(b'{"value": 9}')}
    tags = [*resource["meta"]["tag"], {"code": "SUBSETTED"}]
    return {**resource, "meta": {**resource["meta"], "tag": tags}}


def test_a_difference_is_found_as_ever(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = session_of(chart(30))
    push.resolve(session)
    push.deliver(session)
    stands = sandbox.resources("Observation")[7]
    sandbox.put({**stands, "valueQuantity": decode(b'{"value": 1.51, "unit": "mmol/L"}')})
    with pytest.raises(ReadBackDiffers, match="1 Observation"):
        push.read_back(session)
    assert reads(sandbox) == 1
