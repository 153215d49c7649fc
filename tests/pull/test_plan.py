"""What is asked for, decided from what the server declares."""

import pytest

from connector.errors import SourceFailed
from connector.fhir.capability import Capability
from connector.pull import plan
from tests.pull.support import source

NONE: frozenset[str] = frozenset()


def capability(**search: str) -> Capability:
    """Type=its search parameters, separated by spaces; `everything` among them if offered."""
    return Capability(
        fhir_version="4.0.1",
        software="",
        search={name: frozenset(names.split()) for name, names in search.items()},
        operations=frozenset({"everything"}),
        interactions=frozenset(),
    )


def urls(server: Capability, **settings: str) -> list[str]:
    made = source("https://example.org/fhir", page_size=50, **settings)
    return [q.url for q in plan(server, "p.1", made, NONE, NONE)]


@pytest.mark.parametrize(
    ("declared", "url"),
    [
        ({"Goal": "patient subject"}, "Goal?patient=p.1&_count=50"),
        ({"Goal": "subject"}, "Goal?subject=Patient/p.1&_count=50"),
        ({"Goal": ""}, "Goal?patient=p.1&_count=50"),  # none listed: asked all the same
        ({"Coverage": "beneficiary"}, "Coverage?beneficiary=Patient/p.1&_count=50"),
        ({"Appointment": "actor"}, "Appointment?actor=Patient/p.1&_count=50"),
        ({"SupplyRequest": "subject"}, "SupplyRequest?subject=Patient/p.1&_count=50"),
        ({"Device": "patient"}, "Device?patient=p.1&_count=50"),
        ({"Task": "patient"}, "Task?patient=p.1&_count=50"),
    ],
)
def test_a_type_is_asked_by_the_parameter_it_has(declared: dict[str, str], url: str) -> None:
    assert urls(capability(**declared)) == [url]


@pytest.mark.parametrize("name", ["Group", "Person", "Schedule", "Patient", "Practitioner"])
def test_types_that_lead_to_other_people_or_belong_to_all_are_not_asked(name: str) -> None:
    assert urls(capability(**{name: "patient subject member actor link"})) == []


def test_never_types_are_not_asked_and_wanted_types_come_first() -> None:
    server = capability(Claim="patient", Observation="patient", Goal="patient", Device="patient")
    made = plan(
        server,
        "p",
        source("https://example.org/fhir"),
        frozenset({"Claim"}),
        frozenset({"Goal"}),
    )
    assert [q.key for q in made] == ["Goal", "Observation", "Device"]
    assert all(q.why for q in made)


def test_everything_is_one_query_and_what_it_lacks() -> None:
    server = capability(Observation="patient", Device="patient", Task="patient")
    assert urls(server, pull="everything") == [
        "Patient/p.1/$everything?_count=50",
        "Device?patient=p.1&_count=50",
        "Task?patient=p.1&_count=50",
    ]


def test_everything_that_is_not_offered_is_refused() -> None:
    server = Capability("4.0.1", "", {}, NONE, NONE)
    with pytest.raises(SourceFailed):
        urls(server, pull="everything")
