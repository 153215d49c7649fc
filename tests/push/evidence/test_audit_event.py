"""AuditEvents: each row of the disclosure log about a case is one, as IHE BALP wants it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.errors import ReadBackDiffers
from connector.fhir.gate import check
from connector.fhir.lossless import decode, sha256
from connector.push import Session, account, deliver, resolve, verify
from connector.push.evidence import audit_event
from connector.store.audit import audit_ndjson
from tests.push.conftest import WHOLE
from tests.push.packets import MRN, chart, patient, push_all
from tests.sandbox_parts import Quirks, Sandbox

SessionOf = Callable[..., Session]
QUERY = "110112"
DCM = "http://dicom.nema.org/resources/ontology/DCM"
SCT = "http://snomed.info/sct"


def told(session: Session) -> list[tuple[str, str, int, int]]:
    rows = session.ledger.disclosures(session.handle)
    return [(row.event, row.outcome, row.resources, row.rejected) for row in rows]


LOOK_UP = ("look-up", "attempted", 0, 0)


def events(session: Session) -> list[dict[str, Any]]:
    """The AuditEvents about the packet: those of looking for the patient left out."""
    found = map(json.loads, audit_ndjson.lines(session.case.folder).splitlines())
    return [event for event in found if event["type"]["code"] != QUERY]


def agent(event: dict[str, Any], system: str, code: str) -> dict[str, Any] | None:
    """The one agent of a type, as the profile's slices are told apart."""
    found = [
        agent
        for agent in event["agent"]
        if {"system": system, "code": code} in agent["type"]["coding"]
    ]
    assert len(found) <= 1
    return found[0] if found else None


def assert_balp(event: dict[str, Any]) -> None:
    """Every rule of `IHE.BasicAudit.PrivacyDisclosure.Source` (BALP 1.1.4), and R4's own."""
    assert check(event) == []
    assert event["meta"]["profile"] == [audit_event.PROFILE]
    assert (event["type"]["system"], event["type"]["code"]) == (DCM, "110106")
    assert event["action"] == "R"
    lifecycle = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
    assert {"system": lifecycle, "code": "disclose"} in event["subtype"]
    assert event["outcome"] in ("0", "4", "8")
    assert event["purposeOfEvent"]
    source, recipient = agent(event, DCM, "110153"), agent(event, DCM, "110152")
    assert source is not None
    assert recipient is not None
    assert source["who"] == event["source"]["observer"]
    assert source["network"]["type"] == recipient["network"]["type"] == "5"
    assert recipient["who"]
    people = [(e["type"]["code"], e["role"]["code"]) for e in event["entity"]]
    assert people.count(("1", "1")) == 1
    assert len(event["entity"]) >= 2
    assert event["entity"][0]["what"]["reference"].endswith("Patient/p1")


