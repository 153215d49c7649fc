"""Searches, pages, includes, $everything, and what the server says it can do."""

import pytest

from tests.sandbox.conftest import Client, ids, link, observation, patient
from tests.sandbox_parts import Quirks, Sandbox

LAB = {"coding": [{"system": "http://cat", "code": "laboratory"}]}
VITAL = {"coding": [{"system": "http://cat", "code": "vital-signs"}]}


@pytest.fixture
def chart(sandbox: Sandbox) -> Sandbox:
    """Two patients; the first has records of many kinds."""
    sandbox.put(patient("pa", identifier=[{"system": "urn:mrn", "value": "7"}]))
    sandbox.put(patient("pb"))
    sandbox.put({"resourceType": "Organization", "id": "org"})
    sandbox.put({"resourceType": "Practitioner", "id": "doc"})
    place = {"resourceType": "Location", "id": "loc"}
    sandbox.put({**place, "managingOrganization": {"reference": "Organization/org"}})
    tag = {"tag": [{"system": "http://t", "code": "x"}]}
    lab = observation("Patient/pa", id="lab", category=[LAB], meta=tag)
    lab["device"] = {"reference": "Device/dev"}
    sandbox.put({**lab, "performer": [{"reference": "Practitioner/doc"}]})
    sandbox.put(observation("Patient/pa", id="vital", category=[VITAL], status="amended"))
    sandbox.put(observation("Patient/pb", id="other", category=[LAB]))
    sandbox.put(observation("Group/pa", id="group"))  # the patient's id, but not the patient
    visit = {"resourceType": "Encounter", "id": "enc", "subject": {"reference": "Patient/pa"}}
    sandbox.put({**visit, "location": [{"location": {"reference": "Location/loc"}}]})
    sandbox.put({"resourceType": "Medication", "id": "med", "code": {"text": "m"}})
    order = {"resourceType": "MedicationRequest", "id": "rx", "intent": "order"}
    order_of = {"medicationReference": {"reference": "Medication/med"}}
    sandbox.put({**order, **order_of, "subject": {"reference": "Patient/pa"}})
    cover = {"resourceType": "Coverage", "id": "cov", "beneficiary": {"reference": "Patient/pa"}}
    sandbox.put({**cover, "type": {"coding": [{"code": "EHCPOL"}]}})
    meeting = {"participant": [{"actor": {"reference": "Patient/pa"}}]}
    sandbox.put({"resourceType": "Appointment", "id": "app", **meeting})
    sandbox.put({"resourceType": "Device", "id": "dev", "patient": {"reference": "Patient/pa"}})
    sandbox.put({"resourceType": "Task", "id": "task", "for": {"reference": "Patient/pa"}})
    target = [{"reference": "Observation/lab"}, {"reference": "Device/dev"}]
    sandbox.put({"resourceType": "Provenance", "id": "prov", "target": target})
    return sandbox


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Observation?patient=pa", ["lab", "vital"]),
        ("Observation?patient=Patient/pa", ["lab", "vital"]),
        ("Observation?subject=Patient/pa", ["lab", "vital"]),
        ("Observation?subject=pa", ["lab", "vital", "group"]),
        ("Observation?subject:Patient=pa", ["lab", "vital"]),
        ("Observation?patient=pa,pb", ["lab", "vital", "other"]),
        ("Observation?patient=pa&category=laboratory", ["lab"]),
        ("Observation?category=http://cat|laboratory,http://cat|exam", ["lab", "other"]),
        ("Observation?category=http://cat|", ["lab", "vital", "other"]),
        ("Observation?category=http://elsewhere|laboratory", []),
        ("Observation?status=amended", ["vital"]),
        ("Observation?_tag=http://t|x", ["lab"]),
        ("Observation?_id=lab,other,none", ["lab", "other"]),
        ("Observation?_lastUpdated=ge2020-01-01", ["lab", "vital", "other", "group"]),
        ("Observation?_lastUpdated=lt2020", []),
        ("Patient?identifier=urn:mrn|7", ["pa"]),
        ("Patient?identifier=7", ["pa"]),
        ("Patient?identifier=urn:other|7", []),
        ("Coverage?patient=pa&type=EHCPOL", ["cov"]),
        ("Coverage?beneficiary=Patient/pa", ["cov"]),
        ("Appointment?actor=Patient/pa", ["app"]),
        ("MedicationRequest?patient=pa&intent=order,plan", ["rx"]),
        ("Device?patient=pa", ["dev"]),
        ("Task?patient=Patient/pa", ["task"]),
        ("Provenance?target=Device/dev", ["prov"]),
        ("Provenance?target=Patient/pa", []),
    ],
)
def test_a_search_finds_what_it_names(
    chart: Sandbox, client: Client, query: str, expected: list[str]
) -> None:
    name, _, parameters = query.partition("?")
    wanted = [f"{name}/{id_}" for id_ in expected]
    page = client.get(query)
    assert (ids(page), page["total"]) == (wanted, len(wanted))
    response = client.session.post(
        f"{client.base}/{name}/_search",
        data=parameters,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        timeout=5,
    )
    assert ids(response.json()) == wanted


def test_an_unknown_parameter_is_passed_over_and_said_so(chart: Sandbox, client: Client) -> None:
    page = client.get("Observation?patient=pa&nonsense=1")
    assert ids(page) == ["Observation/lab", "Observation/vital"]
    [notice] = [e["resource"] for e in page["entry"] if e["search"]["mode"] == "outcome"]
    assert notice["resourceType"] == "OperationOutcome"
    response, _ = client.send("GET", "Observation?nonsense=1", Prefer="handling=strict")
    assert response.status_code == 400
    with Sandbox(quirks=Quirks(unknown_parameter="refuse")) as strict:
        assert Client(strict).send("GET", "Patient?nonsense=1")[0].status_code == 400


