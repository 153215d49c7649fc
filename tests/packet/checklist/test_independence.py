from typing import Any

import pytest

from connector.request import Organization
from connector.store.case.casefile import CaseFile
from tests.packet.charts import DESTINATION, SOURCE, put, request, run

OURS, THEIRS = "1245319599", "1234567893"
NPI = "http://hl7.org/fhir/sid/us-npi"
HOME = SOURCE.model_copy(update={"organization": Organization(name="General Hospital", npi=OURS)})


def npi(value: str) -> dict[str, Any]:
    return {"identifier": [{"system": NPI, "value": value}]}


def organization(id: str, name: str, part_of: str | None = None, **more: Any) -> dict[str, Any]:
    above = {"partOf": {"reference": f"Organization/{part_of}"}} if part_of else {}
    return {"resourceType": "Organization", "id": id, "name": name, **above, **more}


def doctor(family: str, given: str, **more: Any) -> dict[str, Any]:
    name = [{"family": family, "given": [given]}]
    return {"resourceType": "Practitioner", "id": "d", "name": name, **more}


def told(case: CaseFile, performer: dict[str, Any], **changes: Any) -> tuple[str, ...]:
    fields = {"performer": performer, **changes.pop("fields", {})}
    return run(case, request(**fields), source=HOME, **changes).independence


def at(name: str, npi: str | None = None) -> dict[str, Any]:
    return {"organization": {"name": name, "npi": npi}}


def test_nothing_to_doubt_nothing_told(case: CaseFile) -> None:
    put(case, organization("o", "General Hospital"), doctor("Smith", "Ann"))
    performer = {**at("Far Clinic"), "practitioner": {"family": "Jones", "given": "Ann"}}
    assert told(case, performer) == ()


@pytest.mark.parametrize(
    ("performer", "same"),
    [
        (at("GENERAL  hospital"), True),
        (at("Another name", OURS), True),
        (at("General Hospital", THEIRS), False),  # two NPIs tell two houses of one name apart
    ],
)
def test_the_same_organisation(case: CaseFile, performer: dict[str, Any], same: bool) -> None:
    sentence = "The receiving organisation is the one that asks or that keeps the records."
    assert told(case, performer) == ((sentence,) if same else ())


def test_the_owner_of_the_destination_by_its_npi(case: CaseFile) -> None:
    owned = DESTINATION.model_copy(update={"owner": f"{NPI}|{OURS}"})
    assert len(told(case, {}, destination=owned)) == 1


@pytest.mark.parametrize(
    "organizations",
    [
        # theirs is part of ours, ours of theirs, both of a third, however far up
        [organization("t", "Far Clinic", "g"), organization("g", "General Hospital")],
        [organization("g", "General Hospital", "t"), organization("t", "Far Clinic")],
        [
            organization("g", "General Hospital", "m"),
            organization("m", "Middle", "top"),
            organization("t", "Far Clinic", "top"),
            organization("top", "Holding"),
        ],
    ],
)
def test_one_house_above_both(case: CaseFile, organizations: list[dict[str, Any]]) -> None:
    put(case, *organizations)
    (found,) = told(case, at("Far Clinic"))
    assert found.endswith("belong together (partOf).")


def test_a_circle_of_houses_ends(case: CaseFile) -> None:
    put(case, organization("a", "Far Clinic", "b"), organization("b", "Holding", "a"))
    (found,) = told(case, at("Far Clinic"))
    assert "has records in the patient's chart" in found


