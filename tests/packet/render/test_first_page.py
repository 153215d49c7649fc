"""The page: what a physician must see stands at the top, nothing is lost, nothing is run."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from connector.packet.render.handover import write
from connector.packet.render.texts import of_html, sentence
from connector.store.case.casefile import CaseFile
from tests.packet.charts import PATIENT as PERSON
from tests.packet.charts import put, request, run

SUBJECT = {"reference": "Patient/p"}
HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)",
    "<svg onload=alert(1)>", "</td></table></main><h1>", "<style>*{display:none}</style>",
    "data:text/html,<b>", "</title><script>", "' onclick='x", "<!-- ", "]]>", "&lt;b&gt;",
)  # fmt: skip


def page(case: CaseFile, folder: Path, **asked: Any) -> str:
    run(case, request(**asked))
    write(case, "files", folder / "out")
    return (folder / "out" / "packet.html").read_text()


def front(html: str) -> str:
    """What stands before the table of contents, as text."""
    top = html[html.index("<body>") : html.index("<nav")]
    return " ".join(re.sub("<[^>]*>", " ", top).split())


def record(kind: str, id: str, text: str, **more: Any) -> dict[str, Any]:
    subject = "patient" if kind in ("AllergyIntolerance", "Device") else "subject"
    return {"resourceType": kind, "id": id, subject: SUBJECT, "code": {"text": text}, **more}


def note(id: str, words: str, kind: str = "text/plain") -> dict[str, Any]:
    data = base64.b64encode(words.encode()).decode()
    return {
        "resourceType": "DocumentReference", "id": id, "status": "current", "subject": SUBJECT,
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}], "text": "Consult"},
        "date": "2026-11-01T09:00:00Z",
        "content": [{"attachment": {"contentType": kind, "data": data}}],
    }  # fmt: skip


def test_what_counts_stands_on_the_first_page(case: CaseFile, tmp_path: Path) -> None:
    active = {"clinicalStatus": {"coding": [{"code": "active"}]}}
    put(
        case,
        PERSON,
        record("Condition", "c", "Arthrosis", bodySite=[{"text": "LEFT knee"}], **active),
        record("DiagnosticReport", "mri", "MRI left knee", status="amended",
               effectiveDateTime="2026-10-01", conclusion="Complex tear.",
               category=[{"coding": [{"code": "RAD"}]}]),
        record("AllergyIntolerance", "a", "Penicillin",
               verificationStatus={"coding": [{"code": "refuted"}]}),
        {"resourceType": "MedicationStatement", "id": "w", "status": "stopped", "subject": SUBJECT,
         "statusReason": [{"text": "Bleeding"}], "medicationCodeableConcept": {"text": "Warfarin"},
         "effectivePeriod": {"start": "2019-01-01", "end": "2026-11-10"}},
        {"resourceType": "Device", "id": "d", "status": "active", "patient": SUBJECT,
         "type": {"text": "Knee prosthesis"}, "manufacturer": "Acme"},
        note("n", "ALLERGY: anaphylaxis to cefazolin 2019."),
    )  # fmt: skip
    html = page(
        case, tmp_path, condition="Condition/c", hinge=["DiagnosticReport/mri"],
        case_type="orthopaedics", key_question="diagnosis", question="Is it the meniscus?",
        meeting={"start": "2026-12-10T10:00:00-05:00", "mode": "in-person"},
    )  # fmt: skip
    top = front(html)
    for words in (
        "Mia Muster", "woman · 56 · born 3 Feb 1970 · record 4711", "Key question: diagnosis",
        "Is it the meniscus?", "Thu 10 Dec 2026, 10:00 (UTC-05:00) · in person",
        "Arthrosis (LEFT knee)", "Complex tear.", "amended", "Penicillin refuted",
        "Warfarin : until 2026-11-10; stopped because of: Bleeding stopped",
        "Knee prosthesis : Acme", "anaphylaxis to cefazolin 2019", "Needed by",
    ):  # fmt: skip
        assert words in top, words
    for link in re.findall(r'href="#([^"]+)"', html):
        assert f'id="{link}"' in html
    contents = html[html.index("<nav") : html.index("</nav>")]
    assert "Immunizations</a>" not in contents
    assert "Immunizations" in contents


def test_a_reader_finds_the_text_of_a_note_at_its_row(case: CaseFile, tmp_path: Path) -> None:
    put(case, note("n", "<p>Hip &amp; knee<script>x()</script><br>left</p>", "text/html"))
    html = page(case, tmp_path)
    assert '<span class="line note">Hip &amp; knee\nleft</span>' in html
    assert "attachments/001.html.txt" in html


@pytest.mark.parametrize("words", HOSTILE)
def test_whatever_a_record_says_is_text(case: CaseFile, tmp_path: Path, words: str) -> None:
    put(
        case,
        PERSON | {"name": [{"text": words}]},
        record("Condition", "c", words, note=[{"text": words}],
               clinicalStatus={"coding": [{"code": "active"}]}),
        record("Observation", "o", words, status=words, valueString=words,
               effectiveDateTime="2026-11-01"),
        note("n", words), note("h", words, "text/html"),
    )  # fmt: skip
    html = page(
        case, tmp_path, question=words, patient_story=words, condition="Condition/c",
        hinge=["DocumentReference/n"], scope="whole-chart",
    )  # fmt: skip
    allowed = {
        "a", "b", "blockquote", "body", "details", "div", "h1", "h2", "h3", "head", "header",
        "html", "li", "main", "meta", "nav", "ol", "p", "section", "small", "span", "style",
        "summary", "table", "tbody", "td", "th", "thead", "time", "title", "tr", "ul",
    }  # fmt: skip
    tags = re.findall(r"<([a-zA-Z][\w-]*)([^>]*)>", html)
    assert {name for name, _ in tags} <= allowed
    assert html.count("<style>") == html.count("<h1>") == html.count("<title>") == 1
    names = {name for _, inside in tags for name in re.findall(r'([\w-]+)="[^"]*"', inside)}
    assert not {name for name in names if name.startswith("on")}
    assert all(
        link.startswith(("#", "attachments/")) for link in re.findall(r'href="([^"]*)"', html)
    )


def test_words_of_html_and_the_sentence_about_a_word() -> None:
    assert of_html("<head><title>t</title></head><p>a  b</p><td>c</td><style>x</style>") == "a b\nc"
    assert sentence("Plan. ALLERGY: nickel.", ["allerg"]) == "Plan. ALLERGY: nickel."
    assert sentence("No words.", ["allerg"]) == ""
