"""A search's answer is believed if it is about this patient; a record, if it says so."""

from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held
from connector.fhir.lossless import encode
from connector.pull.search.bound import base_of_own, by_another, honoured
from tests.pull.support import Pulled, condition, pull, read, small, source
from tests.sandbox_parts import Fault, Sandbox

MRN = "urn:test:mrn"
PAT = {"resourceType": "Patient", "id": "pat", "identifier": [{"system": MRN, "value": "1"}],
       "name": [{"family": "Probe", "given": ["Ada"]}], "birthDate": "1980-02-03"}  # fmt: skip
SAME_DAY = {"resourceType": "Patient", "id": "p", "birthDate": "1980-02-03",
            "name": [{"family": "Canary", "given": ["Sam"]}]}  # fmt: skip
UNKNOWN_NUMBER = {"identifier": {"system": "urn:other", "value": "9"}, "display": "Sam Canary"}
INNER = "http://fhir-int.hospital.local:8080/fhir"


def goal(id_: str, subject: Any = None, **more: Any) -> dict[str, Any]:
    named = {"subject": subject} if subject is not None else {}
    return {"resourceType": "Goal", "id": id_, "lifecycleStatus": "active", **named, **more}


OWN = {"reference": "Patient/pat"}
THEIRS = {"type": "Patient", "identifier": {"system": MRN, "value": "2"}, "display": "Canary"}


def answer(*found: dict[str, Any], self_url: str | None = None, base: str = "") -> bytes:
    """A searchset; `base`: what its fullUrls begin with."""
    entries = [
        {"resource": one, "search": {"mode": "match"}}
        | ({"fullUrl": f"{base}/{one['resourceType']}/{one['id']}"} if base else {})
        for one in found
    ]
    links = {"link": [{"relation": "self", "url": self_url}]} if self_url is not None else {}
    return encode({"resourceType": "Bundle", "type": "searchset", "entry": entries, **links})


def pulled(folder: Path, *faults: Fault, **settings: Any) -> tuple[Pulled, Sandbox]:
    with small(PAT, condition("c"), goal("g", OWN), faults=list(faults)) as server:
        return pull(folder, source(server.base_url, **settings), id="pat"), server


def goals(found: Pulled) -> set[str]:
    return {key for key in found.records if key.startswith("Goal/")}


ASKED = "http://x/fhir/Goal?patient=pat"
IGNORED = "http://x/fhir/Goal?_count=200"


@pytest.mark.parametrize(
    ("found", "self_url", "taken", "why"),
    [
        # The server says that it passed over the patient: not even what names ours is believed.
        ([goal("a", OWN), goal("b")], IGNORED, set(), "passes over the parameter"),
        ([goal("a", OWN)], "http://x/fhir/Goal?patient=other", set(), "passes over the parameter"),
        # One stranger, whatever it says of itself.
        ([goal("a", OWN), goal("b", THEIRS)], ASKED, set(), "another patient"),
        ([goal("b", {"reference": "patient/other/"}), goal("a", OWN)], None, set(), "another"),
        # What says nothing is bound by the answer alone.
        ([goal("a", OWN), goal("b")], ASKED, {"Goal/a", "Goal/b"}, None),
        ([goal("a", OWN), goal("b")], None, {"Goal/a"}, "does not say whose"),
        ([goal("a", {"identifier": {"system": MRN, "value": "1"}})], None, {"Goal/a"}, None),
        # About several, or about a thing: not taken, and no sign of a bad search.
        ([goal("a", OWN), goal("b", [OWN, THEIRS])], ASKED, {"Goal/a"}, "several people"),
        ([goal("a", OWN), goal("b", {"reference": "Group/g"})], ASKED, {"Goal/a"}, "several"),
        ([goal("a", OWN), goal("b", {"reference": "Organization/o"})], ASKED, {"Goal/a"}, "no pat"),
        ([], IGNORED, set(), None),
        # Another name is no proof of another person, but nobody would file it under this one.
        ([goal("a", OWN), goal("b", {"display": "Canary, Sam"})], ASKED, {"Goal/a"}, "other name"),
        ([goal("a", OWN), goal("b", UNKNOWN_NUMBER)], ASKED, {"Goal/a"}, "other name"),
        (
            [goal("a", OWN), goal("b", {"reference": "#p"}, contained=[SAME_DAY])],
            ASKED,
            {"Goal/a"},
            "other name",
        ),
        ([goal("b", {"display": "Probe, Ada"})], ASKED, {"Goal/b"}, None),
        ([goal("b", {"display": "The patient themself"})], ASKED, {"Goal/b"}, None),
        ([goal("b", {"display": "Проба Ада"})], ASKED, {"Goal/b"}, None),
        ([goal("b", OWN | {"display": "Married Otherwise"})], ASKED, {"Goal/b"}, None),
        ([goal("a", OWN), goal("b", {"reference": "other"})], ASKED, set(), "another patient"),
        # A search by POST: its parameters stood in the body, and the server says none of them.
        (
            [goal("a", OWN), goal("b")],
            "http://x/fhir/Goal/_search",
            {"Goal/a"},
            "does not say whose",
        ),
    ],
)
def test_what_a_search_brings(
    tmp_path: Path, found: list[Any], self_url: str | None, taken: set[str], why: str | None
) -> None:
    page = Fault(
        "not-json", path="Goal.*(patient|subject)=", body=answer(*found, self_url=self_url)
    )
    got, _ = pulled(tmp_path, page)
    assert goals(got) == taken
    assert "Condition/c" in got.records
    if why is None:
        assert got.gaps == []
    else:
        assert (got.gap("Goal").kind, why in got.gap("Goal").why) == ("failed", True)
    # A later run says the same again, and mends it when the server is well.
    again, _ = pulled(tmp_path, page)
    assert (goals(again), again.gaps) == (taken, got.gaps)