@pytest.mark.parametrize(
    ("resource", "asking", "said"),
    [
        (doctor("Jones", "Kim", **npi(THEIRS)), {}, "has treated the patient before"),
        (doctor("JÓNES", "Kim B."), {}, "of the receiving physician's name"),
        (doctor("Jones", "Kim", **npi(OURS)), {}, ""),  # another NPI: another person
        (doctor("Jones", "Pat"), {}, ""),
        (doctor("X", "Y"), {"family": "J", "npi": THEIRS}, "is the one who asks"),
        (doctor("X", "Y"), {"family": "Jones", "given": "Kim"}, "they may be the same"),
    ],
)
def test_the_same_physician(
    case: CaseFile, resource: dict[str, Any], asking: dict[str, Any], said: str
) -> None:
    put(case, resource)
    performer = {"practitioner": {"family": "Jones", "given": "Kim", "npi": THEIRS}}
    fields = {"requester": {"practitioner": asking}} if asking else {}
    found = told(case, performer, fields=fields)
    assert [said in sentence for sentence in found] == ([True] if said else [])


@pytest.mark.parametrize(
    ("ours", "theirs", "count"),
    [
        ("http://127.0.0.1:1/fhir", "http://127.0.0.1:2/fhir", 0),
        # two tenants of one host may be two houses
        ("http://127.0.0.1:1/fhir", "http://127.0.0.1:1/other", 0),
        ("https://ehr.example.org/a", "https://ehr.example.org:8443/b", 0),
        ("https://ehr.example.org/a", "https://EHR.example.org:443/a/", 1),
        ("https://a.example.org/fhir", "https://b.example.org/fhir", 0),
    ],
)
def test_the_same_server(case: CaseFile, ours: str, theirs: str, count: int) -> None:
    home = SOURCE.model_copy(update={"base_url": ours})
    away = DESTINATION.model_copy(update={"base_url": theirs})
    assert len(run(case, source=home, destination=away).independence) == count


@pytest.mark.parametrize(
    ("address", "doubt"),
    [
        ("https://b.example.org/clinic/wado", True),
        ("https://b.example.org/clinic", True),
        ("https://b.example.org/clinic2/wado", False),  # another tenant
        ("https://[", False),
    ],
)
def test_an_endpoint_of_the_chart_at_the_destination(
    case: CaseFile, address: str, doubt: bool
) -> None:
    put(case, {"resourceType": "Endpoint", "id": "e", "status": "active", "address": address})
    away = DESTINATION.model_copy(update={"base_url": "https://b.example.org/clinic"})
    found = run(case, destination=away).independence
    assert [text.endswith("an endpoint of the destination.") for text in found] == [True] * doubt


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("Home Hospital, Inc.", "Home Hospital", True),
        ("The Home Hospital L.L.C.", "HOME HOSPITAL", True),
        ("Home Hospital", "Department of Cardiology, Home Hospital", True),
        ("Home Hospital", "Department of Cardiology of Home Hospital", True),
        ("Home Hospital Cardiology Department", "Home Hospital - Oncology Division", False),
        ("Home Hospital", "Home Hospital Department of Oncology", True),
        ("Home Hospital", "Home Hospital (Oncology)", True),
        ("Klinikum Musterstadt gGmbH", "Klinikum Musterstadt", True),
        ("Home Hospital", "Far Clinic, Department of Cardiology", False),
        ("Department of Cardiology, Home Hospital", "Department of Cardiology, Far Clinic", False),
        ("Mercy Hospital North", "Mercy Hospital South", False),
        ("General Hospital", "University Hospital", False),
        ("Saint Anne Hospital", "Saint Anne Medical Center", False),
    ],
)
def test_one_house_under_several_names(case: CaseFile, ours: str, theirs: str, same: bool) -> None:
    home = SOURCE.model_copy(update={"organization": Organization(name=ours)})
    found = run(case, request(performer=at(theirs)), source=home).independence
    assert len(found) == same


@pytest.mark.parametrize(
    "system", ["urn:oid:2.16.840.1.113883.4.6", "2.16.840.1.113883.4.6", f"{NPI}/", NPI]
)
def test_an_npi_by_any_name_of_its_system(case: CaseFile, system: str) -> None:
    put(case, doctor("X", "Y", identifier=[{"system": system, "value": THEIRS}]))
    performer = {"practitioner": {"family": "Jones", "given": "Kim", "npi": THEIRS}}
    (found,) = told(case, performer)
    assert "has treated the patient before" in found


