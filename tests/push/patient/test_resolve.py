"""Never the wrong patient: every route, and every near-match on it, before the first write."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import DestinationRefused, Held
from connector.fhir.lossless import encode
from connector.push import Session
from tests.push.conftest import kinds, one, writes
from tests.push.packets import MRN, NOW, Resource, chart, patient, push_all
from tests.sandbox_parts import Fault, Quirks, Sandbox

SessionOf = Callable[..., Session]

NEAR: dict[str, dict[str, Any]] = {
    "twin": {"name": [{"family": "Müller", "given": ["Eva", "María"]}]},
    "same name, born on another day": {"birthDate": "1970-04-03"},
    "moved birth date": {"birthDate": "1970-03-05"},
    "year of birth only": {"birthDate": "1970"},
    "another gender": {"gender": "male"},
    "gender unknown": {"gender": "unknown"},
    "no name": {"name": None},
    "married name only": {"name": [{"family": "Roe", "given": ["Ana", "María"]}]},
    "inactive": {"active": False},
    "merged": {"link": [{"type": "replaced-by", "other": {"reference": "Patient/other"}}]},
    "deceased": {"deceasedDateTime": "2026-01-01"},
    "family and given swapped": {"name": [{"family": "Ana María", "given": ["Müller"]}]},
    "another number": {"identifier": [{"system": MRN, "value": "4712"}]},
    "an old number": {"identifier": [{"use": "old", "system": MRN, "value": "4711"}]},
    "a twin": {"multipleBirthBoolean": True},
    "Jr": {"name": [{"family": "Müller", "given": ["Ana", "María"], "suffix": ["Jr"]}]},
    "a test patient": {"name": [{"family": "Müller", "given": ["Zztest"]}]},
    "gender a list": {"gender": ["female"]},
    "name an object": {"name": {"family": "Müller", "given": ["Ana", "María"]}},
    "name an object, meta and link texts": {"name": {"family": "Müller"}, "link": "x", "tag": 1},
    "nickname only": {"name": [{"use": "nickname", "family": "Müller", "given": ["Anita"]}]},
}
ROUTES: dict[str, dict[str, Any]] = {
    "id": {"request": {"destination_patient": {"id": "there"}}},
    "identifier": {"request": {"destination_patient": {"identifier": f"{MRN}|4711"}}},
    "match systems": {"match_systems": (MRN,), "new_patient": "hold", "match": "off"},
    "$match": {"new_patient": "hold"},
    "before creating": {"new_patient": "create", "match": "off"},
    "asked to create": {"request": {"destination_patient": {"create": True}}},
}
SEARCHED = ("identifier", "match systems", "before creating")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A destination whose `$match` is certain of the patient called `there`, if there is one."""
    with Sandbox(quirks=Quirks(match={"there": "certain"})) as running:
        yield running


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("near", NEAR)
def test_a_near_match_is_held(
    session_of: SessionOf, sandbox: Sandbox, route: str, near: str
) -> None:
    sandbox.put(patient(id="there", **NEAR[near]))
    session = session_of(**ROUTES[route])
    with pytest.raises(Held) as held:
        push_all(session)
    assert held.value.code == "identity"
    assert writes(sandbox) == 0
    for secret in ("Müller", "Ana", "1970", "4711"):
        assert secret not in str(held.value) + held.value.what_to_do


@pytest.mark.parametrize("route", ROUTES)
def test_the_same_person_is_taken_and_never_written(
    session_of: SessionOf, sandbox: Sandbox, route: str
) -> None:
    sandbox.put(patient(id="there", telecom=[{"value": "kept"}]))
    session = session_of(**ROUTES[route])
    proof = push_all(session)
    assert proof["patient"] == session.case.state.destination_patient == "Patient/there"
    theirs = one(sandbox, "Patient")
    assert (theirs["meta"]["versionId"], theirs["telecom"]) == ("1", [{"value": "kept"}])
    assert one(sandbox, "Encounter")["subject"] == {"reference": "Patient/there"}


@pytest.mark.parametrize("route", [*SEARCHED, "asked to create"])
def test_two_that_match_are_held(session_of: SessionOf, sandbox: Sandbox, route: str) -> None:
    sandbox.put(patient(id="there"))
    sandbox.put(patient(id="again"))
    with pytest.raises(Held, match="2 patients"):
        push_all(session_of(**ROUTES[route]))
    assert writes(sandbox) == 0