def test_a_search_that_is_not_believed_is_asked_by_another_parameter(tmp_path: Path) -> None:
    page = Fault("not-json", path=r"Goal.*\bpatient=", body=answer(goal("x"), self_url=IGNORED))
    got, server = pulled(tmp_path, page)
    assert (goals(got), got.gaps) == ({"Goal/g"}, [])
    asked = [r.query for r in server.requests if r.path == "/fhir/Goal"]
    assert any("subject=Patient/pat" in query for query in asked)


def test_what_no_search_brings_may_come_with_everything(tmp_path: Path) -> None:
    page = Fault("not-json", path="fhir/Goal[?]", body=answer(goal("x"), self_url=IGNORED))
    got, server = pulled(tmp_path, page, pull="auto")
    assert any("$everything" in r.path for r in server.requests)
    assert "Goal/g" in got.records
    assert "Goal/x" not in got.records


def test_everything_may_bring_a_device_that_is_nobodys(tmp_path: Path) -> None:
    device = {"resourceType": "Device", "id": "d"}
    whole = answer(PAT, goal("a", OWN), goal("b"), device)
    page = Fault("not-json", path="everything", body=whole)
    got, _ = pulled(tmp_path, page, pull="everything")
    assert {"Goal/a", "Goal/b", "Device/d"} <= got.records.keys()
    assert got.gaps == []


def test_a_stranger_on_a_later_page_takes_the_first_one_away_too(tmp_path: Path) -> None:
    with small(PAT, *(goal(f"g{n}", OWN) for n in range(4))) as server:
        server.add_fault(Fault("not-json", path="_getpages", body=answer(goal("x", THEIRS))))
        got = pull(tmp_path, source(server.base_url, page_size=2), id="pat")
    assert goals(got) == set()
    assert "another patient" in got.gap("Goal").why


def test_a_later_page_of_somebody_else_takes_the_first_one_away_too(tmp_path: Path) -> None:
    others = answer(goal("x"), self_url="http://x/fhir/Goal?patient=other&_getpages=1")
    with small(PAT, *(goal(f"g{n}", OWN) for n in range(4))) as server:
        server.add_fault(Fault("not-json", path="_getpages", body=others))
        got = pull(tmp_path, source(server.base_url, page_size=2), id="pat")
    assert goals(got) == set()
    assert "passes over the parameter" in got.gap("Goal").why


def test_what_a_page_includes_has_to_say_whose_it_is(tmp_path: Path) -> None:
    included = {"resource": condition("x") | {"subject": {}}, "search": {"mode": "include"}}
    own = {"resource": goal("a", OWN), "search": {"mode": "match"}}
    page = {"resourceType": "Bundle", "type": "searchset", "entry": [own, included],
            "link": [{"relation": "self", "url": ASKED}]}  # fmt: skip
    got, _ = pulled(tmp_path, Fault("not-json", path="Goal.*patient=", body=encode(page)))
    assert goals(got) == {"Goal/a"}
    assert "Condition/x" not in got.records


