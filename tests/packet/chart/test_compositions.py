"""A document that is the source: its Composition travels, and what its sections tell is read."""

from pathlib import Path
from typing import Any

import pytest

from connector.fhir.lossless import decode, encode
from connector.pull.files.source import pull_files
from connector.request import Request
from connector.settings import Source
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import SOURCE, carried, request, run

LOINC = "http://loinc.org"
PERSON = "urn:uuid:b1111111-1111-4111-8111-111111111111"
PROBLEM = "urn:uuid:c1111111-1111-4111-8111-111111111111"
PATIENT_ID = PERSON.removeprefix("urn:uuid:")
STORY = "I want to walk my dog again &amp; <b>sleep</b>."
SUD = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SUD"}


def text(words: str) -> dict[str, str]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><style>p {{}}</style><p>{words}</p></div>'
    return {"status": "generated", "div": div}


def section(title: str, code: str, words: str, *entries: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "title": title,
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "text": text(words),
    }
    return found | ({"entry": [{"reference": each} for each in entries]} if entries else {})


def document(*sections: dict[str, Any], code: str = "57133-1", **problem: Any) -> dict[str, Any]:
    composition = {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": PERSON},
        "date": "2025-10-01",
        "author": [{"display": "Dr Doe"}],
        "title": "Letter",
        "section": list(sections),
    }
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:oid:1.2.3", "value": "4711"}],
        "name": [{"family": "Muster"}],
        "birthDate": "1961-02-03",
    }
    condition = {
        "resourceType": "Condition",
        "subject": {"reference": PERSON},
        "code": {"text": "dependence"},
        **problem,
    }
    entries = zip(
        ("urn:uuid:a1111111-1111-4111-8111-111111111111", PERSON, PROBLEM),
        (composition, patient, condition),
        strict=True,
    )
    return {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:d"},
        "timestamp": "2025-10-01T10:00:00Z",
        "entry": [{"fullUrl": url, "resource": each} for url, each in entries],
    }


STORY_SECTION = section("Patient story", "81338-6", STORY)
REASON_SECTION = section("Reason for referral", "42349-1", "Would a valve repair do?")
PROBLEM_SECTION = section("Problems", "11450-4", "dependence since 2019", PROBLEM)
KEY = "Composition/a1111111-1111-4111-8111-111111111111"


def mapped(folder: Path, content: dict[str, Any], **wanted: Any) -> CaseFile:
    """The case of a request whose source is a file with this document."""
    (folder / "document.json").write_bytes(encode(content))
    settings = Source(id=SOURCE.id, environment="test", files=folder / "document.json")
    asked: Request = request(patient={"id": PATIENT_ID}, **wanted)
    case = CaseFile.open(folder / "case")
    pull_files(case, asked, settings, never_types=frozenset(), wanted_types=frozenset())
    run(case, asked)
    return case


def page(case: CaseFile) -> dict[str, str]:
    """What the packet's sections say, by title."""
    (row,) = case.rows("SELECT body FROM entry WHERE origin = 'authored' AND type = 'Composition'")
    return {each["title"]: each["text"]["div"] for each in decode(row[0])["section"]}


@pytest.mark.parametrize("code", ["57133-1", "60591-5", "0-0"])
def test_the_words_of_its_sections_are_read_in_the_packet(tmp_path: Path, code: str) -> None:
    with mapped(tmp_path, document(STORY_SECTION, REASON_SECTION, code=code)) as case:
        sent = carried(case, KEY)
        assert [each["title"] for each in sent["section"]] == [
            "Patient story",
            "Reason for referral",
        ]
        told = page(case)["Clinical notes"]
        assert "I want to walk my dog again &amp; sleep ." in told
        assert "Reason for referral: Would a valve repair do?" in told
        goals = [item for item in packet.items(case) if item.item == "goals"]
        assert [(item.kind, item.evidence) for item in goals] == [("present", KEY)]


@pytest.mark.parametrize(
    "empty",
    [
        section("Patient story", "81338-6", ""),
        {**STORY_SECTION, "entry": [{"reference": PROBLEM}]},
        {k: v for k, v in STORY_SECTION.items() if k != "text"},
        section("Imaging", "18748-4", "No recent imaging."),
    ],
)
def test_a_section_without_a_story_answers_nothing(tmp_path: Path, empty: dict[str, Any]) -> None:
    with mapped(tmp_path, document(empty)) as case:
        kinds = {item.item: item.evidence for item in packet.items(case)}
        assert KEY not in kinds["goals"].split()
        assert KEY not in kinds["imaging-reports"].split()


def test_what_names_a_withheld_entry_takes_the_words_along(tmp_path: Path) -> None:
    content = document(STORY_SECTION, PROBLEM_SECTION, meta={"security": [SUD]})
    with mapped(tmp_path, content) as case:
        everything = b"".join(body for (body,) in case.rows("SELECT body FROM entry"))
        assert b"dependence" not in everything
        assert b"2019" not in everything
        # A story may tell it in other words.
        assert b"walk my dog" not in everything
        assert "section" not in carried(case, KEY)
        assert KEY not in [item.evidence for item in packet.items(case)]


def test_a_labelled_document_stays(tmp_path: Path) -> None:
    held = document(STORY_SECTION)
    held["entry"][0]["resource"]["meta"] = {"security": [SUD]}
    with mapped(tmp_path, held) as case:
        assert case.row("SELECT 1 FROM entry WHERE source = ?", (KEY,)) is None
        assert not any("dog" in each for each in page(case).values())
