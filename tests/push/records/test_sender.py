"""Never silently: what the destination refuses is isolated, and the rest goes."""

from collections.abc import Callable
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import DestinationRefused
from connector.push import Session
from connector.store.case import gaps
from connector.store.sent import delivery
from tests.push.conftest import STRATEGIES, TRANSACTIONS, assert_whole, writes
from tests.push.packets import SOURCE_ID, AsBatch, Resource, chart, observation, push_all
from tests.sandbox_parts import Fault, Quirks, Sandbox

SessionOf = Callable[..., Session]


def records_around_a_spoilt_one() -> list[Resource]:
    spoilt = observation(80, code={"text": "spoilt"})
    referring = observation(90, hasMember=[{"reference": "Observation/o80"}])
    leaf = {"resourceType": "Basic", "id": "b1", "code": {"text": "spoilt"}}
    return [referring, *chart(39), spoilt, leaf]


@pytest.fixture
def choosy() -> Any:
    with Sandbox(quirks=Quirks(reject="spoilt")) as running:
        yield running


@pytest.mark.parametrize("write", STRATEGIES)
def test_a_refused_record_goes_alone(session_of: SessionOf, choosy: Sandbox, write: str) -> None:
    session = session_of(
        records_around_a_spoilt_one(), url=choosy.base_url, write=write, bundle={"max_entries": 20}
    )
    proof = push_all(session)
    assert_whole(choosy, Observation=40)
    lost = [line for line in proof["resources"] if line["status"] == "rejected"]
    assert [line["there"] for line in lost] == [None, None]
    assert {line["note"] for line in lost} == {"HTTP 422 (processing)"}
    [referring] = [r for r in choosy.resources() if "hasMember" in r]
    stand_in = {"system": f"urn:uuid:{SOURCE_ID}", "value": "Observation/o80"}
    assert referring["hasMember"] == [{"identifier": stand_in}]
    why = "the destination refused 1 (HTTP 422 (processing))"
    assert [(g.what, g.kind, g.why) for g in gaps.of(session.case)] == [
        ("Basic", "rejected", why),
        ("Observation", "rejected", why),
    ]
    choosy.requests.clear()
    push.deliver(session_of(write=write, url=choosy.base_url))
    assert writes(choosy) == 0


@pytest.mark.parametrize("write", STRATEGIES)
def test_a_200_whose_entries_failed(session_of: SessionOf, choosy: Sandbox, write: str) -> None:
    session = session_of(
        records_around_a_spoilt_one(),
        url=choosy.base_url,
        write=write,
        endpoint=AsBatch,
        bundle={"max_entries": 20},
    )
    proof = push_all(session)
    assert_whole(choosy, Observation=40)
    lost = [line for line in proof["resources"] if line["status"] == "rejected"]
    assert [line["note"] for line in lost] == ["entry status 422"] * 2


@pytest.mark.parametrize("essential", ["Ana", "Records for a second", '"intent":"order"'])
def test_without_an_essential_part_nothing_is_announced(
    session_of: SessionOf, essential: str
) -> None:
    with Sandbox(quirks=Quirks(reject=essential)) as other:
        with pytest.raises(DestinationRefused, match="does not take the"):
            push_all(session_of(url=other.base_url))
        statuses = {r.get("status") for r in other.resources()}
        assert not statuses & {"active", "requested"}


def test_what_was_refused_is_tried_again_once_the_destination_is_mended(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, status=400))
    records = sorted(chart(), key=lambda r: r["resourceType"] != "Practitioner")
    session = session_of(records)
    with pytest.raises(DestinationRefused, match="Patient"):
        push_all(session)
    assert [row.type for row in delivery.deliveries(session.case, "rejected")] == ["Practitioner"]
    sandbox.clear_faults()
    push_all(session_of())
    assert_whole(sandbox)
    assert gaps.of(session.case) == []


def test_what_others_were_told_is_lost_stays_lost(session_of: SessionOf, sandbox: Sandbox) -> None:
    class Choosy(Endpoint):
        def write(self, method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Answer:
            if b"spoilt" in body:
                return Answer(422, {}, b"")
            return super().write(method, url, body, *rest, **named)

    away = Fault("drop-before", method="POST", path=TRANSACTIONS, skip=6)
    sandbox.add_fault(away)
    records = records_around_a_spoilt_one()[:-1]
    with pytest.raises(DestinationRefused):
        push_all(session_of(records, endpoint=Choosy, bundle={"max_entries": 6}))
    assert [r for r in sandbox.resources() if "hasMember" in r] != []
    sandbox.clear_faults()
    proof = push_all(session_of())
    assert [line["status"] for line in proof["resources"]].count("rejected") == 1
    assert_whole(sandbox, Observation=40)


def test_a_smaller_limit_than_configured_is_found(session_of: SessionOf) -> None:
    with Sandbox(quirks=Quirks(entry_limit=7)) as other:
        push_all(session_of(chart(30), url=other.base_url))
        assert_whole(other, Observation=30)
