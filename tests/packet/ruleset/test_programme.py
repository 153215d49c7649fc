"""What a receiving programme wants: settings, tags, items."""

from pathlib import Path

import pytest

from connector.config import load as load_config
from connector.errors import UsageError
from connector.fhir import systems
from connector.packet import load, map_case, settled
from connector.store.case.casefile import CaseFile
from tests.packet.charts import AS_OF, DESTINATION, PATIENT, SOURCE, put, request, resources

PROGRAMME = """version: "1"
about: a test
accepts: {scope: checklist, images: reports}
bundle: {max_entries: 40, max_megabytes: 3}
tags:
  - {system: "https://clinic.example.org/queues", code: spine}
items:
  - id: consent-form
    title: Their consent form
    need: required
    window: all
    section: advance-directives
    origin: theirs
    ask: Ask the patient to sign it.
    match:
      - {type: DocumentReference, code: ["http://loinc.org|59284-0"]}
"""
CONFIG = """
[sources.home]
id = "6f0d8a52-3c1e-4f7e-9c76-0d7f3a1b2c3d"
base_url = "http://127.0.0.1:1/fhir"
environment = "test"
[destinations.away]
id = "0b7f4a51-5d2e-4f0e-8c76-1d7f3a1b2c3e"
base_url = "http://127.0.0.1:2/fhir"
environment = "test"
programme = "clinic"
accepts = { images = "images" }
bundle = { max_entries = 20 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "destinations" / "clinic.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(PROGRAMME)
    return tmp_path / "mine"


def test_what_the_configuration_says_wins_over_the_programme(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "connector.toml").write_text(CONFIG)
    destination = settled(
        load_config(tmp_path / "connector.toml").destination("away"), load(folder)
    )
    assert destination.accepts.images == "images"
    assert destination.accepts.scope == "checklist"
    assert destination.bundle.max_entries == 20
    assert destination.bundle.max_megabytes == 3


def test_an_unknown_programme_is_a_usage_error() -> None:
    destination = DESTINATION.model_copy(update={"programme": "circus"})
    with pytest.raises(UsageError, match="no file circus in mappings/destinations"):
        settled(destination, load())


def test_what_we_author_has_their_tags_and_the_checklist_their_items(
    folder: Path, tmp_path: Path
) -> None:
    mappings = load(folder)
    destination = settled(DESTINATION.model_copy(update={"programme": "clinic"}), mappings)
    with CaseFile.open(tmp_path / "case") as case:
        put(case, PATIENT)
        told = map_case(
            case, request(), SOURCE, destination, mappings, as_of=AS_OF, environment="test"
        )
        tagged = {
            resource["resourceType"]
            for resource in resources(case)
            if "spine" in [tag["code"] for tag in resource["meta"]["tag"]]
        }
        shared = resources(case, "Organization", "Device")
    assert {"ServiceRequest", "Task", "Composition", "Provenance"} == tagged
    assert shared  # by all cases of the source: they look the same whoever is asked
    assert all(
        tag["system"] in (systems.TAG, systems.RUN) for r in shared for tag in r["meta"]["tag"]
    )
    (item,) = [item for item in told.items if item.item == "consent-form"]
    assert item.kind == "searched-none"
