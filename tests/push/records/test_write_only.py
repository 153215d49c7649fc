"""A destination that lets us read the Patient and no more: accepted, once, never verified."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from connector import push
from connector.errors import DestinationRefused, Held
from connector.push import Session, unknown_outcome
from connector.push.records import write_only
from connector.store.case.state import required
from connector.store.sent import delivery
from tests.push.conftest import TRANSACTIONS, assert_whole, one, writes
from tests.push.packets import NOW, chart, open_session, put_packet
from tests.sandbox_parts import Fault, Quirks, Sandbox

BLIND = Quirks(readable=frozenset({"Patient"}))
SessionOf = Callable[..., Session]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(quirks=BLIND) as running:
        yield running


@pytest.fixture
def blind(tmp_path: Path, sandbox: Sandbox) -> Iterator[SessionOf]:
    """Opens a session over the one case of the test, at a destination that grants no reading."""
    with ExitStack() as stack:

        def opened(records: Any = None, **options: Any) -> Session:
            options = {"read_back": "none", **options}
            session = open_session(tmp_path, options.pop("url", sandbox.base_url), **options)
            stack.callback(session.ledger.close)
            stack.callback(session.case.close)
            if session.case.state.packet_hash is None:
                put_packet(session.case, chart() if records is None else records)
            return session

        yield opened


def deliver(session: Session) -> None:
    push.resolve(session)
    push.deliver(session)
    write_only.accept(session)
    write_only.announce(session, NOW)


def statuses(session: Session) -> Counter[str]:
    return Counter(row.status for row in delivery.deliveries(session.case))


def reads(sandbox: Sandbox) -> list[str]:
    """What was read or searched for."""
    return [
        r.path.removeprefix("/fhir/").split("/")[0]
        for r in sandbox.requests
        if r.method == "GET" or r.path.endswith("/_search")
    ]


@pytest.mark.parametrize("way", ["transaction", "batch", "single"])
def test_all_of_it_is_accepted_and_nothing_but_the_patient_is_read(
    blind: SessionOf, sandbox: Sandbox, way: str
) -> None:
    session = blind(way=way, bundle={"max_entries": 3})
    deliver(session)
    assert_whole(sandbox)
    assert set(reads(sandbox)) == {"metadata", "Patient"}
    assert set(statuses(session)) == {"accepted"}
    push.account(session)
    assert [(r.event, r.outcome) for r in session.ledger.disclosures()][-1] == (
        "announce",
        "accepted",
    )
    values = push.receipt(session, required(session.case.state.packet_hash), NOW)
    there = {f"{r['resourceType']}/{r['id']}": r for r in sandbox.resources()}
    for line in values["resources"]:
        assert line["status"] == "accepted"
        assert line["sha256_read"] is None
        assert line["version"] == there[line["there"]]["meta"]["versionId"]


def test_its_hashes_are_those_of_what_stands_there(blind: SessionOf, sandbox: Sandbox) -> None:
    session = blind()
    deliver(session)
    from connector.fhir.lossless import encode
    from connector.push.records.expected import canonical_sha256

    there = {(r["resourceType"], r["id"]): r for r in sandbox.resources()}
    for row in delivery.deliveries(session.case):
        stands = there[row.type, str(row.target_id)]
        assert row.sent_sha256 == canonical_sha256(encode(stands)), row.type


def test_a_refused_reading_names_the_setting(blind: SessionOf) -> None:
    session = blind(read_back="granted")
    push.resolve(session)
    push.deliver(session)
    with pytest.raises(DestinationRefused) as refused:
        push.read_back(session)
    assert 'read_back = "none"' in refused.value.what_to_do


@pytest.mark.parametrize("kind", ["drop-after", "drop-before", "cut-body"])
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_lost_answer_to_records_is_settled_by_the_same_create(
    blind: SessionOf, sandbox: Sandbox, kind: Any, skip: int
) -> None:
    sandbox.add_fault(Fault(kind, TRANSACTIONS, "POST", times=1, skip=skip))
    session = blind(bundle={"max_entries": 3})
    deliver(session)
    assert_whole(sandbox)
    assert set(reads(sandbox)) == {"metadata", "Patient"}


def test_what_an_earlier_case_brought_is_not_brought_again(
    blind: SessionOf, sandbox: Sandbox, tmp_path: Path
) -> None:
    deliver(blind())
    other = open_session(
        tmp_path,
        sandbox.base_url,
        read_back="none",
        handle="0123456789ab",
        request={"request_id": "SO-2"},
    )
    put_packet(other.case, chart(), request_id="SO-2")
    deliver(other)
    counts = Counter(r["resourceType"] for r in sandbox.resources())
    assert counts["Observation"] == 3
    assert counts["Task"] == 2
    notes = {row.type: row.note for row in delivery.deliveries(other.case)}
    assert notes["Observation"] == delivery.STOOD
    other.case.close()
    other.ledger.close()


def announcing(sandbox: Sandbox, session: Session) -> None:
    push.resolve(session)
    push.deliver(session)
    write_only.accept(session)
    sandbox.requests.clear()


def test_an_announcement_that_did_not_arrive_is_sent_again(
    blind: SessionOf, sandbox: Sandbox
) -> None:
    session = blind()
    announcing(sandbox, session)
    sandbox.add_fault(Fault("drop-before", TRANSACTIONS, "POST", times=1))
    write_only.announce(session, NOW)
    assert_whole(sandbox)


@pytest.mark.parametrize("said", ["arrived", "absent"])
def test_one_of_which_nobody_knows_is_asked_of_people(
    blind: SessionOf, sandbox: Sandbox, said: str
) -> None:
    session = blind()
    announcing(sandbox, session)
    sandbox.add_fault(Fault("drop-after", TRANSACTIONS, "POST", times=1))
    for _ in range(2):  # however often it is run: nothing is sent
        with pytest.raises(Held) as held:
            write_only.announce(session, NOW)
        assert held.value.code == "unclear"
    before = writes(sandbox)
    unknown_outcome.say(session, said, "A. Person", NOW)
    if said == "arrived":
        write_only.announce(session, NOW)
        assert writes(sandbox) == before
        assert session.case.state.announced_at == NOW
        assert set(statuses(session)) == {"accepted"}
        return
    with pytest.raises(Held) as held:  # it was there after all: nothing is written over it
        write_only.announce(session, NOW)
    assert held.value.code == "theirs"
    assert one(sandbox, "Task")["meta"]["versionId"] == "2"


@pytest.mark.parametrize("resource_type", ["ServiceRequest", "Task"])
def test_what_they_changed_is_not_written_over(
    blind: SessionOf, sandbox: Sandbox, resource_type: str
) -> None:
    session = blind()
    announcing(sandbox, session)
    sandbox.put({**one(sandbox, resource_type), "note": [{"text": "theirs"}]})
    with pytest.raises(Held) as held:
        write_only.announce(session, NOW)
    assert held.value.code == "theirs"
    assert one(sandbox, resource_type)["note"] == [{"text": "theirs"}]
    assert one(sandbox, "ServiceRequest")["status"] == "draft"


def test_a_reference_to_itself_is_completed_over_our_version(
    blind: SessionOf, sandbox: Sandbox
) -> None:
    circle = {
        "resourceType": "Observation",
        "id": "self",
        "status": "final",
        "code": {"text": "Panel"},
        "subject": {"reference": "Patient/p1"},
        "hasMember": [{"reference": "Observation/self"}],
    }
    session = blind([*chart(1), circle])
    deliver(session)
    [stands] = [r for r in sandbox.resources() if r.get("hasMember")]
    assert stands["hasMember"] == [{"reference": f"Observation/{stands['id']}"}]
    assert delivery.unfinished(session.case) == {}


def test_reading_that_is_granted_later_proves_it(blind: SessionOf, sandbox: Sandbox) -> None:
    deliver(blind())
    with Sandbox() as seeing:
        for resource in sandbox.resources():
            seeing.put(resource)
        session = blind(url=seeing.base_url, read_back="granted")
        push.verify(session)
    assert set(statuses(session)) == {"verified"}
