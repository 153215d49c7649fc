"""Real charts between two real HAPI servers, held against what the chart files say."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from connector.fhir import systems
from tests.real.charts import Chart, chart_files, key, read_chart
from tests.real.destination import Destination
from tests.real.ground_truth import Transfer, authored, problems
from tests.real.loader import load, put_all
from tests.real.proxy import Fault, Proxy
from tests.support import Ran, Site

CHARTS = chart_files()
SMALL = CHARTS[0]
Place = Callable[[Path], tuple[Site, Chart]]


@pytest.fixture
def place(tmp_path: Path, source: Proxy, destination: Proxy) -> Place:
    """Loads a chart at the source and makes a site between the two servers."""

    def placed(path: Path) -> tuple[Site, Chart]:
        chart = read_chart(path)
        load(source.upstream, chart)
        site = Site(tmp_path, source.base_url, destination.base_url, patient=chart.patient["id"])
        site.configure()
        return site, chart

    return placed


def arrived(site: Site, chart: Chart, ran: Ran, destination: Proxy) -> tuple[Transfer, Destination]:
    patient = ran.json["patient"]
    transfer = Transfer(chart, site.source_id, site.source_url, systems.TAG, patient)
    return transfer, Destination.read(destination.upstream)


def announced_once(transfer: Transfer, there: Destination) -> None:
    requests = authored(transfer, there, "ServiceRequest")
    tasks = authored(transfer, there, "Task")
    assert [r["status"] for r in requests] == ["active"]
    assert [t["status"] for t in tasks] == ["requested"]
    assert tasks[0]["focus"]["reference"] == key(requests[0])


@pytest.mark.parametrize("path", CHARTS, ids=lambda path: path.name.split("_")[0])
def test_a_whole_chart_stands_there_once_and_equal(
    place: Place, destination: Proxy, path: Path
) -> None:
    site, chart = place(path)
    request = site.request(scope="whole-chart")
    ran = site.cli("transfer", request, "--json")
    assert ran.json["state"] == "verified", ran
    transfer, there = arrived(site, chart, ran, destination)
    assert problems(transfer, there) == []
    announced_once(transfer, there)

    destination.exchanges.clear()
    again = site.cli("transfer", request, "--json")
    assert again.code == ran.code
    assert destination.exchanges == []


@pytest.mark.parametrize("path", CHARTS[:5], ids=lambda path: path.name.split("_")[0])
def test_the_checklist_carries_what_is_never_left_out(
    place: Place, destination: Proxy, path: Path
) -> None:
    site, chart = place(path)
    ran = site.cli("transfer", site.request(), "--json")
    assert ran.json["state"] == "verified", ran
    transfer, there = arrived(site, chart, ran, destination)
    found = problems(transfer, there, set(safety(chart.records)))
    # A Provenance of records some of which stay behind is trimmed to those that travel; that what
    # is left of it resolves is among the problems.
    assert [
        p for p in found if not p.startswith("Provenance/") or "differs at target" not in p
    ] == []
    announced_once(transfer, there)


def safety(records: Iterable[dict[str, Any]]) -> Iterable[str]:
    """Allergies, active problems, active medication: from the files, by their status."""
    for record in records:
        kind = record["resourceType"]
        clinical = record.get("clinicalStatus", {}).get("coding", [{}])[0].get("code")
        if (
            kind == "AllergyIntolerance"
            or (kind == "Condition" and clinical == "active")
            or (kind == "MedicationRequest" and record["status"] == "active")
        ):
            yield key(record)


@pytest.mark.parametrize(
    "settings",
    [('pull = "everything"', ""), ("", 'write = "put"'), ("", 'write = "create"')],
    ids=["everything", "put", "create"],
)
def test_other_ways_carry_the_same_chart(
    place: Place, destination: Proxy, settings: tuple[str, str]
) -> None:
    site, chart = place(CHARTS[1])
    site.configure(source=settings[0], destination=settings[1])
    ran = site.cli("transfer", site.request(scope="whole-chart"), "--json")
    assert ran.json["state"] == "verified", ran
    transfer, there = arrived(site, chart, ran, destination)
    assert problems(transfer, there) == []


def test_a_second_case_does_not_double_the_chart(place: Place, destination: Proxy) -> None:
    site, chart = place(SMALL)
    site.cli("transfer", site.request(scope="whole-chart"))
    ran = site.cli("transfer", site.request(request_id="SO-2", scope="whole-chart"), "--json")
    assert ran.json["state"] == "verified", ran
    transfer, there = arrived(site, chart, ran, destination)
    assert problems(transfer, there) == []
    assert sorted(t["status"] for t in authored(transfer, there, "Task")) == ["requested"] * 2


@pytest.mark.parametrize("limits", ["max_entries = 20"])
def test_killed_anywhere_in_the_push_and_run_again(
    place: Place, destination: Proxy, limits: str
) -> None:
    """One run, killed again and again a little later, ends where an undisturbed run ends."""
    site, chart = place(SMALL)
    site.configure(destination=f'bundle = {{ kind = "transaction", {limits} }}')
    request = site.request(scope="whole-chart")
    site.cli("map", request)
    kills = 0
    for step in ("send.before", "receive.before", "receive.after", "commit.before", "commit.after"):
        for number in (2, 5):
            ran = site.cli("transfer", request, failpoint=f"{step}:{number}")
            kills += ran.code == 137
    assert kills >= 8
    ran = site.cli("transfer", request, "--json")
    assert ran.json["state"] == "verified", ran
    transfer, there = arrived(site, chart, ran, destination)
    assert problems(transfer, there) == []
    announced_once(transfer, there)


def test_what_the_source_refuses_breaks_or_cuts_short_is_said_every_time(
    place: Place, source: Proxy
) -> None:
    site, _ = place(SMALL)
    site.configure(source='pull = "search"')  # auto fills what failed by $everything
    source.faults += [
        Fault(r"/Condition\?", status=403),
        Fault(r"/Immunization\?", status=500),
        Fault(r"/Observation\?", kind="cut"),
    ]
    request = site.request()
    for _ in range(2):
        ran = site.cli("transfer", request, "--json")
        assert ran.code == 3
        gaps = {(gap["what"], gap["kind"]) for gap in ran.json["gaps"]}
        assert gaps >= {
            ("Condition", "refused"),
            ("Immunization", "failed"),
            ("Observation", "failed"),
        }


@pytest.mark.parametrize("change", ["birthDate", "family", "gender", "deceased"])
def test_somebody_else_with_the_same_number_holds_the_case(
    place: Place, destination: Proxy, change: str
) -> None:
    site, chart = place(SMALL)
    system = chart.patient["identifier"][0]["system"]
    site.configure(destination=f'match_systems = ["{system}"]')
    stranger = {k: v for k, v in chart.patient.items() if k != "managingOrganization"}
    stranger["id"] = "stranger"
    if change == "birthDate":
        stranger["birthDate"] = "1950-01-01"
    elif change == "family":
        stranger["name"] = [{**name, "family": "Other"} for name in stranger["name"]]
    elif change == "gender":
        stranger["gender"] = {"male": "female", "female": "male"}[stranger["gender"]]
    else:
        stranger["deceasedBoolean"] = True
    put_all(destination.upstream, [stranger])
    ran = site.cli("transfer", site.request(), "--json")
    assert (ran.code, ran.json["state"]) == (5, "held")
    assert destination.writes == []


def test_their_own_patient_is_used_and_never_written_over(place: Place, destination: Proxy) -> None:
    site, chart = place(SMALL)
    system = chart.patient["identifier"][0]["system"]
    site.configure(destination=f'match_systems = ["{system}"]\nowner = "Organization/theirs"')
    theirs = {k: v for k, v in chart.patient.items() if k != "managingOrganization"}
    theirs |= {"id": "theirs", "maritalStatus": {"text": "theirs alone"}}
    clinic = {"resourceType": "Organization", "id": "theirs", "name": "The other team"}
    put_all(destination.upstream, [theirs, clinic])
    ran = site.cli("transfer", site.request(scope="whole-chart"), "--json")
    assert ran.json["state"] == "verified", ran
    assert ran.json["patient"] == "Patient/theirs"
    transfer, there = arrived(site, chart, ran, destination)
    assert problems(transfer, there) == []
    assert there.resources["Patient/theirs"]["meta"]["versionId"] == "1"
    assert authored(transfer, there, "Task")[0]["owner"]["reference"] == "Organization/theirs"
    assert sum(r["resourceType"] == "Patient" for r in there.resources.values()) == 1
