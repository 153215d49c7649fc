"""What arrives, in which writes, and what is never written over."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import DestinationRefused, Held, ReadBackDiffers
from connector.fhir.lossless import decode
from connector.fhir.systems import TAG
from connector.push import Session
from connector.push.wire import undeleted
from connector.push.wire.find import Place
from connector.push.wire.write import intend
from connector.store.mapped import packet
from connector.store.sent import delivery
from tests.push.conftest import (
    SMALL,
    STRATEGIES,
    TRANSACTIONS,
    WHOLE,
    assert_whole,
    doubled,
    kinds,
    one,
    writes,
)
from tests.push.packets import NOW, Resource, chart, observation, push_all
from tests.sandbox_parts import Fault, Quirks, Sandbox

SessionOf = Callable[..., Session]


@pytest.mark.parametrize("write", STRATEGIES)
def test_everything_arrives_once(session_of: SessionOf, sandbox: Sandbox, write: str) -> None:
    session = session_of(write=write, bundle=SMALL)
    proof = push_all(session)
    assert_whole(sandbox)
    for resource in sandbox.resources():
        if resource["resourceType"] == "Observation":
            assert str(resource["valueQuantity"]["value"]) == "1.50"
    assert {line["status"] for line in proof["resources"]} == {"verified"}
    assert all(line["sha256_sent"] == line["sha256_read"] for line in proof["resources"])
    assert proof["task"] == f"Task/{one(sandbox, 'Task')['id']}"
    assert proof["announced_at"] == NOW


@pytest.mark.parametrize("write", STRATEGIES)
def test_another_run_writes_nothing(session_of: SessionOf, sandbox: Sandbox, write: str) -> None:
    push_all(session_of(write=write))
    sandbox.requests.clear()
    push_all(session_of(write=write))
    assert writes(sandbox) == 0
    assert_whole(sandbox)


@pytest.mark.parametrize("write", STRATEGIES)
def test_a_second_case_doubles_no_record(
    session_of: SessionOf, sandbox: Sandbox, write: str
) -> None:
    push_all(session_of(write=write))
    session = session_of(write=write)
    with session.case.commit():
        session.case.execute("DELETE FROM delivery")
    push.resolve(session)
    push.deliver(session)
    assert dict(kinds(sandbox)) == WHOLE
    assert doubled(sandbox) == []


@pytest.mark.parametrize("write", ["conditional", "create"])
def test_doubled_there_is_held(session_of: SessionOf, sandbox: Sandbox, write: str) -> None:
    session = session_of(write=write)
    push.resolve(session)
    derived = next(e.id for e in push_entries(session) if e.type == "Practitioner")
    tag = {"tag": [{"system": TAG, "code": derived}]}
    for copy in ("a", "b"):
        sandbox.put({"resourceType": "Practitioner", "id": copy, "meta": tag})
    with pytest.raises(Held) as held:
        push.deliver(session)
    assert held.value.code == "doubled"
    assert "Task" not in kinds(sandbox)


def push_entries(session: Session) -> Any:
    return packet.entries(session.case)


def test_a_record_of_theirs_under_our_id_is_not_written_over(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = session_of(write="put")
    entry = next(e for e in push_entries(session) if e.type == "Practitioner")
    sandbox.put({"resourceType": "Practitioner", "id": entry.id, "active": True})
    with pytest.raises(Held) as held:
        push_all(session)
    assert held.value.code == "theirs"
    assert writes(sandbox) == 0


def test_a_record_they_deleted_does_not_rise_again(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = session_of(write="put")
    entry = next(e for e in push_entries(session) if e.type == "Practitioner")
    sandbox.put({"resourceType": "Practitioner", "id": entry.id, "active": True})
    session.endpoint.write("DELETE", f"Practitioner/{entry.id}", b"", "planting")
    sandbox.requests.clear()
    with pytest.raises(Held) as held:
        push_all(session)
    assert held.value.code == "deleted"
    assert writes(sandbox) == 0


@pytest.mark.parametrize("way", ["transaction", "single"])
def test_a_deletion_that_the_server_hides_is_told_by_its_history(
    session_of: SessionOf, way: str
) -> None:
    """Read before the write it was not there, nor anything said that it had been."""
    quirks = Quirks(gone_status=404, transactions=way == "transaction", batches=False)
    with Sandbox(quirks=quirks) as hiding:
        session = session_of(write="put", url=hiding.base_url)
        entry = next(e for e in push_entries(session) if e.type == "Practitioner")
        reference = f"Practitioner/{entry.id}"
        hiding.put({"resourceType": "Practitioner", "id": entry.id, "active": True})
        hiding.delete(reference)
        for _ in range(2):  # whoever starts it again is told again
            with pytest.raises(Held, match="stand there again by our write: Practitioner") as held:
                push_all(session)
            assert held.value.code == "deleted"
            assert {one["status"] for one in hiding.resources("Task")} <= {"draft"}
        session.case.state.withdrawal = {
            "how": "recall",
            "by": "A. Person",
            "reason": "x",
            "at": NOW,
        }
        assert {row.fate for row in push.recall(session, NOW)} == {"deleted"}
        assert hiding.resources() == []


def test_a_first_version_need_not_be_called_1(session_of: SessionOf) -> None:
    """Some servers number the versions of all resources together: no deletion, no word."""
    with Sandbox(quirks=Quirks(gone_status=404)) as other:
        session = session_of(write="put", url=other.base_url)
        push_all(session)
        known = Place("Practitioner", other.resources("Practitioner")[0]["id"], "42")
        undeleted.look(session, {known.reference: known})
        undeleted.hold(session)
        asked = [r.path for r in other.requests if r.path.endswith("_history")]
        assert len(asked) == 1  # and none for those whose version is 1


def test_a_server_that_ignores_tags_is_not_believed(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    page = (
        b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":'
        b'{"resourceType":"Practitioner","id":"1"}}]}'
    )
    sandbox.add_fault(Fault("status", path="Practitioner/_search", status=200, body=page))
    with pytest.raises(DestinationRefused, match="_tag"):
        push_all(session_of(write="create"))
    assert writes(sandbox) == 0


class Counted(Endpoint):
    """Keeps the entries and the size of every write."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.sizes: list[tuple[int, int]] = []

    def write(self, method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Answer:
        self.sizes.append((len(decode(body)["entry"]), len(body)))
        return super().write(method, url, body, *rest, **named)


def circle(size: int) -> list[Resource]:
    """Observations that refer to each other in a circle."""
    return [
        observation(100 + n, hasMember=[{"reference": f"Observation/o{100 + (n + 1) % size}"}])
        for n in range(size)
    ]


@pytest.mark.parametrize("write", STRATEGIES)
@pytest.mark.parametrize("size", [2, 15])
def test_circles_within_limits(
    session_of: SessionOf, sandbox: Sandbox, write: str, size: int
) -> None:
    session = session_of(
        [*circle(size), *chart(30)], write=write, bundle={"max_entries": 10}, endpoint=Counted
    )
    push_all(session)
    assert_whole(sandbox, Observation=30 + size)
    assert isinstance(session.endpoint, Counted)
    assert max(entries for entries, _ in session.endpoint.sizes) == 10
    assert_circle_closed(sandbox, size)


@pytest.mark.parametrize("write", STRATEGIES)
def test_a_record_that_refers_to_itself(
    session_of: SessionOf, sandbox: Sandbox, write: str
) -> None:
    push_all(session_of([*circle(1), *chart()], write=write))
    assert_whole(sandbox, Observation=4)
    assert_circle_closed(sandbox, 1)


def assert_circle_closed(sandbox: Sandbox, size: int) -> None:
    """Each of them refers to the next one, and the last to the first."""
    following = {
        f"Observation/{r['id']}": r["hasMember"] for r in sandbox.resources() if "hasMember" in r
    }
    assert all(list(member) == ["reference"] for [member] in following.values())
    assert len(following) == size
    here, seen = next(iter(following)), set[str]()
    while here not in seen:
        seen.add(here)
        here = following[here][0]["reference"]
    assert len(seen) == size


def test_megabytes_within_limits(session_of: SessionOf, sandbox: Sandbox) -> None:
    heavy = [observation(n, note=[{"text": "x" * 20_000}]) for n in range(100, 130)]
    session = session_of([*heavy, *chart()], bundle={"max_megabytes": 0.1}, endpoint=Counted)
    push_all(session)
    assert_whole(sandbox, Observation=33)
    assert isinstance(session.endpoint, Counted)
    assert max(size for _, size in session.endpoint.sizes) <= 100_000


class Watched(Endpoint):
    """Looks at the destination after every write, as its staff might."""

    sandbox: Sandbox
    seen: list[bool]

    def write(self, *given: Any, **named: Any) -> Answer:
        answer = super().write(*given, **named)
        there = kinds(self.sandbox)
        statuses = {r.get("status") for r in self.sandbox.resources()}
        visible = bool(statuses & {"active", "requested"})
        assert not visible or there == WHOLE
        self.seen.append(visible)
        return answer


def test_nobody_sees_the_request_before_the_records(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    Watched.sandbox, Watched.seen = sandbox, []
    push_all(session_of(bundle={"max_entries": 2}, endpoint=Watched))
    assert Watched.seen == [False] * 5 + [True]


def test_nothing_leaves_before_the_patient_is_resolved(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    with pytest.raises(Exception, match="internal"):
        push.deliver(session_of())
    assert writes(sandbox) == 0


def test_what_the_server_changes_is_seen(session_of: SessionOf) -> None:
    with Sandbox(quirks=Quirks(drop_elements=frozenset({"Encounter.class"}))) as other:
        with pytest.raises(ReadBackDiffers, match="1 Encounter"):
            push_all(session_of(url=other.base_url))
        assert one(other, "Task")["status"] == "draft"


def test_the_ledger_knows_every_write_and_no_patient(
    session_of: SessionOf, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.add_fault(Fault("drop-after", path=TRANSACTIONS, times=1))
    push_all(session_of(bundle=SMALL))
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        rows = db.execute("SELECT write_no, entries, status, outcome FROM ledger_write").fetchall()
    assert rows == [
        (1, 3, None, "unclear"),
        (2, 3, 200, "done"),
        (3, 3, 200, "done"),
        (4, 1, 200, "done"),
        (5, 2, 200, "done"),
    ]
    files = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    kept = re.sub(rb"[0-9a-f]{32,}", b"", files)  # a hash may hold any four digits
    for secret in ("Müller".encode(), b"4711", b"1970-03-04", b"Patient/", b"Glucose"):
        assert secret not in kept


def test_numbers_go_on_above_what_either_store_holds(session_of: SessionOf) -> None:
    session = session_of()
    push_all(session)
    last = max(row.write_no for row in delivery.deliveries(session.case))
    number = intend(session, ())
    assert number > last
    with session.ledger._begin() as db:  # a ledger of the day before
        db.exec_driver_sql("DELETE FROM ledger_write")
    assert session.ledger.next_write_no(session.handle) == 1
    assert intend(session, ()) == number + 1
