"""Denials as the world writes them: labels, scopes, houses and records under other names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held
from connector.request import Request
from connector.store.case.casefile import CaseFile
from tests.packet.charts import PATIENT, put, request, run

V3 = "http://terminology.hl7.org/CodeSystem/"
SUBJECT = {"reference": "Patient/p"}
PRIVACY = {"coding": [{"system": f"{V3}consentscope", "code": "patient-privacy"}]}
NPI = "http://hl7.org/fhir/sid/us-npi"
DENY: dict[str, Any] = {"type": "deny"}
RECEIVES = {"coding": [{"system": f"{V3}v3-ParticipationType", "code": "IRCP"}]}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseFile]:
    with CaseFile.open(tmp_path) as case:
        put(case, PATIENT)
        yield case


def consent(provision: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    given = {"provision": provision} if provision else {}
    return {
        "resourceType": "Consent", "id": "c", "status": "active", "scope": PRIVACY,
        "category": [{"text": "x"}], "patient": SUBJECT, "policy": [{"uri": "urn:x"}],
    } | given | more  # fmt: skip


def observation(labels: list[dict[str, str]] | None = None, text: str = "x") -> dict[str, Any]:
    meta = {"meta": {"security": labels}} if labels else {}
    return {
        "resourceType": "Observation", "id": "o", "status": "final", "subject": SUBJECT,
        "code": {"text": text}, **meta,
    }  # fmt: skip


def asked() -> Request:
    clinic = {"organization": {"name": "Clinic", "npi": "1234567893"}}
    return request(scope="whole-chart", performer=clinic)


def rules(case: CaseFile) -> dict[str, str]:
    """Which rules withhold, by record; how it is held instead."""
    try:
        return {f"{d.type}/{d.id}": d.rule for d in run(case, asked()).withheld}
    except Held as held:
        return {"held": held.code}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"scope": {"coding": [{"system": "http://hl7.org/fhir/consentscope",
                                "code": "patient-privacy"}]}}, "consent-denies"),
        ({"scope": {"coding": [{"code": "patient-privacy"}]}}, "consent-denies"),
        ({"scope": {"coding": [{"system": "urn:local", "code": "hie"}]}}, "consent-unclear"),
        ({"scope": {}}, "consent-unclear"),
        ({"status": ""}, "consent-unclear"),
        ({"status": "Active"}, "consent-unclear"),
        ({"status": "inactive"}, None),
        ({"scope": {"coding": [{"system": f"{V3}consentscope", "code": "research"}]}}, None),
    ],
)  # fmt: skip
def test_what_can_not_be_read_of_a_consent_is_not_passed_over(
    case: CaseFile, more: dict[str, Any], said: str | None
) -> None:
    put(case, consent(DENY, **more))
    assert rules(case).get("held") == said


@pytest.mark.parametrize(
    ("denied", "label"),
    [
        ("HIV", {"system": f"{V3}v3-Confidentiality", "code": "HIV"}),
        ("BH", {"system": f"{V3}v3-ActCode", "code": "PSY"}),
        ("MH", {"system": f"{V3}v3-ActCode", "code": "PSYTHPN"}),
        ("HIV", {"system": "urn:local", "code": "7", "display": "HIV (restricted)"}),
    ],
)
def test_a_denied_label_denies_what_it_includes(
    case: CaseFile, denied: str, label: dict[str, str]
) -> None:
    labels = [{"system": f"{V3}v3-ActCode", "code": denied}]
    put(case, observation([label]), consent({"type": "deny", "securityLabel": labels}))
    assert "Observation/o" in rules(case)


def test_words_of_a_label_mean_that_label(case: CaseFile) -> None:
    put(case, observation([{"display": "Psychotherapy notes"}]))
    assert rules(case) == {"Observation/o": "release-psychotherapy-notes"}


def test_a_denied_kind_that_nobody_labelled_counts_by_the_guess(case: CaseFile) -> None:
    labels = [{"system": f"{V3}v3-ActCode", "code": "HIV"}]
    put(case, observation(text="HIV viral load"))
    assert rules(case) == {}
    put(case, consent({"type": "deny", "securityLabel": labels}))
    assert rules(case)["Observation/o"] == "consent-guess"


def test_a_consent_whose_words_tell_a_kind_stays(case: CaseFile) -> None:
    put(case, consent({"type": "permit"}, category=[{"text": "Release under 42 CFR Part 2"}]))
    assert rules(case) == {"Consent/c": "consent-tells"}


def test_a_consent_whose_form_is_called_by_a_kind_stays(case: CaseFile) -> None:
    form = {"contentType": "application/pdf", "title": "SUD program consent"}
    put(case, consent({"type": "permit"}, sourceAttachment=form))
    assert rules(case) == {"Consent/c": "consent-tells"}


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("https://elsewhere.example.org/fhir/Observation/o", "consent"),
        ("Observation/o/_history/2", "consent"),
        ("urn:uuid:7b9d9f8e-0b7c-4f4e-8a53-1f0f6ad2e111", "consent-unclear"),
    ],
)
def test_a_denied_record_behind_another_address(case: CaseFile, reference: str, said: str) -> None:
    data = [{"meaning": "instance", "reference": {"reference": reference}}]
    put(case, observation(), consent({"type": "deny", "data": data}))
    found = rules(case)
    assert found.get("Observation/o", found.get("held")) == said


def house(id: str, number: str, **more: Any) -> dict[str, Any]:
    identifier = [{"system": NPI, "value": number}]
    return {"resourceType": "Organization", "id": id, "identifier": identifier, **more}


OID = "urn:oid:2.16.840.1.113883.4.6"
WHOLE = {"identifier": {"system": OID, "value": "1932102084"}}
PART = {"identifier": {"system": NPI, "value": "1234567893"}}


@pytest.mark.parametrize(
    ("chart", "who", "contained"),
    [
        ([house("whole", "1932102084"), house("part", "1234567893", partOf=WHOLE)],
         {"reference": "Organization/whole"}, []),
        ([house("whole", "1932102084"), house("part", "1234567893", partOf=WHOLE)],
         {"type": "Organization", **WHOLE}, []),
        ([house("whole", "1932102084"),
          {"resourceType": "OrganizationAffiliation", "id": "a", "network": [WHOLE],
           "participatingOrganization": PART}, house("part", "1234567893")],
         {"reference": "Organization/whole"}, []),
        ([], {"reference": "#w"},
         [house("w", "1932102084"), house("x", "1234567893", partOf={"reference": "#w"})]),
    ],
)  # fmt: skip
def test_a_house_above_by_identifier_network_or_contained(
    case: CaseFile, chart: list[Any], who: dict[str, Any], contained: list[Any]
) -> None:
    actor = [{"role": RECEIVES, "reference": who}]
    put(case, *chart, consent({"type": "deny", "actor": actor}, contained=contained))
    assert rules(case) == {"held": "consent-denies"}
