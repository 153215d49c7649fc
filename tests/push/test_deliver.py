"""Never twice, never silently: what arrives, and what becomes of it when something goes wrong."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import DestinationRefused, Held, LockHeld, ReadBackDiffers, Waiting
from connector.fhir.lossless import decode
from connector.fhir.systems import TAG
from connector.push import Desk
from connector.sandbox import Fault, Quirks, Sandbox
from connector.store import chart as gaps
from connector.store import delivery
from tests.push.conftest import dangling, doubled, kinds, one, writes
from tests.push.packets import NOW, SOURCE_ID, AsBatch, Resource, chart, observation, push_all

DeskOf = Callable[..., Desk]
STRATEGIES = ("conditional", "put", "create")
TRANSACTIONS = r"^/fhir/?$"
SMALL = {"max_entries": 3}
WHOLE = {
    "Patient": 1,
    "Practitioner": 1,
    "Encounter": 1,
    "Observation": 3,
    "Composition": 1,
    "ServiceRequest": 1,
    "Task": 1,
    "Provenance": 1,
}


def assert_whole(sandbox: Sandbox, **changes: int) -> None:
    assert dict(kinds(sandbox)) == WHOLE | changes
    assert doubled(sandbox) == []
    assert dangling(sandbox) == set()
    assert one(sandbox, "ServiceRequest")["status"] == "active"
    assert one(sandbox, "Task")["status"] == "requested"


@pytest.mark.parametrize("write", STRATEGIES)
def test_everything_arrives_once(desk_of: DeskOf, sandbox: Sandbox, write: str) -> None:
    desk = desk_of(write=write, bundle=SMALL)
    proof = push_all(desk)
    assert_whole(sandbox)
    for resource in sandbox.resources():
        if resource["resourceType"] == "Observation":
            assert str(resource["valueQuantity"]["value"]) == "1.50"
    assert {line["status"] for line in proof["resources"]} == {"verified"}
    assert all(line["sha256_sent"] == line["sha256_read"] for line in proof["resources"])
    assert proof["task"] == f"Task/{one(sandbox, 'Task')['id']}"
    assert proof["announced_at"] == NOW


@pytest.mark.parametrize("write", STRATEGIES)
def test_another_run_writes_nothing(desk_of: DeskOf, sandbox: Sandbox, write: str) -> None:
    push_all(desk_of(write=write))
    sandbox.requests.clear()
    push_all(desk_of(write=write))
    assert writes(sandbox) == 0
    assert_whole(sandbox)


@pytest.mark.parametrize("write", STRATEGIES)
def test_a_second_case_doubles_no_record(desk_of: DeskOf, sandbox: Sandbox, write: str) -> None:
    push_all(desk_of(write=write))
    desk = desk_of(write=write)
    with desk.case.commit():
        desk.case.execute("DELETE FROM delivery")
    push.resolve(desk)
    push.deliver(desk)
    assert dict(kinds(sandbox)) == WHOLE
    assert doubled(sandbox) == []


class Afterwards(Endpoint):
    """A server that does the work and then says 500, at every other write."""

    writes = 0

    def write(self, *given: Any, **named: Any) -> Answer:
        answer = super().write(*given, **named)
        self.writes += 1
        return answer if self.writes % 2 == 0 else Answer(500, {}, b"")


@pytest.mark.parametrize("write", STRATEGIES)
def test_work_done_and_answered_with_500(desk_of: DeskOf, sandbox: Sandbox, write: str) -> None:
    push_all(desk_of(write=write, bundle=SMALL, endpoint=Afterwards))
    assert_whole(sandbox)


FAULTS: dict[str, dict[str, Any]] = {
    "drop-after": {"kind": "drop-after"},
    "drop-before": {"kind": "drop-before"},
    "cut-body": {"kind": "cut-body"},
    "not-json": {"kind": "not-json"},
    "500": {"kind": "status", "status": 500},
    "429": {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    "503": {"kind": "status", "status": 503},
    "409": {"kind": "status", "status": 409},
}
# With small bundles: three writes of records are met, the last of them, and the announcement.
MOMENTS = [("conditional", fault, skip) for fault in FAULTS for skip in range(5)]
MOMENTS += [(write, fault, 1) for write in ("put", "create") for fault in FAULTS]


@pytest.mark.parametrize(("write", "fault", "skip"), MOMENTS)
def test_one_bad_moment(
    desk_of: DeskOf, sandbox: Sandbox, write: str, fault: str, skip: int
) -> None:
    sandbox.add_fault(Fault(**FAULTS[fault], path=TRANSACTIONS, method="POST", skip=skip, times=1))
    try:
        push_all(desk_of(write=write, bundle=SMALL))
    except DestinationRefused:
        assert fault == "not-json" or (fault, skip) == ("409", 4)
        push_all(desk_of(write=write, bundle=SMALL))
    assert_whole(sandbox)
    assert delivery.deliveries(desk_of().case, "rejected") == []


def test_a_long_wait_parks_and_goes_on_later(desk_of: DeskOf, sandbox: Sandbox) -> None:
    hour = {"Retry-After": "3600"}
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, status=503, headers=hour, skip=2, times=1))
    with pytest.raises(Waiting) as waiting:
        push_all(desk_of(bundle=SMALL))
    assert waiting.value.until > "2026"
    assert "Task" not in kinds(sandbox)
    push_all(desk_of(bundle=SMALL))
    assert_whole(sandbox)


@pytest.mark.parametrize("kind", ["drop-after", "drop-before", "login-page"])
def test_a_server_that_stays_away_is_refused_and_resumed(
    desk_of: DeskOf, sandbox: Sandbox, kind: Any
) -> None:
    sandbox.add_fault(Fault(kind, path="/fhir", method="POST", skip=3))
    with pytest.raises(DestinationRefused):
        push_all(desk_of(bundle=SMALL))
    sandbox.clear_faults()
    push_all(desk_of(bundle=SMALL))
    assert_whole(sandbox)


@pytest.mark.parametrize("status", [401, 403, 501])
def test_what_no_other_content_would_change_ends_at_once(
    desk_of: DeskOf, sandbox: Sandbox, status: int
) -> None:
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, status=status, skip=1))
    with pytest.raises(DestinationRefused, match=str(status)):
        push_all(desk_of(bundle=SMALL))
    assert writes(sandbox) == 2


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
def test_a_refused_record_goes_alone(desk_of: DeskOf, choosy: Sandbox, write: str) -> None:
    desk = desk_of(
        records_around_a_spoilt_one(), url=choosy.base_url, write=write, bundle={"max_entries": 20}
    )
    proof = push_all(desk)
    assert_whole(choosy, Observation=40)
    lost = [line for line in proof["resources"] if line["status"] == "rejected"]
    assert [line["there"] for line in lost] == [None, None]
    assert {line["note"] for line in lost} == {"HTTP 422 (processing)"}
    [referring] = [r for r in choosy.resources() if "hasMember" in r]
    stand_in = {"system": f"urn:uuid:{SOURCE_ID}", "value": "Observation/o80"}
    assert referring["hasMember"] == [{"identifier": stand_in}]
    why = "the destination refused 1 (HTTP 422 (processing))"
    assert [(g.what, g.kind, g.why) for g in gaps.gaps(desk.case)] == [
        ("Basic", "rejected", why),
        ("Observation", "rejected", why),
    ]
    choosy.requests.clear()
    push.deliver(desk_of(write=write, url=choosy.base_url))
    assert writes(choosy) == 0


@pytest.mark.parametrize("write", STRATEGIES)
def test_a_200_whose_entries_failed(desk_of: DeskOf, choosy: Sandbox, write: str) -> None:
    desk = desk_of(
        records_around_a_spoilt_one(),
        url=choosy.base_url,
        write=write,
        endpoint=AsBatch,
        bundle={"max_entries": 20},
    )
    proof = push_all(desk)
    assert_whole(choosy, Observation=40)
    lost = [line for line in proof["resources"] if line["status"] == "rejected"]
    assert [line["note"] for line in lost] == ["entry status 422"] * 2


def test_fewer_answers_than_entries(desk_of: DeskOf, sandbox: Sandbox) -> None:
    class Forgetful(Endpoint):
        def write(self, *given: Any, **named: Any) -> Answer:
            answer = super().write(*given, **named)
            short = decode(answer.body)["entry"][1:]
            body = b'{"resourceType":"Bundle","entry":[' + b",".join([b"{}"] * len(short)) + b"]}"
            return Answer(answer.status, answer.headers, body)

    push_all(desk_of(bundle=SMALL, endpoint=Forgetful))
    assert_whole(sandbox)


def test_locations_of_another_type_prove_nothing(desk_of: DeskOf, sandbox: Sandbox) -> None:
    class Confused(Endpoint):
        def write(self, *given: Any, **named: Any) -> Answer:
            answer = super().write(*given, **named)
            body = re.sub(rb"Observation/\d+", b"Patient/1", answer.body)
            return Answer(answer.status, answer.headers, body)

    push_all(desk_of(endpoint=Confused))
    assert_whole(sandbox)


@pytest.mark.parametrize("essential", ["Ana", "Records for a second", '"intent":"order"'])
def test_without_an_essential_part_nothing_is_announced(desk_of: DeskOf, essential: str) -> None:
    with Sandbox(quirks=Quirks(reject=essential)) as other:
        with pytest.raises(DestinationRefused, match="does not take the"):
            push_all(desk_of(url=other.base_url))
        statuses = {r.get("status") for r in other.resources()}
        assert not statuses & {"active", "requested"}


def test_what_was_refused_is_tried_again_once_the_destination_is_mended(
    desk_of: DeskOf, sandbox: Sandbox
) -> None:
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, status=400))
    records = sorted(chart(), key=lambda r: r["resourceType"] != "Practitioner")
    desk = desk_of(records)
    with pytest.raises(DestinationRefused, match="Patient"):
        push_all(desk)
    assert [row.type for row in delivery.deliveries(desk.case, "rejected")] == ["Practitioner"]
    sandbox.clear_faults()
    push_all(desk_of())
    assert_whole(sandbox)
    assert gaps.gaps(desk.case) == []


def test_what_others_were_told_is_lost_stays_lost(desk_of: DeskOf, sandbox: Sandbox) -> None:
    class Choosy(Endpoint):
        def write(self, method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Answer:
            if b"spoilt" in body:
                return Answer(422, {}, b"")
            return super().write(method, url, body, *rest, **named)

    away = Fault("drop-before", method="POST", path=TRANSACTIONS, skip=6)
    sandbox.add_fault(away)
    records = records_around_a_spoilt_one()[:-1]
    with pytest.raises(DestinationRefused):
        push_all(desk_of(records, endpoint=Choosy, bundle={"max_entries": 6}))
    assert [r for r in sandbox.resources() if "hasMember" in r] != []
    sandbox.clear_faults()
    proof = push_all(desk_of())
    assert [line["status"] for line in proof["resources"]].count("rejected") == 1
    assert_whole(sandbox, Observation=40)


@pytest.mark.parametrize("write", ["conditional", "create"])
def test_doubled_there_is_held(desk_of: DeskOf, sandbox: Sandbox, write: str) -> None:
    desk = desk_of(write=write)
    push.resolve(desk)
    derived = next(e.id for e in push_entries(desk) if e.type == "Practitioner")
    tag = {"tag": [{"system": TAG, "code": derived}]}
    for copy in ("a", "b"):
        sandbox.put({"resourceType": "Practitioner", "id": copy, "meta": tag})
    with pytest.raises(Held) as held:
        push.deliver(desk)
    assert held.value.code == "doubled"
    assert "Task" not in kinds(sandbox)


def push_entries(desk: Desk) -> Any:
    from connector.store import packet

    return packet.entries(desk.case)


def test_a_record_of_theirs_under_our_id_is_not_written_over(
    desk_of: DeskOf, sandbox: Sandbox
) -> None:
    desk = desk_of(write="put")
    entry = next(e for e in push_entries(desk) if e.type == "Practitioner")
    sandbox.put({"resourceType": "Practitioner", "id": entry.id, "active": True})
    with pytest.raises(Held) as held:
        push_all(desk)
    assert held.value.code == "theirs"
    assert writes(sandbox) == 0


def test_a_record_they_deleted_does_not_rise_again(desk_of: DeskOf, sandbox: Sandbox) -> None:
    desk = desk_of(write="put")
    entry = next(e for e in push_entries(desk) if e.type == "Practitioner")
    sandbox.put({"resourceType": "Practitioner", "id": entry.id, "active": True})
    desk.endpoint.write("DELETE", f"Practitioner/{entry.id}", b"", "planting")
    sandbox.requests.clear()
    with pytest.raises(Held) as held:
        push_all(desk)
    assert held.value.code == "deleted"
    assert writes(sandbox) == 0


def test_a_server_that_ignores_tags_is_not_believed(desk_of: DeskOf, sandbox: Sandbox) -> None:
    page = (
        b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":'
        b'{"resourceType":"Practitioner","id":"1"}}]}'
    )
    sandbox.add_fault(Fault("status", path="Practitioner/_search", status=200, body=page))
    with pytest.raises(DestinationRefused, match="_tag"):
        push_all(desk_of(write="create"))
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
def test_circles_within_limits(desk_of: DeskOf, sandbox: Sandbox, write: str, size: int) -> None:
    desk = desk_of(
        [*circle(size), *chart(30)], write=write, bundle={"max_entries": 10}, endpoint=Counted
    )
    push_all(desk)
    assert_whole(sandbox, Observation=30 + size)
    assert isinstance(desk.endpoint, Counted)
    assert max(entries for entries, _ in desk.endpoint.sizes) == max(size, 10)


@pytest.mark.parametrize("write", STRATEGIES)
def test_a_record_that_refers_to_itself(desk_of: DeskOf, sandbox: Sandbox, write: str) -> None:
    push_all(desk_of([*circle(1), *chart()], write=write))
    assert_whole(sandbox, Observation=4)
    [found] = [r for r in sandbox.resources() if "hasMember" in r]
    if write == "put":
        assert found["hasMember"] == [{"reference": f"Observation/{found['id']}"}]
    else:
        stand_in = {"system": f"urn:uuid:{SOURCE_ID}", "value": "Observation/o100"}
        assert found["hasMember"] == [{"identifier": stand_in}]


def test_megabytes_within_limits(desk_of: DeskOf, sandbox: Sandbox) -> None:
    heavy = [observation(n, note=[{"text": "x" * 20_000}]) for n in range(100, 130)]
    desk = desk_of([*heavy, *chart()], bundle={"max_megabytes": 0.1}, endpoint=Counted)
    push_all(desk)
    assert_whole(sandbox, Observation=33)
    assert isinstance(desk.endpoint, Counted)
    assert max(size for _, size in desk.endpoint.sizes) <= 100_000


def test_a_smaller_limit_than_configured_is_found(desk_of: DeskOf) -> None:
    with Sandbox(quirks=Quirks(entry_limit=7)) as other:
        push_all(desk_of(chart(30), url=other.base_url))
        assert_whole(other, Observation=30)


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


def test_nobody_sees_the_request_before_the_records(desk_of: DeskOf, sandbox: Sandbox) -> None:
    Watched.sandbox, Watched.seen = sandbox, []
    push_all(desk_of(bundle={"max_entries": 2}, endpoint=Watched))
    assert Watched.seen == [False] * 5 + [True]


def test_an_overtaken_process_cannot_write(desk_of: DeskOf, sandbox: Sandbox) -> None:
    paused = desk_of()
    push.resolve(paused)
    desk_of()  # another process takes the case
    with pytest.raises(LockHeld):
        push.deliver(paused)
    assert writes(sandbox) == 0


def test_nothing_leaves_before_the_patient_is_resolved(desk_of: DeskOf, sandbox: Sandbox) -> None:
    with pytest.raises(Exception, match="internal"):
        push.deliver(desk_of())
    assert writes(sandbox) == 0


def test_what_the_server_changes_is_seen(desk_of: DeskOf) -> None:
    with Sandbox(quirks=Quirks(drop_elements=frozenset({"Encounter.class"}))) as other:
        with pytest.raises(ReadBackDiffers, match="1 Encounter"):
            push_all(desk_of(url=other.base_url))
        assert one(other, "Task")["status"] == "draft"


def test_the_ledger_knows_every_write_and_no_patient(
    desk_of: DeskOf, sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.add_fault(Fault("drop-after", path=TRANSACTIONS, times=1))
    push_all(desk_of(bundle=SMALL))
    with sqlite3.connect(tmp_path / "ledger.db") as db:
        rows = db.execute("SELECT write_no, entries, status, outcome FROM ledger_write").fetchall()
    assert rows == [
        (1, 3, None, "unclear"),
        (2, 3, 200, "done"),
        (3, 3, 200, "done"),
        (4, 1, 200, "done"),
        (5, 2, 200, "done"),
    ]
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    for secret in ("Müller".encode(), b"4711", b"1970-03-04", b"Patient/", b"Glucose"):
        assert secret not in kept
