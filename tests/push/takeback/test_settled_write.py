"""A record that an earlier case brought: updated if as we left it, else never written over."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from connector import push
from connector.errors import Held, ReadBackDiffers
from connector.push import Session
from connector.push.records.last_written import NEWER
from connector.store.sent import delivery
from tests.push.conftest import STRATEGIES, TRANSACTIONS, dangling, doubled, writes
from tests.push.packets import Resource, chart, observation, open_session, push_all, put_packet
from tests.sandbox_parts import Fault, Quirks, Sandbox

OpenCase = Callable[..., Session]
LATER, EARLIER = "2026-11-23T00:00:00Z", "2026-11-20T00:00:00Z"


@pytest.fixture
def case(tmp_path: Path, sandbox: Sandbox) -> Iterator[OpenCase]:
    """Opens the session of case `number`: all cases have one ledger."""
    with ExitStack() as stack:

        def opened(number: int, records: list[Resource], **options: Any) -> Session:
            url = options.pop("url", sandbox.base_url)
            handle, as_of = f"abcdef01234{number}", options.pop("as_of", "2026-11-22T00:00:00Z")
            session = open_session(tmp_path, url, handle=handle, **options)
            stack.callback(session.ledger.close)
            stack.callback(session.case.close)
            session.case.state.as_of = as_of
            put_packet(session.case, records, request_id=f"SO-{number}")
            return session

        yield opened


def there(sandbox: Sandbox, text: str) -> Resource:
    [found] = [r for r in sandbox.resources() if r.get("code", {}).get("text") == text]
    return found


def lines(proof: dict[str, Any], resource_type: str) -> list[Any]:
    return [x for x in proof["resources"] if x["packet"].startswith(f"{resource_type}/")]


@pytest.mark.parametrize("way", ["transaction", "batch", "single"])
@pytest.mark.parametrize("write", STRATEGIES)
def test_a_correction_at_the_source_reaches_the_record_there(
    case: OpenCase, write: str, way: str
) -> None:
    with Sandbox(quirks=quirks(way)) as other:
        push_all(case(1, chart(), write=write, url=other.base_url))
        corrected = [observation(0, code={"text": "corrected"}), *chart()[1:]]
        proof = push_all(case(2, corrected, write=write, url=other.base_url, as_of=LATER))
        assert there(other, "corrected")["meta"]["versionId"] == "2"
        assert {line["status"] for line in proof["resources"]} == {"verified"}
        assert doubled(other) == []
        assert dangling(other) == set()


def quirks(way: str) -> Quirks:
    return Quirks(transactions=way == "transaction", batches=way != "single")


def test_only_what_differs_is_written_again(case: OpenCase, sandbox: Sandbox) -> None:
    push_all(case(1, chart()))
    sandbox.requests.clear()
    push_all(case(2, chart(), as_of=LATER))
    assert writes(sandbox) == 2  # what is this case's own, and the announcement
    assert {r["meta"]["versionId"] for r in sandbox.resources("Observation")} == {"1"}


@pytest.mark.parametrize("write", STRATEGIES)
def test_what_somebody_changed_is_not_written_over(
    case: OpenCase, sandbox: Sandbox, write: str
) -> None:
    push_all(case(1, chart(), write=write))
    theirs = sandbox.resources("Observation")[0]
    sandbox.put({**theirs, "note": [{"text": "seen by us"}]})
    with pytest.raises(Held) as held:
        push_all(case(2, chart(), write=write, as_of=LATER))
    assert held.value.code == "theirs"
    assert [o for o in sandbox.resources("Observation") if "note" in o] != []
    assert {r["status"] for r in sandbox.resources("Task")} == {"requested", "draft"}


def test_what_somebody_deleted_does_not_rise_again(case: OpenCase, sandbox: Sandbox) -> None:
    first = case(1, [*chart(), {"resourceType": "Basic", "id": "b1", "code": {"text": "leaf"}}])
    push_all(first)
    first.endpoint.write("DELETE", f"Basic/{there(sandbox, 'leaf')['id']}", b"", "planting")
    again = [*chart(), {"resourceType": "Basic", "id": "b1", "code": {"text": "leaf"}}]
    with pytest.raises(Held) as held:
        push_all(case(2, again, as_of=LATER))
    assert held.value.code == "deleted"
    assert sandbox.resources("Basic") == []


def test_an_older_pull_does_not_undo_a_newer_one(case: OpenCase, sandbox: Sandbox) -> None:
    corrected = [observation(0, code={"text": "corrected"}), *chart()[1:]]
    push_all(case(1, corrected))
    proof = push_all(case(2, chart(), as_of=EARLIER))
    assert there(sandbox, "corrected")["meta"]["versionId"] == "1"
    assert [line["note"] for line in lines(proof, "Observation")].count(NEWER) == 1


def test_the_first_case_still_verifies_after_the_second(case: OpenCase, sandbox: Sandbox) -> None:
    first = case(1, chart())
    push_all(first)
    corrected = [observation(0, code={"text": "corrected"}), *chart()[1:]]
    push_all(case(2, corrected, as_of=LATER))
    push.verify(first)
    assert [row.note for row in delivery.deliveries(first.case)].count(NEWER) == 1
    sandbox.put({**there(sandbox, "corrected"), "note": [{"text": "their work"}]})
    with pytest.raises(ReadBackDiffers, match="1 Observation"):
        push.verify(first)


def panel(*members: str) -> Resource:
    """A record that refers to `members`, or names them where they do not travel."""
    source = "urn:uuid:11111111-2222-4333-8444-555555555555"
    known = [
        {"reference": f"Observation/{m}"} if m.isalnum()
        else {"identifier": {"system": source, "value": f"Observation/{m.strip('-')}"}}
        for m in members
    ]  # fmt: skip
    return observation(50, code={"text": "panel"}, hasMember=known)


@pytest.mark.parametrize("write", STRATEGIES)
def test_links_of_both_cases_are_kept(case: OpenCase, sandbox: Sandbox, write: str) -> None:
    first = case(1, [panel("o0", "-o1-"), *chart(1)], write=write)
    push_all(first)
    neighbours = [r for r in chart(2) if r["id"] != "o0"]
    push_all(case(2, [panel("-o0-", "o1"), *neighbours], write=write, as_of=LATER))
    stands = there(sandbox, "panel")
    assert [list(member) for member in stands["hasMember"]] == [["reference"], ["reference"]]
    assert stands["meta"]["versionId"] == "2"
    push.verify(first)


def test_a_case_that_knows_less_writes_nothing(case: OpenCase, sandbox: Sandbox) -> None:
    push_all(case(1, [panel("o0", "o1"), *chart(2)]))
    proof = push_all(case(2, [panel("-o0-", "o1"), *chart(2)[1:]], as_of=LATER))
    stands = there(sandbox, "panel")
    assert [list(member) for member in stands["hasMember"]] == [["reference"], ["reference"]]
    assert stands["meta"]["versionId"] == "1"
    assert {line["status"] for line in lines(proof, "Observation")} == {"verified"}


def test_a_link_under_an_identifier_of_the_source_is_kept(case: OpenCase, sandbox: Sandbox) -> None:
    named = {"identifier": {"system": "urn:oid:1.2.3", "value": "17"}}
    linked = observation(50, performer=[{"reference": "Practitioner/d1", **named}])
    push_all(case(1, [linked, *chart()]))
    push_all(case(2, [observation(50, performer=[named]), *chart()], as_of=LATER))
    [stands] = [r for r in sandbox.resources("Observation") if "performer" in r]
    assert (list(stands["performer"][0]), stands["meta"]["versionId"]) == (
        ["reference", "identifier"],
        "1",
    )


@pytest.mark.parametrize("kind", ["drop-after", "drop-before"])
def test_an_update_without_answer_is_settled_by_reading(
    case: OpenCase, sandbox: Sandbox, kind: Any
) -> None:
    push_all(case(1, chart()))
    corrected = [observation(0, code={"text": "corrected"}), *chart()[1:]]
    second = case(2, corrected, as_of=LATER)
    sandbox.add_fault(Fault(kind, path=TRANSACTIONS, method="POST", skip=1, times=1))
    push_all(second)
    assert there(sandbox, "corrected")["meta"]["versionId"] == "2"


def test_a_change_in_the_last_moment_is_not_written_over(case: OpenCase, sandbox: Sandbox) -> None:
    push_all(case(1, chart()))
    corrected = [observation(0, code={"text": "corrected"}), *chart()[1:]]
    second = case(2, corrected, as_of=LATER)
    write = second.endpoint.write
    stands = next(
        r for r in sandbox.resources("Observation")
        if r["meta"]["tag"][0]["code"] == derived("Observation/o0")
    )  # fmt: skip

    def late(method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Any:
        if b'"PUT"' in body and b"corrected" in body:
            sandbox.put({**stands, "note": [{"text": "their work"}]})
        return write(method, url, body, *rest, **named)

    second.endpoint.write = late  # type: ignore[method-assign]
    with pytest.raises(Held) as held:
        push_all(second)
    assert held.value.code == "theirs"
    assert [o["note"] for o in sandbox.resources("Observation") if "note" in o] != []


def derived(key: str) -> str:
    return str(uuid.uuid5(uuid.UUID("11111111-2222-4333-8444-555555555555"), key))


def test_a_server_that_alters_is_not_written_to_for_ever(case: OpenCase, sandbox: Sandbox) -> None:
    with Sandbox(quirks=Quirks(drop_elements=frozenset({"Encounter.class"}))) as other:
        for number in (1, 2, 2):
            with pytest.raises(ReadBackDiffers, match="1 Encounter"):
                push_all(case(number, chart(), url=other.base_url, as_of=LATER))
        assert [r["meta"]["versionId"] for r in other.resources("Encounter")] == ["1"]


def test_the_ledger_of_another_machine_does_not_know(case: OpenCase, sandbox: Sandbox) -> None:
    push_all(case(1, chart()))
    corrected = [observation(0, code={"text": "corrected"}), *chart()[1:]]
    second = case(2, corrected, as_of=LATER)
    with second.ledger._begin() as db:
        db.exec_driver_sql("DELETE FROM ledger_record")
    for lab in sandbox.resources("Observation"):  # once written over, nobody can say by whom
        sandbox.put({**lab, "note": [{"text": "seen"}]})
    with pytest.raises(Held) as held:
        push_all(second)
    assert held.value.code == "theirs"
