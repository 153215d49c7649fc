"""Read back, announce, verify: what stands there is what was sent, and their work is theirs."""

from collections.abc import Callable
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import ConnectorError, DestinationRefused, Held, ReadBackDiffers
from connector.fhir.lossless import decode
from connector.push import Session
from connector.store.sent import delivery
from tests.push.conftest import kinds, one, writes
from tests.push.packets import NOW, AsBatch, Resource, push_all
from tests.sandbox_parts import Fault, Quirks, Sandbox

SessionOf = Callable[..., Session]
LATER = "2026-11-23T10:00:00Z"


def delivered(session: Session) -> Session:
    push.resolve(session)
    push.deliver(session)
    push.read_back(session)
    return session


def edit(sandbox: Sandbox, resource_type: str, **changes: Any) -> None:
    """What somebody at the destination does to a resource."""
    found = next(r for r in sandbox.resources() if r["resourceType"] == resource_type)
    sandbox.put(found | changes)


def status_of(session: Session, resource_type: str) -> list[str]:
    return [row.status for row in delivery.deliveries(session.case) if row.type == resource_type]


def test_a_changed_digit_is_found_and_nothing_announced(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = session_of()
    push.resolve(session)
    push.deliver(session)
    edit(sandbox, "Observation", valueQuantity=decode(b'{"value": 1.51, "unit": "mmol/L"}'))
    with pytest.raises(ReadBackDiffers, match="1 Observation") as differs:
        push.read_back(session)
    assert "1.5" not in str(differs.value)
    assert sorted(status_of(session, "Observation")) == ["differs", "verified", "verified"]
    with pytest.raises(ConnectorError, match="internal"):
        push.announce(session, NOW)
    assert one(sandbox, "Task")["status"] == "draft"
    edit(sandbox, "Observation", valueQuantity=decode(b'{"value": 1.50, "unit": "mmol/L"}'))
    push.read_back(session)
    push.announce(session, NOW)
    assert one(sandbox, "Task")["status"] == "requested"


def test_a_resource_that_is_gone_differs(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = delivered(session_of())
    push.announce(session, NOW)
    provenance = one(sandbox, "Provenance")["id"]
    session.endpoint.write("DELETE", f"Provenance/{provenance}", b"", "their deletion")
    with pytest.raises(ReadBackDiffers, match="1 Provenance"):
        push.verify(session)


def test_another_precision_is_verified_and_noted(session_of: SessionOf) -> None:
    with Sandbox(quirks=Quirks(round_decimals=True)) as other:
        session = session_of(url=other.base_url)
        proof = push_all(session)
    assert set(status_of(session, "Observation")) == {"precision-changed"}
    noted = [line for line in proof["resources"] if line["status"] == "precision-changed"]
    assert all(line["sha256_sent"] != line["sha256_read"] for line in noted)


def test_another_value_differs(session_of: SessionOf) -> None:
    with Sandbox(quirks=Quirks(change_digit=True)) as other:
        with pytest.raises(ReadBackDiffers, match="3 Observation"):
            push_all(session_of(url=other.base_url))
        assert one(other, "ServiceRequest")["status"] == "draft"


def test_another_record_than_asked_for_differs(session_of: SessionOf, sandbox: Sandbox) -> None:
    class Elsewhere(Endpoint):
        def get(self, *given: Any, **named: Any) -> Answer:
            answer = super().get(*given, **named)
            body = answer.body.replace(b'"Encounter","id":"', b'"Encounter","id":"not-')
            return Answer(answer.status, answer.headers, body)

    with pytest.raises(ReadBackDiffers, match="1 Encounter"):
        push_all(session_of(endpoint=Elsewhere))


def test_a_login_page_is_not_a_record(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = session_of()
    push.resolve(session)
    push.deliver(session)
    sandbox.add_fault(Fault("login-page", path="Observation/", times=1))
    with pytest.raises(DestinationRefused):
        push.read_back(session)
    push.read_back(session)


@pytest.mark.parametrize("resource_type", ["ServiceRequest", "Task"])
def test_what_they_changed_before_is_not_written_over(
    session_of: SessionOf, sandbox: Sandbox, resource_type: str
) -> None:
    session = delivered(session_of())
    edit(sandbox, resource_type, note=[{"text": "theirs"}])
    sandbox.requests.clear()
    with pytest.raises(Held) as held:
        push.announce(session, NOW)
    assert held.value.code == "theirs"
    assert writes(sandbox) == 0
    assert one(sandbox, resource_type)["note"] == [{"text": "theirs"}]


@pytest.mark.parametrize("stale_status", [409, 412])
def test_what_they_changed_in_between_is_not_written_over(
    session_of: SessionOf, stale_status: int
) -> None:
    with Sandbox(quirks=Quirks(stale_status=stale_status)) as other:

        class Hasty(Endpoint):
            """Somebody changes the Task between our reading and our writing."""

            def write(self, *given: Any, **named: Any) -> Answer:
                if "Task" in kinds(other) and "note" not in one(other, "Task"):
                    edit(other, "Task", note=[{"text": "theirs"}])
                return super().write(*given, **named)

        session = delivered(session_of(url=other.base_url, endpoint=Hasty))
        with pytest.raises(Held) as held:
            push.announce(session, NOW)
        assert held.value.code == "theirs"
        assert one(other, "Task")["status"] == "draft"
        assert one(other, "ServiceRequest")["status"] == "draft"


def test_half_an_announcement_is_made_whole(session_of: SessionOf, sandbox: Sandbox) -> None:
    class Half(AsBatch):
        """Carries out the first entry of an announcement only, and answers nothing."""

        announcements = 0

        def write(self, method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Answer:
            if b'"PUT"' in body:
                Half.announcements += 1
                if Half.announcements == 1:
                    body = body.replace(b'/"}},{"fullUrl', b"")
                    entries = body.split(b',{"fullUrl"')
                    super().write(method, url, entries[0] + b"]}", *rest, **named)
                    return Answer(500, {}, b"")
            return super().write(method, url, body, *rest, **named)

    session = delivered(session_of())
    push.announce(session_of(endpoint=Half), NOW)
    assert Half.announcements == 2
    assert one(sandbox, "ServiceRequest")["meta"]["versionId"] == "2"
    assert one(sandbox, "Task")["status"] == "requested"
    assert session.case.state.announced_at == NOW


def test_an_announcement_keeps_its_own_moment(session_of: SessionOf, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("drop-after", path=r"^/fhir/?$", skip=1, times=1))
    session = delivered(session_of(attempts=1))
    sandbox.add_fault(Fault("drop-before", path="ServiceRequest/", skip=1))
    with pytest.raises(DestinationRefused):
        push.announce(session, NOW)
    sandbox.clear_faults()
    sandbox.requests.clear()
    push.announce(session_of(), LATER)
    assert writes(sandbox) == 0
    assert session.case.state.announced_at == one(sandbox, "Task")["lastModified"] == NOW


def test_a_server_that_alters_the_announcement_is_told(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    class Altering(Endpoint):
        def write(self, method: str, url: str, body: bytes, *rest: Any, **named: Any) -> Answer:
            changed = body.replace(
                b'"status":"requested"', b'"status":"requested","priority":"stat"'
            )
            return super().write(method, url, changed, *rest, **named)

    session = delivered(session_of(endpoint=Altering))
    for _ in range(2):
        with pytest.raises((ReadBackDiffers, Held)):
            push.announce(session, NOW)
    assert session.case.state.announced_at is None


@pytest.mark.parametrize(
    ("resource_type", "work"),
    [
        ("Task", {"status": "accepted", "businessStatus": {"text": "Accepted"}}),
        ("Task", {"status": "completed", "output": [{"type": {"text": "x"}, "valueString": "y"}]}),
        ("ServiceRequest", {"status": "completed"}),
    ],
)
def test_their_work_is_no_difference(
    session_of: SessionOf, sandbox: Sandbox, resource_type: str, work: Resource
) -> None:
    session = delivered(session_of())
    push.announce(session, NOW)
    held = {row.id: row.version for row in delivery.deliveries(session.case)}
    edit(sandbox, resource_type, **work)
    push.verify(session)
    assert {row.id: row.version for row in delivery.deliveries(session.case)} == held


@pytest.mark.parametrize("resource_type", ["Observation", "Encounter", "Task", "ServiceRequest"])
def test_verify_finds_what_changed_since(
    session_of: SessionOf, sandbox: Sandbox, resource_type: str
) -> None:
    session = delivered(session_of())
    push.announce(session, NOW)
    push.verify(session)
    edit(sandbox, resource_type, subject={"display": "somebody else"})
    edit(sandbox, resource_type, **{"for": {"display": "somebody else"}})
    with pytest.raises(ReadBackDiffers, match=f"1 {resource_type}"):
        push.verify(session)


def test_the_receipt_holds_no_content(session_of: SessionOf, sandbox: Sandbox) -> None:
    proof = push_all(session_of())
    assert proof["service_request"] == f"ServiceRequest/{one(sandbox, 'ServiceRequest')['id']}"
    assert proof["patient"] == f"Patient/{one(sandbox, 'Patient')['id']}"
    there = {f"{r['resourceType']}/{r['id']}": r["meta"]["versionId"] for r in sandbox.resources()}
    assert {line["there"]: line["version"] for line in proof["resources"]} == there
    assert not any(secret in str(proof) for secret in ("Müller", "1970", "Glucose", "1.50"))