@pytest.mark.parametrize("route", ["id", "identifier", "match systems", "$match"])
def test_nobody_there_is_held(session_of: SessionOf, sandbox: Sandbox, route: str) -> None:
    session = session_of(**ROUTES[route])
    with pytest.raises(Held) as held:
        push_all(session)
    assert held.value.code == "identity"
    assert writes(sandbox) == 0


@pytest.mark.parametrize("wrong", ["no-such", "there?x=y"])
def test_a_mistyped_id_is_held(session_of: SessionOf, sandbox: Sandbox, wrong: str) -> None:
    sandbox.put(patient(id="there"))
    with pytest.raises(Held):
        push_all(session_of(request={"destination_patient": {"id": wrong}}))
    assert writes(sandbox) == 0


@pytest.mark.parametrize("route", SEARCHED)
def test_two_numbers_of_one_patient_that_lead_to_two_are_held(
    session_of: SessionOf, sandbox: Sandbox, route: str
) -> None:
    numbers = [{"system": MRN, "value": "4711"}, {"system": MRN, "value": "4712"}]
    sandbox.put(patient(id="one", identifier=numbers[:1]))
    sandbox.put(patient(id="other", identifier=numbers[1:] + numbers[: route == "identifier"]))
    ours = [*chart()[:-1], patient(identifier=numbers)]
    with pytest.raises(Held, match=r"2 patients.*differing in: nothing; nothing"):
        push_all(session_of(ours, **ROUTES[route]))
    assert writes(sandbox) == 0


@pytest.mark.parametrize("route", [*SEARCHED, "asked to create"])
def test_the_same_number_of_another_system_is_another_number(
    session_of: SessionOf, sandbox: Sandbox, route: str
) -> None:
    sandbox.put(patient(id="namesake", identifier=[{"system": "urn:x", "value": "4711"}]))
    with pytest.raises(Held) as held:
        push_all(session_of(**ROUTES[route]))
    assert held.value.code == "identity"
    assert writes(sandbox) == 0