@pytest.mark.parametrize(
    "form",
    [
        "{inner}/Patient/pat",
        "{inner}/patient/pat/",
        " /Patient/pat ",
        "PATIENT/pat",
        "{upper}/Patient/pat",
    ],
)
def test_references_under_the_servers_inner_name_are_its_own(tmp_path: Path, form: str) -> None:
    text = form.format(inner=INNER, upper=INNER.upper())
    encounter = {"reference": f"{INNER}/Encounter/e"}
    found = goal("a", {"reference": text}, extension=[{"url": "u", "valueReference": encounter}])
    page = answer(found, base=INNER, self_url=f"{INNER}/Goal?patient=pat")
    visit = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "class": {},
        "subject": OWN,
    }
    with small(PAT, visit, faults=[Fault("not-json", path="Goal", body=page)]) as server:
        got = pull(tmp_path, source(server.base_url), id="pat")
    assert (goals(got), got.gaps) == ({"Goal/a"}, [])
    assert got.targets[f"{INNER}/Encounter/e"] == ("Encounter", "e", "had")


def test_another_patient_under_the_inner_name_is_a_stranger(tmp_path: Path) -> None:
    found = goal("a", {"reference": f"{INNER}/Patient/other"})
    page = answer(found, base=INNER, self_url=f"{INNER}/Goal?patient=pat")
    got, _ = pulled(tmp_path, Fault("not-json", path="Goal", body=page))
    assert goals(got) == set()
    assert "another patient" in got.gap("Goal").why


@pytest.mark.parametrize(
    "carried",
    [
        [{"system": "urn:other", "value": "77"}],
        [{"system": MRN, "value": "9"}],
        [{"system": MRN, "value": "7700"}],
        [{"value": "77"}],
        [],
    ],
)
def test_a_patient_found_by_an_identifier_must_have_it(tmp_path: Path, carried: Any) -> None:
    other = {"resourceType": "Patient", "id": "x", "identifier": carried}
    loose = Fault("not-json", path="Patient/_search", body=answer(other))
    with small(PAT, faults=[loose]) as server, pytest.raises(Held) as held:
        pull(tmp_path, source(server.base_url), identifier=f"{MRN}|77")
    assert (held.value.code, "do not have it" in str(held.value)) == ("patient", True)
    assert read(tmp_path).records == {}


def test_what_a_conditional_reference_finds_must_have_the_identifier(tmp_path: Path) -> None:
    npi = "http://hl7.org/fhir/sid/us-npi"
    by_npi = {"reference": f"Practitioner?identifier={npi}|1"}
    other = {
        "resourceType": "Practitioner",
        "id": "d",
        "identifier": [{"system": npi, "value": "12"}],
    }
    loose = Fault("not-json", path="Practitioner/_search", body=answer(other))
    record = condition("c2", recorder=by_npi)
    with small(PAT, record, faults=[loose]) as server:
        got = pull(tmp_path, source(server.base_url), id="pat")
    assert "Practitioner/d" not in got.records
    assert "what does not have it" in got.gap("Practitioner (1 referenced)").why


@pytest.mark.parametrize(
    "query",
    ["name=Miller", "identifier=a|1&identifier=b|2", "_id=other", "active=true", "identifier=a|2"],
)
def test_what_answers_a_conditional_reference_is_proved(tmp_path: Path, query: str) -> None:
    found = {
        "resourceType": "Practitioner",
        "id": "d",
        "identifier": [{"system": "b", "value": "2"}],
    }
    loose = Fault("not-json", path="Practitioner/_search", body=answer(found))
    record = condition("c2", recorder={"reference": f"Practitioner?{query}"})
    with small(PAT, record, faults=[loose]) as server:
        got = pull(tmp_path, source(server.base_url), id="pat")
    assert "Practitioner/d" not in got.records
    assert "Practitioner (1 referenced)" in {gap.what for gap in got.gaps}


VISIT = {"resourceType": "Encounter", "status": "finished", "class": {}}


@pytest.mark.parametrize("form", ["Encounter?identifier=urn:v|77", "encounter/e/", "Encounter/in"])
def test_of_another_patients_encounter_by_any_way(tmp_path: Path, form: str) -> None:
    others = VISIT | {"id": "e", "subject": {"reference": "Patient/other"},
                      "identifier": [{"system": "urn:v", "value": "77"}]}  # fmt: skip
    inside = VISIT | {"id": "in", "subject": OWN, "partOf": {"reference": "Encounter/e"}}
    found = condition("c2", encounter={"reference": form})
    with small(PAT, others, inside, found, condition("c3")) as server:
        got = pull(tmp_path, source(server.base_url), id="pat")
    assert got.records.keys() == {"Patient/pat", "Condition/c3"}
    assert "another patient's encounter" in got.gap("Condition").why