def test_each_attempt_and_what_came_of_it(session_of: SessionOf) -> None:
    session = session_of(bundle={"max_entries": 8})
    push_all(session)
    account(session)
    account(session)
    assert told(session) == [
        LOOK_UP,
        ("deliver", "attempted", 8, 0),
        ("deliver", "attempted", 2, 0),
        ("announce", "attempted", 2, 0),
        ("announce", "verified", 10, 0),
    ]
    made = events(session)
    assert [event["outcomeDesc"] for event in made] == [
        f"{e}: {o}" for e, o, *_ in told(session)[1:]
    ]
    assert len({event["id"] for event in made}) == 4
    for event in made:
        assert_balp(event)
        assert event["meta"]["security"][0]["code"] == "HTEST"
        assert event["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
        assert agent(event, SCT, "429577009") is None
    assert session.ledger.check_disclosures(audit_ndjson.anchors(session.case.folder)) == (5, None)
    mode = (session.case.folder / audit_ndjson.NAME).stat().st_mode & 0o777
    assert mode == 0o600


def test_people_and_authorization(session_of: SessionOf) -> None:
    basis = {"kind": "patient-authorization", "document": "signed.pdf"}
    session = session_of(request={"basis": basis})
    consent = {"resourceType": "Consent", "id": "c", "sourceAttachment": {"data": "c2lnbmVk"}}
    with session.case.commit():
        session.case.execute(
            "INSERT INTO entry (type, id, origin, source, sha256, body) VALUES"
            " ('Consent', 'c', 'authored', 'Consent', ?, ?)",
            (sha256(json.dumps(consent).encode()), json.dumps(consent).encode()),
        )
    session.case.state.approval = {"hash": session.case.state.packet_hash, "by": "Dr Roe"}
    resolve(session)
    deliver(session)
    event = events(session)[0]
    assert_balp(event)
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == "PATRQT"
    custodian, authorizer = agent(event, SCT, "159541003"), agent(event, SCT, "429577009")
    assert custodian is not None
    assert custodian["who"] == {"display": "Dr Roe"}
    assert authorizer is not None
    assert authorizer["who"] == event["entity"][0]["what"]
    row = session.ledger.disclosures()[-1]
    assert (row.basis, row.approver) == ("patient-authorization", "Dr Roe")
    assert row.document_hmac == session.ledger.keyed(f"document {sha256(b'signed')}")


def test_looking_for_the_patient_is_told_before_it_is_asked(
    session_of: SessionOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By identifiers, by name and birth date, by `$match`: once a run, whatever comes of it."""
    with Sandbox(quirks=Quirks(match={})) as matching:
        session = session_of(url=matching.base_url, match_systems=(MRN,))
        ask, told_then = session.endpoint.search, []

        def search(resource_type: str, parameters: Any, what: str) -> Any:
            if resource_type == "Patient" and "_tag" not in parameters:
                told_then.append(told(session))
            return ask(resource_type, parameters, what)

        monkeypatch.setattr(session.endpoint, "search", search)
        for run in (1, 2):
            resolve(session)
            assert told(session) == [LOOK_UP] * run
        asked = [r.path for r in matching.requests]
        assert sum(path.endswith("$match") for path in asked) == 2
    each = len(told_then) // 2  # by identifier, by each spelling of the name
    assert each > 2
    assert told_then == [[LOOK_UP]] * each + [[LOOK_UP] * 2] * each
    lines = audit_ndjson.lines(session.case.folder).splitlines()
    assert len(lines) == 2
    event = json.loads(lines[-1])
    assert check(event) == []
    assert event["type"] == {"system": DCM, "code": QUERY, "display": "Query"}
    assert "profile" not in event["meta"]
    assert (event["action"], event["outcomeDesc"]) == ("E", "look-up: attempted")
    assert agent(event, DCM, "110153") is not None
    assert agent(event, DCM, "110152") is not None
    assert event["entity"][0]["what"]["reference"].endswith("Patient/p1")
    assert session.ledger.check_disclosures(audit_ndjson.anchors(session.case.folder)) == (2, None)


def test_a_patient_named_by_id_is_not_looked_for(session_of: SessionOf, sandbox: Sandbox) -> None:
    """The number is theirs: it is read, and nothing of ours is sent."""
    sandbox.put(patient(id="there"))
    session = session_of(
        request={"destination_patient": {"id": "there"}}, new_patient="hold", match="off"
    )
    push_all(session)
    assert LOOK_UP not in told(session)


def test_no_label_in_production(session_of: SessionOf) -> None:
    session = session_of(environment="production")
    resolve(session)
    deliver(session)
    assert "security" not in events(session)[0]["meta"]


def test_a_disclosure_that_never_ended_is_told(
    session_of: SessionOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the bytes leave: whether they arrived nobody may ever know."""
    session = session_of()
    resolve(session)

    def cut(*_: Any, **__: Any) -> None:
        assert told(session) == [LOOK_UP, ("deliver", "attempted", 10, 0)]
        assert len(events(session)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(session.endpoint, "write", cut)
    with pytest.raises(KeyboardInterrupt):
        deliver(session)
    assert len(told(session)) == 2


def test_records_that_were_not_taken(session_of: SessionOf, tmp_path: Path) -> None:
    with Sandbox(quirks=Quirks(types=frozenset(WHOLE))) as choosy:
        session = session_of([*chart(), {"resourceType": "Basic", "id": "b"}], url=choosy.base_url)
        push_all(session)
        account(session)
    assert told(session)[-1] == ("announce", "partial", 10, 1)
    assert events(session)[-1]["outcome"] == "4"


def test_a_difference_found_later_and_mended(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = session_of()
    push_all(session)
    account(session)
    was = next(r for r in sandbox.resources() if r["resourceType"] == "Observation")
    sandbox.put({**was, "valueQuantity": {"value": decode(b"1.51"), "unit": "mmol/L"}})
    with pytest.raises(ReadBackDiffers):
        verify(session)
    account(session)
    assert told(session)[-1][:2] == ("announce", "differs")
    assert events(session)[-1]["outcome"] == "8"
    sandbox.put(was)
    verify(session)
    account(session)
    assert [outcome for _, outcome, *_ in told(session)[-3:]] == ["verified", "differs", "verified"]


def test_the_file_catches_up_with_the_log(session_of: SessionOf) -> None:
    session = session_of()
    push_all(session)
    path = session.case.folder / audit_ndjson.NAME
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for left in (b"", lines[0], lines[0] + lines[1][:100], whole[:-1]):
        path.write_bytes(left)
        audit_event.keep_up(session)
        assert path.read_bytes() == whole
    path.unlink()
    audit_event.keep_up(session)
    assert path.read_bytes() == whole
    assert path.stat().st_mode & 0o777 == 0o600
