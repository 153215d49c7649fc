"""Whose record is it: generated records, forms of reference and owners."""

import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.fhir.about import PERHAPS_NOBODYS, SUBJECT, encounters
from connector.fhir.lossless import encode
from connector.fhir.shapes import items
from connector.fhir.subject import Person, person
from connector.fhir.whose import Whose

BASE = "https://ehr.example.org/fhir"
INNER = "http://fhir-int.hospital.local:8080/fhir"
MRN, FAMILY = "urn:test:mrn", "urn:test:insurance"
OURS, THEIRS = "mona-1", "other-2"
PATIENT = {
    "resourceType": "Patient",
    "id": OURS,
    "identifier": [
        {"system": MRN, "value": "MRN-1"},
        {"system": MRN, "value": "MRN-1-old", "use": "old"},
        {"system": FAMILY, "value": "F-7"},
    ],
    "name": [{"family": "Østergård", "given": ["Mona", "Lise"]}],
    "birthDate": "1970-05-06",
}
UUID_OURS = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001"
UUID_THEIRS = "urn:uuid:0a1b2c3d-0000-4000-8000-000000000002"


def mona(**more: Any) -> Person:
    stated: dict[str, Any] = {"bases": [BASE, INNER], "names": [UUID_OURS], "others": [UUID_THEIRS]}
    return person(encode(PATIENT), **{**stated, **more})


MONA = mona()


def literal_forms(id_: str) -> Iterator[str]:
    """Every way to write a literal reference to a Patient of this server."""
    for base in ("", f"{BASE}/", f"{INNER}/", "HTTPS://EHR.EXAMPLE.ORG:443/FHIR/"):
        for kind in ("Patient", "PATIENT", "patient"):
            for end in ("", "/", "//", "/_history/3", "#me", "?_format=json"):
                yield f"{base}{kind}/{id_}{end}"
    yield from (f"/Patient/{id_}", f"//Patient/{id_}/", f"../Patient/{id_}", f"Patient%2F{id_}")
    for blank in (" ", "\t", "\n", "\u00a0", "\ufeff", "  \u200b"):
        yield f"{blank}Patient/{id_}"
        yield f"Patient/{id_}{blank}"
        yield f"{blank}{BASE}/Patient/{id_}/{blank}"


def forms(id_: str, number: str, urn: str) -> list[Any]:
    """Every way in which a record can name one of the two people."""
    by_number = {"system": MRN, "value": number}
    return [
        *({"reference": text} for text in literal_forms(id_)),
        *literal_forms(id_),  # a string where an object should be
        {"reference": urn},
        {"reference": urn.upper()},
        {"reference": f"Patient?identifier={MRN}|{number}"},
        {"identifier": by_number},
        {"identifier": by_number, "type": "Patient", "display": "A Patient"},
        {"identifier": {"system": f" {MRN} ", "value": f"{number} "}, "type": " patient"},
        {"identifier": [by_number]},
        {"reference": "http://elsewhere.example/fhir/Patient/9", "identifier": by_number}
        if id_ != OURS
        else {"reference": "", "identifier": by_number},
        [{"reference": f"Patient/{id_}"}],
    ]


OWN = forms(OURS, "MRN-1", UUID_OURS)
STRANGE = [
    *forms(THEIRS, "MRN-2", UUID_THEIRS),
    {"reference": "http://elsewhere.example/fhir/Patient/other-2"},
    {"identifier": {"system": FAMILY, "value": "F-8"}},
    {"reference": "Practitioner/p1"},
    {"reference": "RelatedPerson/r1"},
    {"type": "Patient", "reference": "other-2"},
]
UNKNOWN: list[Any] = [
    None,
    {},
    [],
    "",
    {"display": "Mona Østergård"},
    {"identifier": {"value": "MRN-1"}},
    {"identifier": {"system": "urn:test:another", "value": "MRN-1"}},
    {"identifier": {"system": MRN, "value": "mrn-1"}},
    {"reference": "Patient/MONA-1"},
    {"reference": "urn:uuid:0a1b2c3d-0000-4000-8000-00000000000f"},
    {"reference": f"http://elsewhere.example/fhir/Patient/{OURS}"},
    {"reference": "#gone"},
    {"reference": "n/a"},
    {"reference": 7, "identifier": "MRN-2", "type": ["Patient"]},
]
TYPES = st.sampled_from(sorted(SUBJECT.items()))


