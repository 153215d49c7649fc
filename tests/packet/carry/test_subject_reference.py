"""Every record arrives with a reference to its patient, or not at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir.about import PERHAPS_NOBODYS, SUBJECT
from connector.fhir.lossless import decode, encode, members
from connector.packet.carry.subject_reference import LiteralSubject

OURS = "Patient/8781e945-cbac-5d12-965b-b8e8f8ded493"
NUMBER = {"system": "urn:test:mrn", "value": "1"}
RULE = LiteralSubject(OURS, frozenset({("urn:test:mrn", "1")}))


def given_to(kind: str, **elements: Any) -> tuple[dict[str, Any], list[str]]:
    top = members(encode({"resourceType": kind, "id": "r", **elements}))
    notes = RULE.apply(kind, top)
    return {name: decode(raw) for name, raw in top.items()}, [note.path for note in notes]


TYPES = st.sampled_from(sorted(SUBJECT.items()))


@pytest.mark.parametrize(
    ("stated", "given"),
    [
        ({"identifier": NUMBER, "type": "Patient"}, {"identifier": NUMBER, "type": "Patient"}),
        ({"display": "A Patient"}, {"display": "A Patient"}),
        # What the source calls itself by another name, as the packet tells it.
        (
            {"identifier": {"system": "urn:ietf:rfc:3986", "value": "http://in/fhir/Patient/1"}},
            {"identifier": {"system": "urn:ietf:rfc:3986", "value": "http://in/fhir/Patient/1"}},
        ),
        ("Patient/1", {}),
        ({}, {}),
    ],
)
@given(where=TYPES)
def test_what_names_the_patient_otherwise_gets_a_reference(
    stated: Any, given: dict[str, Any], where: tuple[str, str]
) -> None:
    kind, name = where
    if stated == {} and kind in PERHAPS_NOBODYS:
        return
    record, paths = given_to(kind, **{name: stated})
    assert record[name] == {**given, "reference": OURS}
    assert paths == [f"{kind}.{name}"]
    assert given_to(kind, **{name: record[name]}) == (record, [])


@given(TYPES)
def test_what_names_nobody_gets_the_patient_unless_it_may_be_nobodys(
    where: tuple[str, str],
) -> None:
    kind, name = where
    record, paths = given_to(kind)
    if kind in PERHAPS_NOBODYS:
        assert (record, paths) == ({"resourceType": kind, "id": "r"}, [])
    else:
        assert (record[name], paths) == ({"reference": OURS}, [f"{kind}.{name}"])


@pytest.mark.parametrize(
    "stated",
    [
        {"reference": OURS},
        [{"reference": OURS}],
        {"reference": "Device/1"},
        {"reference": "Group/1"},
        {"type": "Device", "identifier": NUMBER},
        {"identifier": {"system": "urn:uuid:x", "value": "Location/7"}},
        {"identifier": {"system": "urn:ietf:rfc:3986", "value": "http://in/fhir/Device/1"}},
        [{"reference": "Device/1"}, {"reference": "Device/2"}],
    ],
)
@given(where=TYPES)
def test_what_is_about_something_else_stays(stated: Any, where: tuple[str, str]) -> None:
    kind, name = where
    record, paths = given_to(kind, **{name: stated})
    assert (record[name], paths) == (stated, [])


def test_a_contained_patient_goes_when_nothing_else_refers_to_it() -> None:
    inside = [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Medication", "id": "m"}]
    about = {"subject": {"reference": "#p"}}
    record, _ = given_to("MedicationRequest", contained=inside, **about)
    assert record["contained"] == inside[1:]
    record, _ = given_to("MedicationRequest", contained=inside[:1], **about)
    assert "contained" not in record
    record, _ = given_to("MedicationRequest", contained=inside, requester=about["subject"], **about)
    assert record["contained"] == inside
    assert record["subject"] == {"reference": OURS}
    device = [{"resourceType": "Device", "id": "p"}]
    assert given_to("Observation", contained=device, **about)[1] == []


def test_who_takes_part_by_an_identifier_gets_a_reference() -> None:
    doctor = {"actor": {"identifier": {"system": "urn:npi", "value": "1"}}}
    own = {"actor": {"identifier": NUMBER}, "status": "accepted"}
    record, paths = given_to("Appointment", participant=[doctor, own])
    expected = {"actor": {"identifier": NUMBER, "reference": OURS}, "status": "accepted"}
    assert record["participant"] == [doctor, expected]
    assert paths == ["Appointment.participant.actor"]
    assert given_to("Appointment", participant=record["participant"])[1] == []
    assert given_to("AppointmentResponse", actor={"identifier": NUMBER})[0]["actor"]["reference"]


def test_other_types_are_left_alone() -> None:
    assert given_to("Practitioner") == ({"resourceType": "Practitioner", "id": "r"}, [])
    assert given_to("Provenance", target=[])[1] == []
