"""Servers as they are: what they demand is given, and `gaps` is exactly what could not be had."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from connector.errors import UsageError
from connector.mappingfiles import PACKAGED, MappingFiles
from connector.pull import servers
from connector.store.case.casefile import CaseFile
from tests.pull.support import condition, pull, small, source
from tests.sandbox_parts import Fault, Quirks, Sandbox
from tests.support import ROOT

US = "http://terminology.hl7.org/CodeSystem/observation-category"


def observation(resource_id: str, *categories: str) -> dict[str, Any]:
    coded = [{"coding": [{"system": US, "code": code}]} for code in categories]
    return {
        "resourceType": "Observation",
        "id": resource_id,
        "status": "final",
        "subject": {"reference": "Patient/pat"},
        **({"category": coded} if coded else {}),
    }


OBSERVATIONS = (
    observation("lab", "laboratory"),
    observation("both", "laboratory", "vital-signs"),
    observation("therapy", "therapy"),
    observation("local", "house-style"),
    observation("bare"),
)
GOAL = {
    "resourceType": "Goal",
    "id": "g",
    "lifecycleStatus": "active",
    "subject": {"reference": "Patient/pat"},
}
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "m",
    "status": "stopped",
    "intent": "plan",
    "subject": {"reference": "Patient/pat"},
}
CHART = (*OBSERVATIONS, GOAL, ORDER, condition("c"))
ALL = {f"{r['resourceType']}/{r['id']}" for r in CHART} | {"Patient/pat"}
EPIC = Quirks(
    software="Epic",
    demands=frozenset({"Observation.category", "CarePlan.category"}),
    refuses=frozenset({"category=procedure", "category=therapy", "category=activity"}),
    everything=False,
)


def asked(server: Sandbox, name: str) -> list[str]:
    return [r.query for r in server.requests if r.path.endswith(f"/{name}")]


def broken(gaps: Iterable[Any]) -> set[tuple[str, str]]:
    return {(gap.what, gap.kind) for gap in gaps if gap.kind != "unsupported"}


@pytest.mark.parametrize("demands", ["Observation.category", "Observation.status"])
def test_what_a_server_demands_is_given_and_nothing_is_lost(tmp_path: Path, demands: str) -> None:
    with small(*CHART, quirks=Quirks(demands=frozenset({demands}))) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert pulled.records.keys() == ALL
    assert pulled.gaps == []


def test_both_intent_and_status_may_be_demanded(tmp_path: Path) -> None:
    quirks = Quirks(demands=frozenset({"MedicationRequest.intent", "MedicationRequest.status"}))
    with small(*CHART, quirks=quirks) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert len(asked(server, "MedicationRequest")) == 3
    assert pulled.records.keys() == ALL
    assert pulled.gaps == []


def test_epic_is_recognised_and_asked_by_category_at_once(tmp_path: Path) -> None:
    with small(*CHART, quirks=EPIC) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        assert all("category" in query for query in asked(server, "Observation"))
        assert {r.status for r in server.requests} == {200}
    assert pulled.records.keys() == ALL  # the sweep brings what has another category or none
    assert {(g.what, g.kind) for g in pulled.gaps} == {
        (f"Observation?category={code}", "unsupported")
        for code in ("procedure", "therapy", "activity")
    }


def test_what_the_sweep_may_not_ask_is_a_gap(tmp_path: Path) -> None:
    quirks = Quirks(software="Epic", demands=EPIC.demands, modifiers=False, everything=False)
    with small(*CHART, quirks=quirks) as server:
        for _ in range(2):
            pulled = pull(tmp_path, source(server.base_url), id="pat")
            assert broken(pulled.gaps) == {
                ("Observation?category=others", "refused"),
                ("CarePlan?category=others", "refused"),
            }
    lost = {"Observation/therapy", "Observation/local", "Observation/bare"}
    assert pulled.records.keys() == ALL - lost


def test_one_refused_category_is_one_gap(tmp_path: Path) -> None:
    quirks = Quirks(
        demands=frozenset({"Observation.category"}), refuses=frozenset({"category=survey"})
    )
    with small(*CHART, quirks=quirks) as server:
        for _ in range(2):  # the second run comes to the same plan
            pulled = pull(tmp_path, source(server.base_url), id="pat")
            assert broken(pulled.gaps) == {("Observation?category=survey", "refused")}
    assert pulled.records.keys() == ALL


def test_a_server_may_be_named_and_a_wrong_name_says_which_there_are(tmp_path: Path) -> None:
    with small(*CHART, quirks=Quirks(demands=EPIC.demands)) as server:
        pull(tmp_path / "one", source(server.base_url, server="epic"), id="pat")
        assert 400 not in {r.status for r in server.requests}
        with pytest.raises(UsageError, match="epic, google"):
            pull(tmp_path / "two", source(server.base_url, server="epoc"), id="pat")


def test_why_a_known_server_refuses_is_told(tmp_path: Path) -> None:
    quirks = Quirks(software="Epic", demands=frozenset({"EpisodeOfCare.type"}), everything=False)
    with small(*CHART, quirks=quirks) as server:
        gap = pull(tmp_path, source(server.base_url), id="pat").gap("EpisodeOfCare")
    assert gap.kind == "refused"
    assert "only with a type" in gap.why


def filled(folder: Path) -> dict[str, str]:
    with CaseFile.open(folder) as case:
        return dict(case.state.filled)


def test_a_failed_search_is_filled_by_everything(tmp_path: Path) -> None:
    failed = Fault("status", path=r"/(Goal|CarePlan)\?", status=500)
    with small(*CHART, faults=[failed]) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="auto"), id="pat")
    assert pulled.records.keys() == ALL
    # $everything brought a Goal; that it brought no CarePlan does not mean that there is none
    assert broken(pulled.gaps) == {("CarePlan", "failed")}
    assert filled(tmp_path).keys() == {"Goal"}


def test_a_refused_search_stays_a_gap_though_everything_brought_records(tmp_path: Path) -> None:
    refused = Fault("status", path=r"/Goal\?", status=403)
    with small(*CHART, faults=[refused]) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="auto"), id="pat")
    assert pulled.records.keys() == ALL
    assert broken(pulled.gaps) == {("Goal", "refused")}
    assert "perhaps not all" in pulled.gap("Goal").why
    assert filled(tmp_path) == {}


def test_a_filler_that_breaks_fills_nothing(tmp_path: Path) -> None:
    refused = Fault("status", path=r"/Goal\?|\$everything", status=403)
    with small(*CHART, faults=[refused]) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="auto"), id="pat")
    assert broken(pulled.gaps) == {("Goal", "refused"), ("Patient/$everything", "refused")}
    assert filled(tmp_path) == {}


def test_another_patients_record_is_no_hole_to_fill(tmp_path: Path) -> None:
    theirs = Fault("foreign-next", path=r"/Goal\?", url="http://elsewhere.invalid/fhir?p=2")
    with small(*CHART, faults=[theirs]) as server:
        pulled = pull(tmp_path, source(server.base_url, pull="auto"), id="pat")
    assert broken(pulled.gaps) == {("Goal", "refused")}


def test_everything_that_breaks_is_filled_by_searches(tmp_path: Path) -> None:
    refused = Fault("status", path=r"\$everything", status=500)
    with small(*CHART, faults=[refused]) as server:
        settings = source(server.base_url, pull="everything")
        pulled = pull(tmp_path, settings, frozenset({"Condition", "Goal"}), id="pat")
    assert pulled.records.keys() == ALL
    assert pulled.gaps == []
    assert "Patient/$everything" in filled(tmp_path)


MANY = tuple(condition(f"c{n}") for n in range(45))


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_forgotten_search_starts_over_without_doubling(tmp_path: Path, after: int) -> None:
    with small(*MANY, quirks=Quirks(expires_after=after)) as server:
        pulled = pull(tmp_path, source(server.base_url, page_size=10), id="pat")
        assert 410 in {r.status for r in server.requests}
    assert len(pulled.records) == 46
    assert pulled.gaps == []
    with CaseFile.open(tmp_path) as case:
        assert case.row("SELECT pages, matches FROM query WHERE key = 'Condition'") == (5, 45)


def test_a_search_that_is_always_forgotten_is_a_gap(tmp_path: Path) -> None:
    gone = Fault("status", path="_getpages", status=410)
    with small(*MANY, faults=[gone]) as server:
        pulled = pull(tmp_path, source(server.base_url, page_size=10), id="pat")
        assert len(asked(server, "Condition")) == 3
    assert pulled.gap("Condition").kind == "failed"
    assert "forgets" in pulled.gap("Condition").why


@pytest.mark.parametrize("links", ["relative", "typed", "base"])
@pytest.mark.parametrize("way", ["search", "everything"])
def test_next_is_seen_from_the_page_it_stands_on(tmp_path: Path, links: Any, way: str) -> None:
    with small(*MANY, quirks=Quirks(page_links=links)) as server:
        pulled = pull(tmp_path, source(server.base_url, page_size=10, pull=way), id="pat")
    assert len(pulled.records) == 46
    assert pulled.gaps == []


def test_next_at_an_inner_host_is_rewritten_only_by_setting(tmp_path: Path) -> None:
    with small(*CHART) as server:
        inner = "http://inner.invalid:8080/fhir/Goal?patient=pat&page=2"
        server.add_fault(Fault("foreign-next", path=r"/Goal\?.*_count", url=inner))
        refused = pull(tmp_path / "as-it-is", source(server.base_url), id="pat")
        assert refused.gap("Goal").kind == "refused"
        server.requests.clear()
        settings = source(server.base_url, rewrite_next=True)
        pulled = pull(tmp_path / "rewritten", settings, id="pat")
        assert "patient=pat&page=2" in asked(server, "Goal")
    assert pulled.gaps == []


@pytest.mark.parametrize("name", PACKAGED.folder("servers"))
def test_each_file_is_read_and_each_line_has_its_source(name: str) -> None:
    rules = servers.known("", name).rules
    assert all(rule.source and rule.about for rule in rules)


def test_closed_lists_are_those_of_r4() -> None:
    """Held against the R4 definitions; `every` only of elements that each record has."""
    r4 = json.loads((ROOT / "fixtures" / "r4" / "closed-codes.json").read_text())
    stated = {
        f"{name}.{parameter}": (minimum, codes)
        for name, known in servers.known("", None).types.items()
        for minimum, closed in ((1, known.every), (0, known.every_or_none))
        for parameter, codes in closed.items()
    }
    assert stated.keys() == r4.keys()
    for name, (minimum, codes) in stated.items():
        assert (r4[name]["min"], r4[name]["strength"]) == (minimum, "required"), name
        assert sorted(codes) == sorted(r4[name]["codes"]), name


def test_a_record_that_lacks_the_status_a_server_demands_is_not_lost(tmp_path: Path) -> None:
    team = {"resourceType": "CareTeam", "subject": {"reference": "Patient/pat"}}
    teams = ({**team, "id": "bare"}, {**team, "id": "active", "status": "active"})
    with small(*teams, quirks=Quirks(demands=frozenset({"CareTeam.status"}))) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert {"CareTeam/bare", "CareTeam/active"} <= pulled.records.keys()
    assert pulled.gaps == []


def test_categories_and_a_demanded_status_together(tmp_path: Path) -> None:
    demands = frozenset({"Condition.category", "Condition.clinical-status"})
    coded = condition("coded", clinicalStatus={"coding": [{"code": "active"}]})
    with small(condition("bare"), coded, quirks=Quirks(demands=demands)) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
    assert {"Condition/bare", "Condition/coded"} <= pulled.records.keys()
    assert pulled.gaps == []


def test_a_server_without_a_software_name_is_recognised_by_its_publisher() -> None:
    assert servers.known("", None, publisher="Cerner").name == "oracle-health"
    assert servers.known("", None).name == ""


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "servers").mkdir()
    (tmp_path / "search.yaml").write_text('version: "1"\nabout: x\ntypes: {}\n')
    path = tmp_path / "servers" / "mine.yaml"
    path.write_text('version: "1"\nabout: x\nrules:\n  - about: y\n    sources: z\n')
    with pytest.raises(UsageError, match=r"mine\.yaml, line 5: rules\.0\.sources: unknown field"):
        servers.known("", "mine", MappingFiles(tmp_path))