def test_includes_come_with_their_matches(chart: Sandbox, client: Client) -> None:
    page = client.get("MedicationRequest?patient=pa&_include=MedicationRequest:medication")
    assert (ids(page), ids(page, "include")) == (["MedicationRequest/rx"], ["Medication/med"])
    page = client.get("Observation?patient=pa&_revinclude=Provenance:target&_count=1")
    assert ids(page, "include") == ["Provenance/prov"]
    url = "Encounter?_include=Encounter:location"
    assert ids(client.get(url), "include") == ["Location/loc"]
    flat = f"{url}&_include=Location:organization"
    assert ids(client.get(flat), "include") == ["Location/loc"]
    deep = f"{url}&_include:iterate=Location:organization"
    assert ids(client.get(deep), "include") == ["Location/loc", "Organization/org"]


@pytest.mark.parametrize(
    ("style", "start"),
    [("base", "{base}?"), ("typed", "{base}/Patient?"), ("relative", "?")],
)
def test_pages_follow_each_other_over_a_result_that_stays(style: str, start: str) -> None:
    quirks = Quirks(page_links=style)  # type: ignore[arg-type]
    with Sandbox(page_size=3, quirks=quirks) as sandbox:
        client = Client(sandbox)
        for number in range(7):
            sandbox.put(patient(f"p{number}"))
        page = client.get("Patient")
        target = link(page, "next")
        assert target is not None
        assert target.startswith(start.format(base=sandbox.base_url))
        sandbox.put(patient("late"))
        client.send("DELETE", "Patient/p6")
        seen = ids(page)
        while target := link(page, "next"):
            page = client.get(_absolute(client.base, target))
            assert page["total"] == 7
            seen += ids(page)
        assert link(page, "previous") is not None
        assert seen == [f"Patient/p{number}" for number in range(7)]
        assert len(client.get("Patient?_count=2")["entry"]) == 2
        assert "entry" not in client.get("Patient?_summary=count")


def _absolute(base: str, target: str) -> str:
    return f"{base}/Patient{target}" if target.startswith("?") else target


def test_a_page_is_never_larger_than_allowed_and_a_lost_one_is_gone(client: Client) -> None:
    with Sandbox(quirks=Quirks(page_max=2)) as sandbox:
        for number in range(3):
            sandbox.put(patient(f"p{number}"))
        assert len(Client(sandbox).get("Patient?_count=1000")["entry"]) == 2
    response, _ = client.send("GET", "?_getpages=lost&_getpagesoffset=2&_count=2")
    assert response.status_code == 410


def test_everything_is_the_compartment_and_what_it_leans_on(chart: Sandbox, client: Client) -> None:
    pages = client.pages("Patient/pa/$everything?_count=4")
    found = [reference for page in pages for reference in ids(page)]
    assert found[0] == "Patient/pa"
    assert len(found) == len(set(found))
    assert set(found) == {
        "Patient/pa",
        "Observation/lab",
        "Observation/vital",
        "Encounter/enc",
        "MedicationRequest/rx",
        "Coverage/cov",
        "Appointment/app",
        "Practitioner/doc",
        "Location/loc",
        "Organization/org",
        "Medication/med",
    }  # R4's compartment: no Device, no Task, no Provenance of a record
    narrowed = ids(client.get("Patient/pa/$everything?_type=Encounter,Coverage"))
    supporting = {"Location/loc", "Organization/org"}
    assert set(narrowed) == {"Patient/pa", "Encounter/enc", "Coverage/cov"} | supporting
    assert client.send("GET", "Patient/none/$everything")[0].status_code == 404


def test_the_capability_statement_says_what_is_so(client: Client) -> None:
    statement = client.get("metadata")
    assert statement["fhirVersion"] == "4.0.1"
    [rest] = statement["rest"]
    served = {resource["type"]: resource for resource in rest["resource"]}
    assert {"Patient", "Device", "Task", "Provenance", "Binary", "Specimen"} <= set(served)
    names = {param["name"] for param in served["Observation"]["searchParam"]}
    assert {"_id", "_tag", "_lastUpdated", "patient", "category", "code"} <= names
    assert served["Patient"]["operation"][0]["name"] == "everything"
    assert "MedicationRequest:medication" in served["MedicationRequest"]["searchInclude"]
    assert "Provenance:target" in served["Observation"]["searchRevInclude"]
    assert {"transaction", "batch"} == {item["code"] for item in rest["interaction"]}


def test_a_smaller_server_declares_and_does_less() -> None:
    quirks = Quirks(types=frozenset({"Patient"}), everything=False, transactions=False)
    with Sandbox(quirks=quirks) as sandbox:
        client = Client(sandbox)
        sandbox.put(patient("pa"))
        sandbox.put(observation("Patient/pa", id="o"))
        [rest] = client.get("metadata")["rest"]
        assert [resource["type"] for resource in rest["resource"]] == ["Patient"]
        assert "operation" not in rest["resource"][0]
        assert client.send("GET", "Observation?patient=pa")[0].status_code == 404
        assert client.send("GET", "Observation/o")[0].status_code == 404
        assert client.send("GET", "Patient/pa/$everything")[0].status_code == 400
        assert client.bundle("transaction")[0].status_code == 400
        assert ids(client.get("Patient?_revinclude=Observation:subject"), "include") == []
