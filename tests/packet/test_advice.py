from pathlib import Path

import pytest

from connector.request import Organization
from connector.store.casefile import CaseFile

from .charts import DESTINATION, PATIENT, SOURCE, put, request, run


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    case = CaseFile.open(tmp_path)
    report = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "conclusion": "x"}
    doctor = {
        "resourceType": "Practitioner",
        "id": "d",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}],
    }
    put(
        case,
        PATIENT,
        report | {"performer": [{"reference": "Practitioner/d"}]},
        report | {"id": "early", "status": "preliminary"},
        doctor,
    )
    return case


def test_an_opinion_from_afar_needs_a_complete_hinge_item(case: CaseFile) -> None:
    assert run(case).advice.startswith("In person: the request names no record")
    early = ["DiagnosticReport/r", "DiagnosticReport/early"]
    assert run(case, request(hinge=early)).advice.startswith("In person: 1 of 2 records")
    advice = run(case, request(hinge=["DiagnosticReport/r"])).advice
    assert advice.startswith("In person, or online once the rest is there: 8 required items")


def test_dependence_between_the_teams_is_told(case: CaseFile) -> None:
    assert run(case).independence == ()
    home = SOURCE.model_copy(update={"organization": Organization(name="General Hospital")})
    theirs = {
        "organization": {"name": "GENERAL HOSPITAL"},
        "practitioner": {"family": "A", "npi": "1234567893"},
    }
    wanted = request(performer=theirs, include=["DiagnosticReport/r"])
    same = DESTINATION.model_copy(update={"base_url": SOURCE.base_url})
    told = run(case, wanted, source=home, destination=same).independence
    assert len(told) == 3
    assert not any("1234567893" in each or "HOSPITAL" in each for each in told)