def record(kind: str, **more: Any) -> bytes:
    """A record, beside what says who did something: that may be anybody."""
    anybody = {
        "performer": [{"reference": "Patient/somebody"}],
        "author": {"reference": "Patient/x"},
    }
    return encode({"resourceType": kind, "id": "r1", **anybody, **more})


@given(TYPES, st.sampled_from(OWN))
@settings(max_examples=400)
def test_own_in_whatever_form(where: tuple[str, str], form: Any) -> None:
    assert MONA.whose(record(where[0], **{where[1]: form})) is Whose.OWN


@given(TYPES, st.sampled_from(STRANGE))
@settings(max_examples=400)
def test_a_strangers_in_whatever_form(where: tuple[str, str], form: Any) -> None:
    assert MONA.whose(record(where[0], **{where[1]: form})) is Whose.STRANGER


@given(TYPES, st.sampled_from(UNKNOWN))
def test_what_is_not_said_is_unknown(where: tuple[str, str], form: Any) -> None:
    nobody = {Whose.NOBODY} if where[0] in PERHAPS_NOBODYS else set()
    assert MONA.whose(record(where[0], **{where[1]: form})) in {Whose.UNKNOWN} | nobody


@given(TYPES, st.sampled_from(OWN), st.sampled_from(STRANGE))
def test_nothing_that_names_a_stranger_anywhere_is_own(
    where: tuple[str, str], own: Any, strange: Any
) -> None:
    kind, name = where
    beside = "subject" if name != "subject" else "patient"
    for both in (
        {name: [*items(own), *items(strange)]},
        {name: own, beside: strange},
        {name: own, "participant": [{"actor": strange}]},
        {name: own, "contained": [{"resourceType": "Condition", "subject": strange}]},
    ):
        said = MONA.whose(record(kind, **both))
        people_only = "participant" in both and _is_no_patient(strange)
        assert said is (Whose.OWN if people_only else Whose.SEVERAL)


def _is_no_patient(form: Any) -> bool:
    text = form.get("reference") if isinstance(form, dict) else None
    return isinstance(text, str) and text.startswith(("Practitioner/", "RelatedPerson/"))


OTHER_MONA = {"identifier": [{"system": MRN, "value": "MRN-2"}]}


@pytest.mark.parametrize(
    ("contained", "whose"),
    [
        ({"identifier": [{"system": MRN, "value": "MRN-1"}]}, Whose.OWN),
        (OTHER_MONA, Whose.STRANGER),
        # Of two numbers of one system we may know one; of two systems none may disagree.
        ({"identifier": [{"system": MRN, "value": v} for v in ("MRN-1", "MRN-9")]}, Whose.OWN),
        (
            {"identifier": [{"system": MRN, "value": "MRN-1"}, {"system": FAMILY, "value": "F-8"}]},
            Whose.SEVERAL,
        ),
        ({"birthDate": "1970-05-07"}, Whose.STRANGER),
        ({"name": [{"family": "Berg", "given": ["Anna"]}]}, Whose.STRANGER),
        ({"name": [{"family": "Ostergard"}], "birthDate": "1970-05-06"}, Whose.UNKNOWN),
        ({"name": [{"given": ["MONA"]}]}, Whose.UNKNOWN),
    ],
)
def test_a_contained_patient_says_whose_it_is(contained: dict[str, Any], whose: Whose) -> None:
    inside = [{"resourceType": "Patient", "id": "p", **contained}]
    body = record("Observation", contained=inside, subject={"reference": "#p"})
    assert MONA.whose(body) is whose
    # Not referred to, it says nothing for us, but still something against.
    beside = record("Observation", contained=inside, subject={"reference": f"Patient/{OURS}"})
    expected = Whose.OWN if whose in (Whose.OWN, Whose.UNKNOWN) else Whose.SEVERAL
    assert MONA.whose(beside) is expected


@pytest.mark.parametrize(
    ("more", "whose"),
    [
        ({"gender": "male", "name": [{"given": ["Karl"]}]}, Whose.STRANGER),
        ({"gender": "male", "name": [{"given": ["Mona"]}]}, Whose.UNKNOWN),
        ({"gender": "female", "name": [{"given": ["Karl"]}]}, Whose.UNKNOWN),
        ({"gender": "unknown", "name": [{"given": ["Karl"]}]}, Whose.UNKNOWN),
        ({"gender": "male"}, Whose.UNKNOWN),
        # Their own number: people change name and gender.
        (
            {"gender": "male", "name": [{"given": ["Karl"]}],
             "identifier": [{"system": MRN, "value": "MRN-1"}]},
            Whose.OWN,
        ),
    ],
)  # fmt: skip
def test_a_twin_of_another_gender_is_another(more: dict[str, Any], whose: Whose) -> None:
    ours = person(
        encode({**PATIENT, "name": [{"family": "Berg", "given": ["Mona"]}], "gender": "female"}),
        [BASE],
    )
    twin = {"resourceType": "Patient", "id": "p", "birthDate": "1970-05-06", **more}
    body = record("Observation", contained=[twin], subject={"reference": "#p"})
    assert ours.whose(body) is whose