@pytest.mark.parametrize("stated", [{}, {"type": "Encounter"}])
@pytest.mark.parametrize("mine", [True, False])
def test_of_an_encounter_that_is_named_by_an_identifier_alone(
    tmp_path: Path, stated: dict[str, str], mine: bool
) -> None:
    named = {**stated, "identifier": {"system": "urn:v", "value": "77"}}
    visit = VISIT | {"id": "e", "identifier": [{"system": "urn:v", "value": "77"}],
                     "subject": OWN if mine else {"reference": "Patient/other"}}  # fmt: skip
    found = condition("c2", encounter=named)
    unknown = condition("c4", encounter={"identifier": {"system": "urn:v", "value": "78"}})
    with small(PAT, visit, found, condition("c3"), unknown) as server:
        got = pull(tmp_path, source(server.base_url), id="pat")
    assert {"Condition/c3", "Condition/c4"} <= got.records.keys()
    assert ("Condition/c2" in got.records) is mine
    if not mine:
        assert "another patient's encounter" in got.gap("Condition").why


def test_a_record_of_another_patients_encounter_is_not_taken(tmp_path: Path) -> None:
    visit = {"resourceType": "Encounter", "id": "e", "status": "finished", "class": {},
             "subject": {"reference": "Patient/other"}}  # fmt: skip
    found = condition("c2", encounter={"reference": "Encounter/e"})
    with small(PAT, visit, found, condition("c3")) as server:
        for _ in range(2):
            got = pull(tmp_path, source(server.base_url), id="pat")
            assert got.records.keys() == {"Patient/pat", "Condition/c3"}
            assert "another patient's encounter" in got.gap("Condition").why


def test_a_provenance_of_nothing_in_the_chart_is_a_strangers(tmp_path: Path) -> None:
    theirs = {"resourceType": "Provenance", "id": "p", "target": [{"reference": "Condition/other"}],
              "recorded": "2026-01-01T00:00:00Z", "agent": []}  # fmt: skip
    got, _ = pulled(tmp_path, Fault("not-json", path="Provenance", body=answer(theirs)))
    assert "Provenance/p" not in got.records
    assert "another patient" in got.gap("Provenance").why


@pytest.mark.parametrize(
    ("asked", "said", "is_honoured"),
    [
        ("Goal?patient=a&_count=9", None, None),
        ("Goal?patient=a&_count=9", "http://x/Goal?patient=a", True),
        ("Goal?patient=a", "http://x/Goal?_count=9&patient:Patient=Patient%2Fa", True),
        ("Goal?subject=Patient/a", "http://x/Goal?subject=http://x/Patient/a", True),
        ("Goal?patient=a", "http://x/Goal?patient=a,b", False),
        ("Goal?patient=a", "http://x/Goal?patient=", False),
        ("Goal?patient=a", "http://x/Goal?patient.name=a", False),
        ("Goal?patient=a", "http://x/Goal", False),
        ("Goal?patient=a", "http://x/Goal/_search", None),
        ("Goal?patient=a", "http://x/Goal/_search?_count=9", False),
        ("Goal?patient=a", "http://x/Goal?_count=9&amp;patient=a", True),
        ("Goal?patient=a", "?x=patient", False),
        ("Patient/a/$everything", "http://x/Patient", True),
        ("Provenance?target=Goal/1", "http://x/Provenance", True),
        ("Goal?patient=a", "http://[/Goal?patient=a", None),
    ],
)
def test_what_a_self_link_says(asked: str, said: str | None, is_honoured: bool | None) -> None:
    assert honoured(asked, said) is is_honoured


def test_the_next_parameter() -> None:
    both = ("patient", "subject")
    assert by_another("Goal?patient=a&_count=9", both, both) == "Goal?subject=Patient/a&_count=9"
    assert by_another("Goal?subject=Patient/a&_count=9", both, both) is None
    assert by_another("Goal?patient=a", both, ("patient",)) is None


def test_a_server_is_known_by_one_other_name_at_most() -> None:
    own, one, two = ("http://x/fhir", "http://in/fhir", "http://out/fhir")
    assert base_of_own({f"{one}/Goal/1": "Goal/1", f"{one}/Goal/2": "Goal/2"}, own) == one
    assert base_of_own({f"{one}/Goal/1": "Goal/1", f"{two}/Goal/2": "Goal/2"}, own) is None
    assert base_of_own({f"{one}/Goal/1": "Goal/1", f"{own}/Goal/2": "Goal/2"}, own) is None
    assert base_of_own({f"{one}/Goal/1": "Goal/9"}, own) is None