def test_a_namesake_born_the_same_day_is_shown_before_one_is_created(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    sandbox.put(patient(id="namesake", identifier=None, name=[{"family": "Müller"}]))
    with pytest.raises(Held, match="may be this one, but not certainly; differing in: given"):
        push_all(session_of())
    assert writes(sandbox) == 0


@pytest.mark.parametrize("unknown", [{"birthDate": None}, {"name": [{"given": ["Ana"]}]}])
def test_nobody_is_created_who_cannot_be_looked_for(
    session_of: SessionOf, sandbox: Sandbox, unknown: dict[str, Any]
) -> None:
    with pytest.raises(Held, match="not both known here"):
        push_all(session_of([*chart()[:-1], patient(**unknown)]))
    assert writes(sandbox) == 0


def test_routes_that_lead_to_two_records_are_held(session_of: SessionOf, sandbox: Sandbox) -> None:
    sandbox.put(patient(id="there", identifier=None))
    sandbox.put(patient(id="numbered"))
    with pytest.raises(Held, match="2 patients"):
        push_all(session_of(match_systems=(MRN,)))
    assert writes(sandbox) == 0


def test_an_id_of_somebody_else_is_held(session_of: SessionOf, sandbox: Sandbox) -> None:
    sandbox.put(patient(id="1042"))
    somebody = [{"family": "Roe", "given": ["Jo"]}]
    sandbox.put(patient(id="1024", name=somebody, birthDate="1950-01-01", gender="male"))
    with pytest.raises(Held, match="family, given, birth date, gender"):
        push_all(session_of(request={"destination_patient": {"id": "1024"}}))
    assert writes(sandbox) == 0


def test_a_search_that_fails_is_not_a_search_that_found_none(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    sandbox.add_fault(Fault("status", path="Patient/_search", status=403, skip=1))
    with pytest.raises(DestinationRefused):
        push_all(session_of())
    assert writes(sandbox) == 0


def test_a_server_that_ignores_the_identifier_is_not_believed(session_of: SessionOf) -> None:
    with Sandbox() as other:
        other.put(patient(id="stranger", identifier=[{"system": MRN, "value": "1"}]))
        page = (
            b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":'
            b'{"resourceType":"Patient","id":"stranger","identifier":[{"system":"x","value":"1"}]}}]}'
        )
        other.add_fault(Fault("status", path="Patient/_search", status=200, body=page, skip=1))
        with pytest.raises(Held, match="do not have it"):
            push_all(session_of(url=other.base_url))
        assert writes(other) == 0


ERROR = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
STRANGER = {"resourceType": "Patient", "id": "x", "identifier": "4711", "meta": [], "birthDate": {}}
UNCLEAN: dict[str, Resource] = {
    "an outcome alone": ERROR,
    "an outcome within": {"type": "searchset", "entry": [{"resource": ERROR}]},
    "counted, not shown": {"type": "searchset", "total": 1},
    "without a type": {"total": 0},
    "of another type": {"type": "transaction-response", "entry": []},
    "a match without an id": {"type": "searchset", "entry": [{"resource": {**STRANGER, "id": 1}}]},
    "another type of match": {
        "type": "searchset",
        "entry": [{"resource": {"resourceType": "Group", "id": "g"}}],
    },
    "odd shapes": {"type": "searchset", "entry": [{"resource": STRANGER}]},
}


@pytest.mark.parametrize("skip", [0, 1, 2])
@pytest.mark.parametrize("answer", UNCLEAN)
def test_what_is_no_clean_searchset_is_not_nobody(
    session_of: SessionOf, sandbox: Sandbox, answer: str, skip: int
) -> None:
    """By tag, by identifier, by name and birth date."""
    body = encode({"resourceType": "Bundle", **UNCLEAN[answer]})
    fault = Fault("status", path="Patient/_search", status=200, body=body, skip=skip)
    sandbox.add_fault(fault)
    with pytest.raises((Held, DestinationRefused)):
        push_all(session_of(match="off"))
    assert writes(sandbox) == 0


NEARLY: dict[str, dict[str, Any]] = {
    "ue": {"name": [{"family": "Mueller", "given": ["Ana"]}]},
    "without the accent": {"name": [{"family": "Muller", "given": ["Ana"]}]},
    "exchanged": {"name": [{"family": "Ana", "given": ["Müller"]}]},
    "a day later": {"birthDate": "1970-03-05"},
    "day and month": {"birthDate": "1970-04-03"},
    "two digits": {"birthDate": "1907-03-04"},
    "one digit": {"birthDate": "1970-03-14"},
    "the year alone": {"birthDate": "1970"},
    "a letter too few": {"name": [{"family": "Müler", "given": ["Ana"]}]},
}


@pytest.mark.parametrize("near", NEARLY)
def test_nobody_is_created_beside_one_who_is_nearly_the_patient(
    session_of: SessionOf, sandbox: Sandbox, near: str
) -> None:
    sandbox.put(patient(id="near", identifier=None, **NEARLY[near]))
    with pytest.raises(Held, match="may be this one, but not certainly"):
        push_all(session_of())
    assert writes(sandbox) == 0


def test_a_number_of_another_system_is_asked_before_one_is_created(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    """The patient is not there under the number that usually decides, and by another name."""
    national = {"system": "urn:national", "value": "77"}
    ours = patient(identifier=[{"system": MRN, "value": "4711"}, national])
    married = [{"family": "Roe", "given": ["Ana", "María"]}]
    sandbox.put(patient(id="married", name=married, identifier=[national]))
    session = session_of([*chart()[:-1], ours], match_systems=(MRN,), match="off")
    with pytest.raises(Held, match="may be this one, but not certainly; differing in: family"):
        push_all(session)
    assert writes(sandbox) == 0


@pytest.mark.parametrize("status", [400, 405, 501])
def test_what_the_destination_cannot_search_by_is_not_known(
    session_of: SessionOf, sandbox: Sandbox, status: int
) -> None:
    fault = Fault("status", path="Patient/_search", status=status, skip=2, times=99)
    sandbox.add_fault(fault)
    with pytest.raises(Held, match="does not search Patient by birthdate, family"):
        push_all(session_of())
    assert writes(sandbox) == 0


def test_another_who_was_born_that_day_is_no_obstacle(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    """A server that searches by the beginning of a name, or passes over the name."""
    stranger = patient(id="x", name=[{"family": "Müllerin", "given": ["Eva"]}])
    page = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": stranger}]}
    body = encode(page)
    sandbox.add_fault(
        Fault("status", path="Patient/_search", body=body, status=200, skip=2, times=1)
    )
    assert push_all(session_of())["patient"] != "Patient/x"


@pytest.mark.parametrize(
    "name",
    [{"family": "Anonymous", "given": ["Ana"]}, {"family": "Unknown", "given": ["Unknown"]}],
)
def test_nobody_is_created_without_a_name_of_their_own(
    session_of: SessionOf, sandbox: Sandbox, name: dict[str, Any]
) -> None:
    with pytest.raises(Held, match="nobody's"):
        push_all(session_of([*chart()[:-1], patient(name=[name])]))
    assert writes(sandbox) == 0


def test_a_number_that_changes_under_a_packet_holds_the_case(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    push_all(session_of())
    created = one(sandbox, "Patient")
    sandbox.put(created | {"identifier": [{"system": MRN, "value": "renumbered"}]})
    with pytest.raises(Held, match="another number in the same system"):
        push.verify(session_of())


@pytest.mark.parametrize("route", ROUTES)
def test_what_a_registrar_reads_as_one_name_needs_nobody(
    session_of: SessionOf, sandbox: Sandbox, route: str
) -> None:
    sandbox.put(patient(id="there", name=[{"family": "Mueller", "given": ["Ana", "M."]}]))
    assert push_all(session_of(**ROUTES[route]))["patient"] == "Patient/there"


def test_no_patient_is_made_up_without_leave(session_of: SessionOf, sandbox: Sandbox) -> None:
    with pytest.raises(Held, match="no patient"):
        push_all(session_of(new_patient="hold"))
    assert writes(sandbox) == 0


def test_a_patient_we_created_is_found_again_by_our_tag(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    anonymous: list[Resource] = [*chart()[:-1], patient(identifier=None, gender=None)]
    first = push_all(session_of(anonymous))
    again = session_of()
    with again.case.commit():
        again.case.execute("DELETE FROM delivery")  # as another case of the same patient begins
    push.resolve(again)
    assert again.case.state.destination_patient == first["patient"]
    assert kinds(sandbox)["Patient"] == 1


def test_a_patient_we_created_and_they_merged_is_held(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = session_of()
    push.resolve(session)
    push.deliver(session)
    merged = one(sandbox, "Patient") | {"link": [{"type": "replaced-by"}]}
    sandbox.put(merged)
    with pytest.raises(Held, match="replaced"):
        push.resolve(session_of())


CHANGES: dict[str, dict[str, Any] | None] = {
    "merged": {"link": [{"type": "replaced-by", "other": {"reference": "Patient/other"}}]},
    "inactive": {"active": False},
    "another person by now": {"name": [{"family": "Roe", "given": ["Jo"]}]},
    "deleted": None,
}


def change(sandbox: Sandbox, how: str) -> None:
    """What happens to the patient's record there, behind our back."""
    changes = CHANGES[how]
    if changes is None:
        sandbox.delete("Patient/there")
    else:
        sandbox.put(patient(id="there", **changes))


@pytest.mark.parametrize("how", CHANGES)
def test_a_record_that_changes_between_two_writes_holds_the_case(
    session_of: SessionOf, sandbox: Sandbox, how: str
) -> None:
    class Meanwhile(Endpoint):
        def write(self, *given: Any, **named: Any) -> Answer:
            answer = super().write(*given, **named)
            change(sandbox, how)
            return answer

    sandbox.put(patient(id="there"))
    with pytest.raises(Held) as held:
        push_all(session_of(endpoint=Meanwhile, bundle={"max_entries": 3}))
    assert held.value.code == "identity"
    assert writes(sandbox) == 1


@pytest.mark.parametrize("how", CHANGES)
def test_nor_is_it_announced_or_verified(session_of: SessionOf, sandbox: Sandbox, how: str) -> None:
    sandbox.put(patient(id="there"))
    session = session_of()
    push.resolve(session)
    push.deliver(session)
    push.read_back(session)
    change(sandbox, how)
    sandbox.requests.clear()
    with pytest.raises(Held):
        push.announce(session, NOW)
    sandbox.put(patient(id="there"))
    assert writes(sandbox) == 0
    push.announce(session, NOW)
    push.verify(session)
    change(sandbox, how)
    with pytest.raises(Held) as held:
        push.verify(session)
    assert held.value.code == "identity"


def test_a_choice_made_after_a_stopped_run_counts(session_of: SessionOf, sandbox: Sandbox) -> None:
    sandbox.put(patient(id="there"))
    push.resolve(session_of())
    sandbox.put(patient(id="other", identifier=None))
    session = session_of(request={"destination_patient": {"id": "other"}})
    push_all(session)
    assert one(sandbox, "Task")["for"] == {"reference": "Patient/other"}


def test_what_a_stopped_run_found_is_forgotten(session_of: SessionOf, sandbox: Sandbox) -> None:
    sandbox.put(patient(id="other", identifier=None))
    push.resolve(session_of(request={"destination_patient": {"id": "other"}}))
    sandbox.delete("Patient/other")
    proof = push_all(session_of())
    assert proof["patient"] != "Patient/other"
    assert one(sandbox, "Task")["for"] == {"reference": proof["patient"]}


def test_once_records_were_sent_the_patient_stays(session_of: SessionOf, sandbox: Sandbox) -> None:
    sandbox.put(patient(id="there"))
    sandbox.add_fault(Fault("drop-before", method="POST", path="/fhir$", skip=1))
    with pytest.raises(DestinationRefused):
        push_all(session_of(attempts=1, bundle={"max_entries": 3}))
    sandbox.clear_faults()
    sandbox.put(patient(id="there", identifier=[{"system": "urn:x", "value": "renumbered"}]))
    assert push_all(session_of())["patient"] == "Patient/there"
    assert kinds(sandbox)["Patient"] == 1


def test_registered_there_while_our_create_was_lost(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    sandbox.add_fault(Fault("drop-before", method="POST", path="/fhir$"))
    session = session_of(attempts=1)
    push.resolve(session)
    with pytest.raises(DestinationRefused):
        push.deliver(session)
    sandbox.clear_faults()
    sandbox.put(patient(id="there"))
    assert push_all(session_of())["patient"] == "Patient/there"
    assert kinds(sandbox)["Patient"] == 1


ORGANIZATION = {
    "resourceType": "Organization",
    "id": "org",
    "identifier": [{"system": "urn:x", "value": "a,b"}],
}


@pytest.mark.parametrize("owner", ["Organization/org", "urn:x|ab"])
def test_the_owner_is_theirs(session_of: SessionOf, sandbox: Sandbox, owner: str) -> None:
    identifier = [{"system": "urn:x", "value": "ab"}]
    sandbox.put(ORGANIZATION | {"identifier": identifier})
    session = session_of(owner=owner)
    push_all(session)
    assert one(sandbox, "Task")["owner"] == {"reference": "Organization/org"}
    assert one(sandbox, "Organization")["meta"]["versionId"] == "1"


@pytest.mark.parametrize("owner", ["Organization/none", "urn:x|none", "Patient/there", "urn:x|2"])
def test_an_owner_that_is_not_one_there_is_held(
    session_of: SessionOf, sandbox: Sandbox, owner: str
) -> None:
    sandbox.put(patient(id="there"))
    for number in ("1", "2"):
        sandbox.put(
            ORGANIZATION | {"id": f"org{number}", "identifier": [{"system": "urn:x", "value": "2"}]}
        )
    with pytest.raises(Held) as held:
        push_all(session_of(owner=owner))
    assert held.value.code == "owner"
    assert writes(sandbox) == 0


def test_another_fhir_release_is_refused(session_of: SessionOf, sandbox: Sandbox) -> None:
    statement = b'{"resourceType":"CapabilityStatement","fhirVersion":"4.3.0","rest":[]}'
    sandbox.add_fault(Fault("status", path="metadata", status=200, body=statement))
    with pytest.raises(DestinationRefused, match="R4"):
        push_all(session_of())
    assert writes(sandbox) == 0