@pytest.mark.parametrize(
    ("body", "whose"),
    [
        ({"resourceType": "Patient", "id": OURS}, Whose.OWN),
        ({"resourceType": "Patient", "id": THEIRS}, Whose.STRANGER),
        ({"resourceType": "Group", "id": "g"}, Whose.SEVERAL),
        ({"resourceType": "Condition", "subject": {"reference": "Group/g"}}, Whose.SEVERAL),
        ({"resourceType": "Practitioner", "id": "p"}, Whose.NOBODY),
        ({"resourceType": "Observation", "subject": {"reference": "Device/d"}}, Whose.NOBODY),
        ({"resourceType": "Device", "id": "d"}, Whose.NOBODY),
        ({"resourceType": "Observation", "subject": {"type": "Location"}}, Whose.NOBODY),
        (
            {"resourceType": "Observation", "subject": {"reference": "#d"},
             "contained": [{"resourceType": "Device", "id": "d", "patient": "Patient/x"}]},
            Whose.STRANGER,
        ),
        (
            {"resourceType": "DocumentReference", "subject": {"reference": f"Patient/{OURS}"},
             "context": {"sourcePatientInfo": {"reference": "Patient/x"}}},
            Whose.SEVERAL,
        ),
        ({"resourceType": "Binary", "securityContext": {"reference": "Patient/x"}}, Whose.STRANGER),
        ({"resourceType": "Binary", "securityContext": {"reference": "Patient/mona-1"}}, Whose.OWN),
        ({"resourceType": "Binary", "id": "b"}, Whose.NOBODY),
        ({"resourceType": "SupplyRequest", "deliverTo": "Location/l"}, Whose.UNKNOWN),
        # The one who pays, or is the focus, may be somebody else.
        (
            {"resourceType": "Coverage", "beneficiary": {"reference": f"Patient/{OURS}"},
             "subscriber": {"reference": "Patient/spouse"}},
            Whose.OWN,
        ),
        (
            {"resourceType": "Observation", "subject": {"reference": f"Patient/{OURS}"},
             "focus": [{"reference": "Patient/child"}]},
            Whose.OWN,
        ),
        ({"resourceType": "Provenance", "target": [{"reference": "Patient/x"}]}, Whose.NOBODY),
    ],
)  # fmt: skip
def test_types_and_elements(body: dict[str, Any], whose: Whose) -> None:
    assert MONA.whose(encode(body)) is whose


@pytest.mark.parametrize(
    ("actors", "whose"),
    [
        (["Patient/mona-1", "Practitioner/p", "Location/l"], Whose.OWN),
        (["Practitioner/p", "Location/l"], Whose.UNKNOWN),
        (["Patient/other-2", "Practitioner/p"], Whose.STRANGER),
        (["Patient/mona-1", "Patient/other-2"], Whose.SEVERAL),
        (["Patient/mona-1", "RelatedPerson/mother"], Whose.OWN),
    ],
)
def test_an_appointment_is_of_those_who_take_part(actors: list[str], whose: Whose) -> None:
    taking_part = [{"actor": {"reference": actor}} for actor in actors]
    assert MONA.whose(record("Appointment", participant=taking_part)) is whose


def test_names_in_escapes_hide_nobody() -> None:
    body = (
        rb'{"resourceType":"Appointment","participant":[{"actor":{"reference":"P\u0061tient/x"}}]}'
    )
    assert MONA.whose(body) is Whose.STRANGER
    assert MONA.whose(body.replace(b"participant", rb"p\u0061rticipant")) is Whose.STRANGER


def test_without_a_known_server_an_absolute_reference_is_meant_by_its_end() -> None:
    anywhere = mona(bases=None)
    own = record("Condition", subject={"reference": "https://x.example/fhir/Patient/mona-1"})
    other = record("Condition", subject={"reference": "https://x.example/fhir/Patient/other-2"})
    assert (anywhere.whose(own), anywhere.whose(other)) == (Whose.OWN, Whose.STRANGER)


