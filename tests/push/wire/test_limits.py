"""What does not fit into one write, or not at all."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import DestinationRefused, ReadBackDiffers
from connector.fhir.lossless import decode, encode
from connector.push import Session
from connector.push.evidence.receipt_check import check
from connector.store.case import gaps
from connector.store.case.state import required
from connector.store.mapped import export
from connector.store.sent import delivery
from tests.push.conftest import STRATEGIES, TRANSACTIONS, assert_whole, kinds, writes
from tests.push.packets import Resource, chart, observation, push_all
from tests.push.records.test_deliver import assert_circle_closed, circle
from tests.sandbox_parts import Fault, Quirks, Sandbox

SessionOf = Callable[..., Session]
WAYS = ("transaction", "batch", "single")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("write", STRATEGIES)
def test_the_same_end_state_whatever_the_way(session_of: SessionOf, write: str, way: Any) -> None:
    quirks = Quirks(transactions=way == "transaction", batches=way != "single")
    with Sandbox(quirks=quirks) as other:
        records = [*circle(4), *circle_of_itself(), *chart()]
        proof = push_all(
            session_of(records, url=other.base_url, write=write, bundle={"max_entries": 5})
        )
        assert_whole(other, Observation=8)
        assert {line["status"] for line in proof["resources"]} == {"verified"}
        assert len([o for o in other.resources("Observation") if refers(o)]) == 5
        other.requests.clear()
        push_all(session_of(url=other.base_url, write=write))
        assert writes(other) == 0


def circle_of_itself() -> list[Resource]:
    return [observation(90, hasMember=[{"reference": "Observation/o90"}])]


def refers(resource: Resource) -> bool:
    return [list(member) for member in resource.get("hasMember", [])] == [["reference"]]


@pytest.mark.parametrize("way", ["batch", "single"])
def test_the_task_is_the_last_write(session_of: SessionOf, sandbox: Sandbox, way: str) -> None:
    seen: list[tuple[Any, Any]] = []

    class Watched(Endpoint):
        def write(self, *given: Any, **named: Any) -> Answer:
            answer = super().write(*given, **named)
            now = [
                next((r["status"] for r in sandbox.resources(name)), None)
                for name in ("ServiceRequest", "Task")
            ]
            seen.append((now[0], now[1]))
            return answer

    push_all(session_of(way=way, endpoint=Watched))
    assert seen[-3:] == [("draft", "draft"), ("active", "draft"), ("active", "requested")]


@pytest.mark.parametrize("kind", ["not-json", "login-page", "drop-after", "cut-body"])
@pytest.mark.parametrize("write", STRATEGIES)
def test_a_success_that_does_not_say_so_is_settled_by_reading(
    session_of: SessionOf, sandbox: Sandbox, write: str, kind: Any
) -> None:
    sandbox.add_fault(Fault(kind, path=r"/fhir/(Encounter|Practitioner)(/[^_]|$)", times=2))
    try:
        push_all(session_of(write=write, way="single"))
    except DestinationRefused:
        assert kind in ("not-json", "login-page")  # nothing was stored: nobody asks again at once
    sandbox.clear_faults()
    proof = push_all(session_of(write=write, way="single"))
    assert_whole(sandbox)
    assert {line["status"] for line in proof["resources"]} == {"verified"}


@pytest.mark.parametrize("write", STRATEGIES)
def test_megabytes_split_a_circle_too(session_of: SessionOf, sandbox: Sandbox, write: str) -> None:
    heavy = [{**record, "note": [{"text": "x" * 20_000}]} for record in circle(6)]
    push_all(session_of([*heavy, *chart()], write=write, bundle={"max_megabytes": 0.05}))
    assert_whole(sandbox, Observation=9)
    assert_circle_closed(sandbox, 6)


def test_a_record_too_large_is_rejected_unsent_and_told(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    large = observation(60, note=[{"text": "x" * 60_000}])
    proof = push_all(session_of([large, *chart()], bundle={"max_megabytes": 0.05}))
    assert_whole(sandbox)
    [line] = [x for x in proof["resources"] if x["status"] == "rejected"]
    assert line["note"] == "larger than max_megabytes = 0.05"


@pytest.mark.parametrize("write", STRATEGIES)
@pytest.mark.parametrize("way", WAYS)
def test_one_refused_record_does_not_take_its_circle_with_it(
    session_of: SessionOf, write: str, way: str
) -> None:
    members = circle(5)
    members[2]["code"] = {"text": "spoilt"}
    with Sandbox(quirks=Quirks(reject="spoilt")) as choosy:
        proof = push_all(
            session_of([*members, *chart()], url=choosy.base_url, write=write, way=way)
        )
        assert_whole(choosy, Observation=7)
        assert [x["status"] for x in proof["resources"]].count("rejected") == 1
        linked = [o["hasMember"][0] for o in choosy.resources("Observation") if "hasMember" in o]
        assert sorted(next(iter(member)) for member in linked) == [
            "identifier",
            "reference",
            "reference",
            "reference",
        ]


class Trips(Endpoint):
    """Answers 500 to whatever holds the word, and does nothing of it."""

    word = b"spoilt"

    def write(self, method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Answer:
        if self.word in body:
            return Answer(500, {}, b'{"resourceType":"OperationOutcome"}')
        return super().write(method, url, body, *rest, **named)


def test_a_record_that_the_server_trips_over_goes_alone(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    spoilt = observation(80, code={"text": "spoilt"})
    proof = push_all(session_of([spoilt, *chart(20)], endpoint=Trips))
    assert_whole(sandbox, Observation=20)
    assert [(x["status"], x["note"]) for x in proof["resources"] if x["there"] is None] == [
        ("rejected", "HTTP 500")
    ]


def test_a_server_that_answers_500_to_all_is_not_believed(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    class Down(Trips):
        word = b""

    session = session_of(chart(20), endpoint=Down)
    with pytest.raises(DestinationRefused, match="HTTP 500"):
        push_all(session)
    assert delivery.deliveries(session.case, "rejected") == []
    assert kinds(sandbox) == {}
    push_all(session_of())
    assert_whole(sandbox, Observation=20)


def test_a_limit_found_on_the_way_holds_for_the_rest(session_of: SessionOf) -> None:
    with Sandbox(quirks=Quirks(entry_limit=8)) as other:
        session = session_of(chart(60), url=other.base_url, bundle={"max_entries": 20})
        push_all(session)
        assert_whole(other, Observation=60)
        refused = session.case.rows("SELECT write_no FROM answer WHERE status = 413")
        assert len(refused) <= 2  # 20, 10, then fives
        assert required(session.case.state.limits)["entries"] <= 8


def test_who_the_server_names_is_sent_alone(session_of: SessionOf, sandbox: Sandbox) -> None:
    sizes: list[int] = []

    class Naming(Endpoint):
        def write(self, method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Answer:
            entries = decode(body)["entry"]
            sizes.append(len(entries))
            for number, entry in enumerate(entries):
                if entry["resource"].get("code") == {"text": "spoilt"}:
                    place = f"Bundle.entry[{number}].resource.code"
                    issue = {"severity": "error", "code": "invalid", "expression": [place]}
                    said = {"resourceType": "OperationOutcome", "issue": [issue]}
                    return Answer(422, {}, encode(said))
            return super().write(method, url, body, *rest, **named)

    spoilt = observation(80, code={"text": "spoilt"})
    session = session_of([spoilt, *chart(40)], endpoint=Naming)
    push_all(session)
    assert_whole(sandbox, Observation=40)
    assert sizes == [48, 47, 1, 2]
    [first, _] = session.case.rows("SELECT body FROM answer")
    assert b"Bundle.entry[" in first[0]


@pytest.mark.parametrize("write", STRATEGIES)
def test_a_transaction_that_does_not_roll_back(session_of: SessionOf, write: str) -> None:
    spoilt = observation(80, code={"text": "spoilt"})
    with Sandbox(quirks=Quirks(atomic=False, reject="spoilt")) as other:
        proof = push_all(session_of([*chart(20), spoilt], url=other.base_url, write=write))
        assert_whole(other, Observation=20)
        assert [x["status"] for x in proof["resources"]].count("rejected") == 1


def test_numbers_with_many_decimals_are_refused_and_told(session_of: SessionOf) -> None:
    fine = observation(70, valueQuantity=decode(b'{"value": 0.1234567, "unit": "g"}'))
    with Sandbox(quirks=Quirks(scale_max=6)) as other:
        proof = push_all(session_of([fine, *chart()], url=other.base_url))
        assert_whole(other)
        assert [x["status"] for x in proof["resources"]].count("rejected") == 1


def test_a_server_that_ignores_the_ids_it_is_given_is_noticed(session_of: SessionOf) -> None:
    with Sandbox(quirks=Quirks(own_ids=True, integrity=False)) as other:
        with pytest.raises(DestinationRefused, match="ids of its own"):
            push_all(session_of(url=other.base_url, write="put"))
        push_all(session_of(url=other.base_url, write="conditional"))
        assert_whole(other)


def test_an_answer_of_a_proxy_that_is_too_small(session_of: SessionOf, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, method="POST", status=413, times=2))
    push_all(session_of(chart(20)))
    assert_whole(sandbox, Observation=20)


def test_rejected_ones_are_gaps(session_of: SessionOf) -> None:
    with Sandbox(quirks=Quirks(reject="spoilt")) as choosy:
        session = session_of(
            [observation(80, code={"text": "spoilt"}), *chart()], url=choosy.base_url
        )
        push.resolve(session)
        push.deliver(session)
        assert [(g.what, g.kind) for g in gaps.of(session.case)] == [("Observation", "rejected")]


def letter(*sizes: int) -> Resource:
    """A document whose attachments have `sizes` bytes."""
    contents = [
        {"attachment": {"contentType": "text/plain", "title": str(n), "data": text(n, size)}}
        for n, size in enumerate(sizes)
    ]
    return {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "content": contents,
    }


def text(number: int, size: int) -> str:
    return base64.b64encode(bytes([65 + number]) * size).decode()


@pytest.mark.parametrize("write", STRATEGIES)
@pytest.mark.parametrize("way", WAYS)
def test_attachments_too_large_for_a_write_go_ahead(
    session_of: SessionOf, sandbox: Sandbox, write: str, way: str
) -> None:
    session = session_of(
        [letter(20_000, 30_000), *chart()], write=write, way=way, bundle={"max_megabytes": 0.05}
    )
    proof = push_all(session)
    assert_whole(sandbox, DocumentReference=1, Binary=2)
    [document] = sandbox.resources("DocumentReference")
    [patient] = sandbox.resources("Patient")
    attached = {
        f"Binary/{b['id']}": (b["data"], b["contentType"], b["securityContext"]["reference"])
        for b in sandbox.resources("Binary")
    }
    for number, size in enumerate((20_000, 30_000)):
        node = document["content"][number]["attachment"]
        assert "data" not in node
        assert (node["size"], node["title"]) == (size, str(number))
        owner = f"Patient/{patient['id']}"
        assert attached[node["url"]] == (text(number, size), "text/plain", owner)
    assert {line["status"] for line in proof["resources"]} == {"verified"}
    packet = session.case.folder / "packet.json"
    export.packet(session.case)
    assert check(encode(proof), None, None, packet.read_bytes()).wrong == []
    sandbox.requests.clear()
    push_all(session_of(write=write, way=way, bundle={"max_megabytes": 0.05}))
    assert writes(sandbox) == 0


def test_an_attachment_too_large_by_itself_is_told_and_its_record_goes(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = session_of([letter(100, 90_000), *chart()], bundle={"max_megabytes": 0.05})
    proof = push_all(session)
    assert_whole(sandbox, DocumentReference=1, Binary=1)
    lost = [line["packet"].partition("/")[0] for line in proof["resources"] if not line["there"]]
    assert lost == ["Binary"]
    [document] = sandbox.resources("DocumentReference")
    small, large = (content["attachment"] for content in document["content"])
    assert small["url"].startswith("Binary/")
    assert (large["size"], "url" in large, "data" in large) == (90_000, False, False)


def test_one_changed_byte_of_a_binary_is_found(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = session_of([letter(20_000, 30_000), *chart()], bundle={"max_megabytes": 0.05})
    push_all(session)
    stands = sandbox.resources("Binary")[0]
    sandbox.put({**stands, "data": text(9, 20_000)})
    with pytest.raises(ReadBackDiffers, match="1 Binary"):
        push.verify(session)