@pytest.mark.parametrize(
    "more",
    [
        {"contained": [{**doctor("Jones", "Kim"), "id": "c"}], "performer": [{"reference": "#c"}]},
        {"performer": [{"display": "Dr. Kim Jones, MD"}]},
        {"performer": [{"reference": "Practitioner/9", "display": "JONES, K."}]},
        {"note": [{"authorString": "Jones Kim", "text": "x"}]},
        {
            "contained": [
                {
                    "resourceType": "Practitioner",
                    "id": "c",
                    "name": [{"text": "Dr. med. Kim JONES"}],
                }
            ],
            "performer": [{"reference": "#c"}],
        },
        {"performer": [{"type": "Practitioner", "identifier": {"system": NPI, "value": THEIRS}}]},
    ],
)
def test_a_physician_wherever_a_record_names_them(case: CaseFile, more: dict[str, Any]) -> None:
    put(case, {"resourceType": "Observation", "id": "o", "status": "final", **more})
    performer = {"practitioner": {"family": "Jones", "given": "Kim", "npi": THEIRS}}
    assert len(told(case, performer)) == 1


@pytest.mark.parametrize(
    ("name", "element", "count"),
    [
        ("PractitionerRole", {"organization": {"display": "The Far Clinic, Inc."}}, 1),
        ("Observation", {"performer": [{"identifier": {"system": NPI, "value": THEIRS}}]}, 1),
        ("Observation", {"performer": [{"display": "Far Away Clinic"}]}, 0),
        ("Observation", {"code": {"coding": [{"code": "1", "display": "Far Clinic"}]}}, 0),
        # asked, or permitted to know
        ("ServiceRequest", {"performer": [{"display": "Far Clinic"}]}, 0),
        ("Consent", {"organization": [{"display": "Far Clinic"}]}, 0),
    ],
)
def test_a_house_that_a_reference_names_by_name_or_number(
    case: CaseFile, name: str, element: dict[str, Any], count: int
) -> None:
    put(case, {"resourceType": name, "id": "o", "status": "draft", **element})
    assert len(told(case, at("Far Clinic", THEIRS))) == count


@pytest.mark.parametrize(("name", "count"), [("Consent", 0), ("Encounter", 1)])
def test_a_house_that_is_only_permitted_to_know_has_not_treated(
    case: CaseFile, name: str, count: int
) -> None:
    to = {"reference": "Organization/o"}
    said = {"provision": {"type": "permit", "actor": [{"reference": to}]}, "serviceProvider": to}
    del said["serviceProvider" if name == "Consent" else "provision"]
    record = {"resourceType": name, "id": "r", "status": "draft", "patient": {}, **said}
    put(case, organization("o", "Far Clinic", **npi(THEIRS)), record)
    assert len(told(case, at("Far Clinic", THEIRS))) == count


@pytest.mark.parametrize(
    "more",
    [
        {"code": {"coding": [{"system": "x", "code": "1", "display": "Kim Jones fracture"}]}},
        {"performer": [{"display": "Pat Jones"}]},
        {"performer": [{"display": "Kim Jonesborough"}]},
    ],
)
def test_another_or_nobody_of_that_name(case: CaseFile, more: dict[str, Any]) -> None:
    put(case, {"resourceType": "Observation", "id": "o", "status": "final", **more})
    assert told(case, {"practitioner": {"family": "Jones", "given": "Kim", "npi": THEIRS}}) == ()


def test_silence_says_what_it_could_not_see(case: CaseFile) -> None:
    named = {**at("Far Clinic", THEIRS), "practitioner": {"family": "J", "npi": THEIRS}}
    blind = run(case, request(), source=HOME).independence_unseen
    seeing = run(case, request(performer=named), source=HOME).independence_unseen
    assert [text.split(" (")[0] for text in blind[:2]] == [
        "the receiving organisation",
        "the receiving physician",
    ]
    assert seeing == ("what only the destination's people know: owners, shared staff, contracts",)