def test_what_was_judged_is_judged_anew_when_more_is_known() -> None:
    inner = record("Condition", subject={"reference": f"{INNER}/Patient/{THEIRS}"})
    own = record("Condition", subject={"reference": f"{INNER}/Patient/{OURS}"})
    outside = mona(bases=[BASE])
    assert (outside.whose(own), outside.whose(inner)) == (Whose.UNKNOWN, Whose.STRANGER)
    inside = replace(outside, bases=frozenset({BASE, INNER}))
    assert (inside.whose(own), inside.whose(inner)) == (Whose.OWN, Whose.STRANGER)


def test_what_two_people_share_names_neither() -> None:
    shared = mona(others=[UUID_OURS], other_identifiers=[(FAMILY, "F-7"), ("urn:x", "1")])
    by_number = record("Condition", subject={"identifier": {"system": FAMILY, "value": "F-7"}})
    by_urn = record("Condition", subject={"reference": UUID_OURS})
    theirs = record("Condition", subject={"identifier": {"system": "urn:x", "value": "1"}})
    assert shared.whose(by_number) is Whose.UNKNOWN
    assert shared.whose(by_urn) is not Whose.OWN
    assert shared.whose(theirs) is Whose.STRANGER


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"encounter": {"reference": "Encounter/1"}}, ["Encounter/1"]),
        ({"context": {"reference": "EpisodeOfCare/1"}}, ["EpisodeOfCare/1"]),
        ({"context": {"encounter": [{"reference": "Encounter/1"}]}}, ["Encounter/1"]),
        ({"partOf": [{"reference": "Procedure/1"}]}, []),
        ({"resourceType": "Encounter", "partOf": {"reference": "Encounter/1"}}, ["Encounter/1"]),
        ({"encounter": "Encounter/1", "context": [7]}, []),
        (
            {"encounter": {"type": "Encounter", "identifier": {"system": "urn:v", "value": "7"}}},
            ["Encounter?identifier=urn:v|7"],
        ),
        (
            {"encounter": {"identifier": {"system": "urn:v", "value": "7"}}},
            ["Encounter?identifier=urn:v|7", "EpisodeOfCare?identifier=urn:v|7"],
        ),
        ({"encounter": {"identifier": {"value": "7"}, "display": "x"}}, []),
    ],
)
def test_the_encounters_a_record_is_part_of(body: dict[str, Any], found: list[str]) -> None:
    assert encounters(encode({"resourceType": "Observation", **body})) == found


# Elements that may name a Patient and do not say whom the record is about: who did, reported,
# received, pays; and types that are not about one patient.
_NAMES = """
asserter author authorReference contributor enterer expressedBy informationSource member
observer onBehalfOf operator owner party payor performer policyHolder receiver recipient
recorder reportedReference requester responsible sender source subscriber target verifiedWith
who other
"""
_DOES = _NAMES.split()
_BELOW = {
    "ChargeItemPerformer", "ImagingStudySeriesPerformer", "InvoiceParticipant",
    "MedicationAdministrationPerformer", "MedicationDispensePerformer", "ProcedurePerformer",
    "ConsentProvisionActor", "ContractTermActionSubject", "ContractTermOfferParty", "GroupMember",
    "RequestGroupAction",
}  # fmt: skip


def test_every_element_of_r4_that_may_name_a_patient_is_decided() -> None:
    """The models of R4B list, for each Reference, the types that it may point to."""
    import importlib
    import pkgutil

    import fhir.resources.R4B as models

    undecided = []
    for module in pkgutil.iter_modules(models.__path__):
        if module.name.startswith("tests"):
            continue
        members = vars(importlib.import_module(f"{models.__name__}.{module.name}")).values()
        for model in (m for m in members if inspect.isclass(m) and hasattr(m, "model_fields")):
            for field in model.model_fields.values():
                extra = field.json_schema_extra
                allowed = extra.get("enum_reference_types") if isinstance(extra, dict) else None
                if not (isinstance(allowed, list) and "Patient" in allowed):
                    continue
                name, kind = str(field.alias), model.__name__
                looked_at = (
                    SUBJECT.get(kind) == name
                    or name in ("actor", "deliverTo", "sourcePatientInfo")
                    or name in _DOES
                    or kind in _BELOW
                )
                if not looked_at and model.__module__.endswith(module.name):
                    undecided.append(f"{kind}.{name}")
    assert undecided == []
