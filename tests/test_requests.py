"""Request files: read as written, and a wrong one is named by file, line and field."""

import json
import traceback
from pathlib import Path

import pytest
from pydantic import ValidationError

from connector.errors import UsageError
from connector.request import PatientChoice
from connector.work.requests import read_request

CANARY = "Zanzibar-8812"
SMALLEST = """\
request_id: r-1
patient:
  id: 007
key_question: treatment
question: Is surgery the best next step?
needed_by: 2026-12-01
source: home
destination: away
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def written(folder: Path, text: str | bytes, name: str = "request.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path) -> str:
    """What is said of a wrong file, without its folder; never anything of its content."""
    with pytest.raises(UsageError) as caught:
        read_request(path)
    assert caught.value.what_to_do
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return str(caught.value).replace(f"{path.parent}/", "")


def test_the_smallest_request_is_read_as_written(folder: Path) -> None:
    request = read_request(written(folder, SMALLEST))
    assert request.patient.id == "007"
    assert request.needed_by == "2026-12-01"


@pytest.mark.parametrize(
    "value",
    [
        "NO",
        "yes",
        "off",
        "007",
        "1e3",
        "1_000",
        "0x1F",
        "2026-12-01",
        "12:30:45",
        ".inf",
        "1.50",
        "=",
        "<<",
        "12|3",
    ],
)
def test_text_stays_text(folder: Path, value: str) -> None:
    request = read_request(written(folder, SMALLEST + f"patient_story: {value}\n"))
    assert request.patient_story == value


def test_true_false_and_null_are_what_they_say(folder: Path) -> None:
    text = SMALLEST + "destination_patient: {create: true}\npatient_story: null\n"
    request = read_request(written(folder, text))
    assert request.destination_patient is not None
    assert request.destination_patient.create is True
    assert request.patient_story is None


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_is_read_too(folder: Path, indent: int | str | None, ascii_only: bool) -> None:
    value = {
        "request_id": "r-1",
        "patient": {"identifier": "http://mrn.example.org|1/2"},
        "key_question": "treatment",
        "question": 'Größer als \U0001f600 "so"\n\tund so?',
        "needed_by": "2026-12-01",
        "source": "home",
        "destination": "away",
        "also": ["diagnosis"],
    }
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).replace("/", "\\/")
    request = read_request(written(folder, text, "request.json"))
    assert request.question == value["question"]
    assert request.patient.identifier == "http://mrn.example.org|1/2"
    assert request.also == ("diagnosis",)


@pytest.mark.parametrize("prefix", ["\ufeff", "# a comment\n", "---\n"])
def test_what_editors_put_before_it(folder: Path, prefix: str) -> None:
    assert read_request(written(folder, prefix + SMALLEST)).request_id == "r-1"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("request_id: r-1\n", "", "line 1: request_id: required, but not there"),
        ("source: home", "sorce: home", "line 7: sorce: unknown field"),
        ("source: home", "sorce: home", "line 1: source: required, but not there"),
        ("  id: 007", "  idd: 007", "line 3: patient.idd: unknown field"),
        ("  id: 007", f"  identifier: {CANARY}",
         "line 3: patient.identifier: expected system|value"),
        ("patient:\n  id: 007", "patient: {}",
         "line 2: patient: expected exactly one of id and identifier"),
        ("treatment", CANARY,
         "line 4: key_question: expected 'diagnosis', 'treatment' or 'prognosis'"),
        ("2026-12-01", CANARY,
         "line 6: needed_by: expected a date, or date and time with seconds and offset"),
        ("2026-12-01", "2026-12-01T10:00:00+23:59",
         "line 6: needed_by: expected a date, or date and time with seconds and offset"),
        ("2026-12-01", "9999-12-31", "line 6: needed_by: expected a year from 1900 to 2999"),
        ("2026-12-01", "0001-01-01", "line 6: needed_by: expected a year from 1900 to 2999"),
        ("needed_by: 2026-12-01", "meeting: {start: 9999-12-31T10:00:00Z}",
         "line 6: meeting.start: expected a year from 1900 to 2999"),
        ("question: Is surgery the best next step?", "question: ' \u200b'",
         "line 5: question: expected text, not blanks alone"),
        ("source: home", "source: home\nhinge: Observation/1", "line 8: hinge: expected a list"),
        ("source: home", "source: home\nsurgery: perhaps",
         "line 8: surgery: expected true or false"),
        ("source: home", "source: home\nmeeting: 2099-01-01T10:00:00Z",
         "line 8: meeting: expected fields, each with a value"),
        ("question: Is", "question: true #", "line 5: question: expected text"),
        ("source: home", "source: home\nsource: home", "line 8: source: written twice"),
        ("  id: 007", "  id: 007\n  id: 008", "line 4: id: written twice"),
        ("source: home", "source: home\nalso:\n- diagnosis\n- cure",
         "line 10: also.1: expected 'diagnosis', 'treatment' or 'prognosis'"),
        ("source: home", "true: home", "line 7: the name of a field is not text"),
        ("source: home", "? [source]\n: home", "line 7: the name of a field is not text"),
        ("source: home", f"source: !!int {CANARY}",
         "line 7: a type mark (!) that has no meaning here"),
        ("source: home", f"source: !!python/name:{CANARY} ''",
         "line 7: a type mark (!) that has no meaning here"),
        ("source: home", f"source: *{CANARY}",
         "line 7: not YAML (& and * have a meaning of their own: put quotes)"),
        ("source: home", f"source: &{CANARY} home",
         "line 7: not YAML (& and * have a meaning of their own: put quotes)"),
        ("source: home", f"source: {CANARY}\x07", "line 7: a control character"),
        ("source: home", 'source: "\\ud83d"', "line 7: not YAML (half of a surrogate pair)"),
        ("source: home", "source: {home", "line 8: not YAML"),
        ("source: home", f"source: [{CANARY}: {CANARY}: x]", "line 7: not YAML"),
        ("needed_by: 2026-12-01\n", "", "line 1: the file: expected needed_by or meeting"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(folder: Path, old: str, new: str, said: str) -> None:
    assert old in SMALLEST
    told = refusal(written(folder, SMALLEST.replace(old, new)))
    assert any(line.startswith(f"request.yaml, {said}") for line in told.splitlines()), told


def test_every_wrong_field_is_named_at_once(folder: Path) -> None:
    text = SMALLEST.replace("treatment", "cure").replace("source: home\n", "")
    assert len(refusal(written(folder, text)).splitlines()) == 2


def test_aliases_cannot_blow_a_file_up(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "put quotes" in refusal(written(folder, "\n".join(lines)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "request.yaml: the file is empty"),
        (b"# nothing\n", "request.yaml: the file is empty"),
        (SMALLEST.encode("utf-16"), "request.yaml: not UTF-8 text"),
        (b"- a\n- b\n", "request.yaml, line 1: the file: "),
        (b"just text\n", "request.yaml, line 1: the file: "),
        (SMALLEST.encode() * 2, "request.yaml, line 9: request_id: written twice"),
        (SMALLEST.encode() + b"---\n" + SMALLEST.encode(), "request.yaml, line 9: not YAML"),
        (b"[" * 65 + b"]" * 65, "request.yaml, line 1: values within values, more than 64 deep"),
        (b"[" * 100_000, "request.yaml, line 1: values within values, more than 64 deep"),
        (b"{a: " * 100_000, "request.yaml, line 1: values within values, more than 64 deep"),
        (b"- " * 100_000, "request.yaml, line 1: values within values, more than 64 deep"),
        (b"!x [ &a [ " * 50_000, "request.yaml, line 1: values within values, more than 64 deep"),
        (b"[" * 5_000_000, "request.yaml: larger than 4000000 bytes"),
        (b"a: &a [1]\nb: [*a, *a]\n", "request.yaml, line 1: not YAML (& and * have a meaning"),
        (SMALLEST.encode("utf-16"), "request.yaml: not UTF-8 text but UTF-16"),
    ],
)
def test_a_file_that_is_no_request(folder: Path, content: bytes, said: str) -> None:
    assert refusal(written(folder, content)).startswith(said)


def test_a_file_that_is_not_there(folder: Path) -> None:
    assert refusal(folder / "missing.yaml") == "missing.yaml: No such file or directory"
    assert refusal(folder).endswith("Is a directory")


def test_the_signed_document_is_beside_the_request(folder: Path) -> None:
    basis = "basis: {kind: patient-authorization, document: signed/consent.pdf}\n"
    request = read_request(written(folder, SMALLEST + basis))
    assert request.basis.document == (folder / "signed" / "consent.pdf").resolve()


@pytest.mark.parametrize("code", [0x0, 0x8, 0xB, 0x1B, 0x7F, 0x85, 0x9B, 0x202E, 0x2066, 0xFFFE])
def test_a_character_that_no_order_can_hold_is_named_and_not_repeated(
    folder: Path, code: int
) -> None:
    """Word writes U+000B for a line break: the order would be no XML."""
    escaped = f"\\u{code:04x}"
    for field, text in (
        ("question", f'"Operate{escaped}or wait?"'),
        ("patient_story", f'"Since May{escaped}"'),
        ("requester", f'{{"practitioner": {{"family": "Roe{escaped}"}}}}'),
        ("opt_in_notes", f'["a{escaped}"]'),
    ):
        values = f'{{"request_id": "r", "patient": {{"id": "1"}}, "{field}": {text}}}'
        said = refusal(written(folder, values.encode()))
        assert f": a control character (U+{code:04X})" in said
        assert chr(code) not in said


@pytest.mark.parametrize(
    ("written_as", "known_as"),
    [("Patient/12", "12"), ("12", "12"), (" Patient/a.B-9 ", "a.B-9")],
)
def test_a_patient_may_be_named_as_a_reference(written_as: str, known_as: str) -> None:
    assert PatientChoice(id=written_as).id == known_as


@pytest.mark.parametrize(
    ("written_as", "said"),
    [
        ("REPLACE-ME", "still the placeholder"),
        ("Patient/REPLACE-ME", "still the placeholder"),
        ("https://ehr.example.org/fhir/Patient/1", "the id alone"),
        ("Patient/", "the id alone"),
        ("1 2", "the id alone"),
        ("urn:x|1", "the id alone"),
    ],
)
def test_what_is_no_id_of_a_patient_is_told(written_as: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        PatientChoice(id=written_as)
