"""What a folder holds: read under any name and wrapping, and all else told by its place."""

import base64
import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.errors import Held, SourceFailed
from connector.fhir.lossless import encode
from connector.pull import survey
from connector.pull.input.given import Files
from connector.pull.input.not_taken import Untaken
from tests.pull.files.test_source import PATIENT, take
from tests.pull.support import Pulled, condition
from tests.real.charts import Resource

NUMBER = {"system": "urn:x:mrn", "value": "1"}
ANOTHER = {"system": "urn:x:mrn", "value": "2"}
ME = {**PATIENT, "identifier": [NUMBER]}
THEM = {"resourceType": "Patient", "id": "other", "identifier": [ANOTHER]}
C1, C2 = condition("c1"), condition("c2")


def lines(*resources: Any) -> bytes:
    return b"".join(encode(resource) + b"\n" for resource in resources)


def pretty(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()


def wrap(*resources: Resource, kind: str = "collection", **more: Any) -> Resource:
    entry = [{"resource": resource, **more} for resource in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entry}


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def folder(at: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = at / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return at / "files"


def taken(at: Path, files: dict[str, bytes], **patient: str) -> Pulled:
    return take(at / "case", folder(at, files), **(patient or {"id": "pat"}))


def told(pulled: Pulled) -> dict[tuple[str, str], str]:
    return {(gap.what, gap.kind): gap.why for gap in pulled.gaps}


ALL = (ME, C1, C2)
READ: dict[str, dict[str, bytes]] = {
    "NDJSON under .json": {"x.json": lines(*ALL)},
    "NDJSON without a name's end": {"Condition": lines(C1, C2), "p": lines(ME)},
    "NDJSON under .txt, with marks": {
        "x.txt": b"\xef\xbb\xbf" + lines(*ALL).replace(b"\n", b"\r\n")
    },
    "an array": {"x.json": pretty(ALL)},
    "a Bundle a line": {"x.ndjson": lines(wrap(ME, C1), wrap(C2))},
    "a pretty Bundle under .ndjson": {"x.ndjson": pretty(wrap(*ALL))},
    "a Bundle in Parameters": {
        "x.json": pretty(
            {
                "resourceType": "Parameters",
                "parameter": [
                    {"name": "return", "resource": wrap(ME)},
                    {"name": "p", "part": [{"name": "q", "resource": wrap(C1, C2)}]},
                ],
            }
        )
    },
    "answers of a batch": {
        "x.json": pretty(
            wrap(ME, wrap(C1), wrap(C2), kind="batch-response", response={"status": "200 OK"})
        )
    },
    "entries without their Bundle": {"x.json": pretty([{"resource": r} for r in ALL])},
    "a zip": {"x.zip": zipped({"a/x.json": pretty(wrap(ME, C1)), "b.ndjson": lines(C2)})},
    "gzip in a zip": {"x.zip": zipped({"x.gz": gzip.compress(lines(*ALL))})},
    "what an export leaves": {
        "Patient.ndjson": lines(ME),
        "Condition.ndjson.gz": gzip.compress(lines(C1, C2)),
        "empty.ndjson": b"",
        "log.ndjson": lines({"eventId": "kickoff"}, {"eventId": "export_complete"}),
        "manifest.json": pretty({"transactionTime": "2026-01-01T00:00:00Z", "output": []}),
        "parameters.json": pretty({"resourceType": "Parameters", "parameter": [{"name": "_type"}]}),
        ".metadata": b"{",
        ".git/x.json": b"[",
        "error/OperationOutcome.ndjson": lines(
            {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
        ),
    },
}


@pytest.mark.parametrize("kind", READ)
def test_it_is_read_whatever_it_is_called_and_wrapped_in(tmp_path: Path, kind: str) -> None:
    pulled = taken(tmp_path, READ[kind])
    assert pulled.records.keys() == {"Patient/pat", "Condition/c1", "Condition/c2"}
    assert pulled.gaps == []
    assert json.loads(pulled.bodies["Condition/c1"]) == C1


FATAL = {"resourceType": "OperationOutcome", "id": "e", "issue": [{"severity": "fatal"}]}
SKIPPED = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "warning", "code": "incomplete"}],
}
ORDER = {"resourceType": "MedicationOrder", "id": "m", "patient": {"reference": "Patient/pat"}}
STU3 = {**condition("s"), "clinicalStatus": "active"}
NAMELESS = {k: v for k, v in C1.items() if k != "id"}
DEEP = b'{"resourceType":"Condition","id":"d","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
TOLD: dict[str, tuple[bytes, tuple[str, str], str]] = {
    "an error of the export": (
        lines(FATAL),
        ("files", "failed"),
        "results are missing (no code) (1): x",
    ),
    "a warning that means loss": (
        lines(SKIPPED),
        ("files", "failed"),
        "missing (incomplete) (1): x",
    ),
    "an error in the log": (
        lines({"eventId": "download_error"}),
        ("files", "failed"),
        "the log of an export tells an error",
    ),
    "a failed part of an answer": (
        pretty({"resourceType": "Bundle", "entry": [{"response": {"status": "404 x"}}]}),
        ("files", "failed"),
        "failed (HTTP 404) (1): x (entry 1)",
    ),
    "an older type": (
        lines(C2, ORDER, ORDER | {"id": "n"}),
        ("MedicationRequest", "refused"),
        "MedicationOrder is a type of another FHIR release, not of R4 (2): x (line 2-3)",
    ),
    "an older shape": (
        pretty([STU3]),
        ("Condition", "refused"),
        "Condition.clinicalStatus is not as R4 has it (1): x (element 1)",
    ),
    "no type at all": (
        pretty({"resourceType": "Soup", "id": "1"}),
        ("files", "refused"),
        "of a type that FHIR R4 does not know (1): x",
    ),
    "no id": (
        pretty(wrap(C2, NAMELESS)),
        ("Condition", "failed"),
        "without an id, and no fullUrl that tells one (1): x (entry 2)",
    ),
    "an envelope": (
        pretty({"providers": [{"fhir": {"Condition": [C1]}}]}),
        ("files", "refused"),
        "unknown sort that holds resources",
    ),
    "other JSON": (
        pretty({"theme": "dark"}),
        ("files", "not-asked"),
        "JSON of an unknown sort, without",
    ),
    "an empty entry": (
        pretty({"resourceType": "Bundle", "entry": [{}]}),
        ("files", "failed"),
        "without a resource (1): x (entry 1)",
    ),
    "UTF-16": (json.dumps(C1).encode("utf-16"), ("files", "refused"), "UTF-16"),
    "UTF-16 without a mark": (json.dumps(C1).encode("utf-16-le"), ("files", "refused"), "UTF-16"),
    "a PDF": (b"%PDF-1.7 ...", ("files", "not-asked"), "a PDF document, not FHIR (1): x"),
    "bytes": (bytes(range(256)), ("files", "not-asked"), "not text"),
    "words": (b"Dear colleague", ("files", "not-asked"), "no JSON"),
    "XML": (b"\xef\xbb\xbf<Bundle xmlns='http://hl7.org/fhir'/>", ("files", "refused"), "XML"),
    "brackets": (b"[" * 100_000, ("files", "failed"), "not JSON that can be read (1): x"),
    "a nested record": (
        lines(C2) + DEEP + b"\n",
        ("files", "failed"),
        "not JSON that can be read (1): x (line 2)",
    ),
    "Bundles in Bundles": (
        b'{"resourceType":"Bundle","entry":[{"resource":' * 30 + b"{}" + b"}]}" * 30,
        ("files", "failed"),
        "nested in more than",
    ),
    "7z": (b"7z\xbc\xaf\x27\x1c", ("files", "refused"), "unpack it"),
    "a zip in a zip": (
        zipped({"i.zip": zipped({"a": b"{}"})}),
        ("files", "refused"),
        "a zip inside a zip: unpack it (1): x: i.zip",
    ),
    "an office document": (
        zipped({"[Content_Types].xml": b"", "word/document.xml": b"<w/>"}),
        ("files", "not-asked"),
        "office",
    ),
    "a cut zip": (zipped({"a.json": b"{}"})[:40], ("files", "failed"), "to its end"),
    "a bomb": (
        gzip.compress(b" " * 50_000_000),
        ("files", "failed"),
        "unpacks to more than 200 times",
    ),
    "a bomb in a zip": (
        zipped({"b": b"{" + b" " * 50_000_000}),
        ("files", "failed"),
        "unpacks to more than",
    ),
    "a bomb of lines": (gzip.compress(b"\n" * 50_000_000), ("files", "failed"), "to its end"),
    "no base64": (
        lines(
            {
                "resourceType": "DocumentReference",
                "id": "d",
                "subject": {"reference": "Patient/pat"},
                "content": [{"attachment": {"data": "caf\u00e9!"}}],
            }
        ),
        ("attachment (1 in DocumentReference)", "failed"),
        "no base64",
    ),
}


@pytest.mark.parametrize("kind", TOLD)
def test_what_is_not_taken_is_told_in_its_meaning_and_by_its_place(
    tmp_path: Path, kind: str
) -> None:
    content, gap, words = TOLD[kind]
    for _ in range(2):  # and told again by every run
        pulled = taken(tmp_path, {"p.json": lines(ME), "x": content})
        assert gap in told(pulled), pulled.gaps
        assert words in told(pulled)[gap]
        assert len(pulled.gaps) == 1


def test_many_of_one_sort_are_one_gap_with_ranges_and_counts(tmp_path: Path) -> None:
    bad = b'{"resourceType": "Condition", "id"\n'
    files = {f"{n:02}.ndjson": lines(C1) + bad * 3 + lines(C1) + bad for n in range(12)}
    files |= {"p.json": lines(ME), "z.ndjson": (lines(C1) + bad) * 9}
    why = told(taken(tmp_path, files))["files", "failed"]
    assert why.startswith("not JSON that can be read (57): 00.ndjson (line 2-4, 6), 01.ndjson (")
    assert why.endswith("and 3 more files")
    assert len(why) < 1000


def test_names_of_files_are_shown_without_what_moves_a_cursor(tmp_path: Path) -> None:
    pulled = taken(tmp_path, {"p.json": lines(ME), "a\x1b[2J\n\u202eb": b"%PDF"})
    assert told(pulled)["files", "not-asked"].endswith("(1): a\ufffd[2J\ufffd\ufffdb")


def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path) -> None:
    files = folder(tmp_path, {"p.json": lines(ME), "elsewhere/x.json": lines(C1)})
    os.mkfifo(files / "pipe.json")
    (files / "linked").symlink_to(files / "elsewhere")
    why = told(take(tmp_path / "case", files, id="pat"))["files", "failed"]
    assert "pipe.json" in why
    assert "a link to a folder: not followed (1): linked" in why
    with pytest.raises(SourceFailed, match="not there"):
        take(tmp_path / "other", files / "pipe.json", id="pat")


def test_ids_come_from_what_the_bundle_calls_its_entries(tmp_path: Path) -> None:
    base = "https://s.example.org/fhir"
    urls = [f"{base}/Condition/one", f"{base}/Condition/two/_history/3", "urn:uuid:three"]
    others = ["urn:oid:1.2.3", f"{base}/Observation/four", ""]
    entry = [{"fullUrl": f"{base}/Patient/pat", "resource": ME}]
    entry += [{"fullUrl": url, "resource": NAMELESS} for url in (*urls, *others)]
    pulled = taken(tmp_path, {"x.json": encode({"resourceType": "Bundle", "entry": entry})})
    assert {n for n in pulled.records if "Condition" in n} == {
        "Condition/one",
        "Condition/two",
        "Condition/three",
    }
    assert told(pulled)["Condition", "failed"].endswith("(3): x.json (entry 5-7)")


def test_a_document_of_another_person_is_told_whatever_its_form(tmp_path: Path) -> None:
    me = ME | {"name": [{"family": "Tester", "given": ["Ann"]}], "birthDate": "1980-05-06"}
    pid = b"MSH|^~\\&|L|H|X|Y|2026||ORU^R01|1|P|2.5\rPID|1||9||%s||%s|F\r"
    theirs, mine = pid % (b"Other^Bob", b"19500101"), pid % (b"TESTER^ANN", b"19800506")

    def note(id_: str, attachment: Resource) -> Resource:
        subject = {"reference": "Patient/pat"}
        content = [{"attachment": attachment}]
        kind = {"resourceType": "DocumentReference", "id": id_, "status": "current"}
        return kind | {"subject": subject, "content": content}

    def data(message: bytes) -> str:
        return base64.b64encode(message).decode()

    binary = {"resourceType": "Binary", "id": "b", "contentType": "x-application/hl7-v2+er7"}
    bundle = wrap(
        me, binary | {"data": data(theirs)}, note("kept-apart", {"url": "Binary/b"}),
        note("theirs", {"data": data(theirs)}), note("mine", {"data": data(mine)}),
    )  # fmt: skip
    pulled = taken(tmp_path, {"a.json": encode(bundle)})
    assert pulled.records.keys() >= {"DocumentReference/mine", "DocumentReference/kept-apart"}
    assert "DocumentReference/theirs" not in pulled.records
    assert "of another" in pulled.gap("attachment (1 of DocumentReference)").why
    assert "DocumentReference/theirs content.attachment" in pulled.gap("DocumentReference").why
    assert pulled.attachments["Binary/b"][1] is None


def test_a_label_of_a_bundle_is_one_of_every_record_in_it(tmp_path: Path) -> None:
    label, other = {"code": "SUD"}, {"code": "HIV"}
    inner = wrap(NAMELESS | {"id": "in"}) | {"meta": {"security": [other]}}
    outer = wrap(NAMELESS | {"id": "out"}, inner) | {"meta": {"security": [label]}}
    bare = wrap(ME, NAMELESS | {"id": "bare"})
    pulled = taken(tmp_path, {"a.json": encode(outer), "b.json": encode(bare)})
    security = {
        key: record.get("meta", {}).get("security")
        for key, record in pulled.records.items()
        if key.startswith("Condition/")
    }
    assert security == {
        "Condition/out": [label], "Condition/in": [other, label], "Condition/bare": None
    }  # fmt: skip


def history(*versions: tuple[str, str | None]) -> bytes:
    """A history of Condition/c1, newest first: `code` (empty: a deletion) and its time."""
    entry: list[dict[str, Any]] = []
    for text, when in versions:
        said = {"status": "200", **({"lastModified": when} if when else {})}
        request = {"method": "PUT" if text else "DELETE", "url": "Condition/c1"}
        body = {"resource": condition("c1", code={"text": text})} if text else {}
        entry.append({**body, "request": request, "response": said})
    return encode({"resourceType": "Bundle", "type": "history", "entry": entry})


EARLY, LATE = "2026-01-01T12:00:00+02:00", "2026-01-01T11:00:00Z"


@pytest.mark.parametrize(
    ("versions", "left"),
    [
        ([("", None), ("a", None)], None),
        ([("b", None), ("", None), ("a", None)], "b"),
        ([("b", None), ("a", None)], "b"),
        ([("a", EARLY), ("", LATE)], None),  # by time, whatever the order
        ([("", EARLY), ("a", LATE)], "a"),
    ],
)
def test_of_a_history_the_latest_version_counts_and_a_deletion_is_one(
    tmp_path: Path, versions: list[tuple[str, str | None]], left: str | None
) -> None:
    pulled = taken(tmp_path, {"h.json": history(*versions), "p.json": lines(ME)})
    found = pulled.records.get("Condition/c1")
    assert (found and found["code"]["text"]) == left
    assert pulled.gaps == []


def test_a_deletion_in_another_file_wins_unless_the_record_is_known_to_be_later(
    tmp_path: Path,
) -> None:
    later = condition("c1", meta={"lastUpdated": LATE})
    for number, (record, kept) in enumerate(((C1, False), (later, True))):
        files = {"a.json": lines(ME, record), "z.json": history(("", EARLY))}
        pulled = taken(tmp_path / str(number), files)
        assert ("Condition/c1" in pulled.records) is kept
    gone = encode({"request": {"method": "DELETE", "url": "Patient/pat"}})
    deleted = {"a.json": lines(ME), "z.json": b'{"resourceType":"Bundle","entry":[' + gone + b"]}"}
    with pytest.raises(Held, match="deleted"):
        taken(tmp_path / "gone", deleted)


def subject(id_: str, **reference: Any) -> Resource:
    return {**condition(id_), "subject": reference}


def test_records_are_the_patients_where_they_say_so(tmp_path: Path) -> None:
    entry = [
        {"fullUrl": "https://s.example.org/fhir/Patient/pat", "resource": ME},
        {"fullUrl": "urn:uuid:0c7f4a52-0000-4000-8000-000000000002", "resource": THEM},
        {"fullUrl": "urn:uuid:e", "resource": {
            "resourceType": "Encounter", "id": "e", "subject": {"reference": "Patient/other"}}},
        {"resource": subject("own-number", identifier=NUMBER)},
        {"resource": subject("own-url", reference="https://s.example.org/fhir/Patient/pat")},
        {"resource": subject("their-number", identifier=ANOTHER)},
        {"resource": subject("their-urn",
                             reference="urn:uuid:0c7f4a52-0000-4000-8000-000000000002")},
        {"resource": subject("their-url", reference="https://s.example.org/fhir/Patient/other")},
        {"resource": subject("elsewhere", reference="https://x.example.org/fhir/Patient/pat")},
        {"resource": subject("nobody-known", reference="urn:uuid:7")},
        {"resource": {**C1, "encounter": {"reference": "Encounter/e"}}},
        {"resource": {**C2, "encounter": {"reference": "urn:uuid:e"}}},
        {"resource": {"resourceType": "Condition", "id": "says-nothing"}},
        {"resource": {"resourceType": "Device", "id": "pump"}},
        {"resource": {"resourceType": "Appointment", "id": "both", "participant": [
            {"actor": {"reference": "Patient/pat"}}, {"actor": {"reference": "Patient/other"}}]}},
    ]  # fmt: skip
    files = {"b.json": encode({"resourceType": "Bundle", "entry": entry})}
    pulled = taken(tmp_path, files)
    assert pulled.records.keys() == {"Patient/pat", "Condition/own-number", "Condition/own-url"}
    why = told(pulled)
    assert "does not tell whose it is" in why["Condition", "failed"]
    assert "(2): b.json (entry 9-10)" in why["Condition", "failed"]
    assert "encounter of another patient (2): b.json (entry 11-12)" in why["Condition", "failed"]
    assert "hold several: not taken (1): b.json (entry 13)" in why["Condition", "failed"]
    assert why["Device", "not-asked"].endswith("(1): b.json (entry 14)")
    assert "another person beside the patient" in why["Appointment", "refused"]
    assert len(why) == 3


def test_what_names_nobody_is_taken_from_files_of_one_person_and_told(tmp_path: Path) -> None:
    silent: list[Resource] = [
        {"resourceType": "DocumentReference", "id": "d"},
        {"resourceType": "Device", "id": "v"},
        {"resourceType": "Condition", "id": "c"},
    ]
    pulled = taken(tmp_path / "one", {"x": lines(ME, *silent)})
    assert {"DocumentReference/d", "Device/v", "Condition/c"} <= pulled.records.keys()
    assert {kind for _, kind in told(pulled)} == {"not-asked"}
    assert told(pulled)["Condition", "not-asked"].endswith("one person only (1): x (line 4)")
    stranger = condition("s", patient="nobody-here")  # so the files are not of one person
    pulled = taken(tmp_path / "two", {"x": lines(ME, *silent, stranger)})
    assert pulled.records.keys() == {"Patient/pat"}
    assert "not among the files (1): x (line 5)" in told(pulled)["Condition", "not-asked"]
    assert "not taken" in told(pulled)["Condition", "failed"]


@pytest.mark.parametrize("element", ["name", "birthDate", "gender", "identifier", "address"])
@pytest.mark.parametrize("value", [[["a"]], {"a": 1}, 7, "x", [None], [{"family": ["A"]}]])
def test_a_patient_of_wrong_shapes_is_told_and_breaks_nothing(
    tmp_path: Path, element: str, value: Any
) -> None:
    try:
        pulled = taken(tmp_path, {"x": lines({**PATIENT, element: value}, C1)})
    except Held:
        return
    assert "Condition/c1" in pulled.records
    fits = isinstance(value, list) == (element in ("name", "identifier", "address"))
    assert fits or ("Patient", "failed") in told(pulled)


def test_no_patient_says_what_there_is_instead_without_names_of_files(tmp_path: Path) -> None:
    nameless = {k: v for k, v in ME.items() if k != "id"}
    files = folder(tmp_path, {"Jane-Doe.json": pretty(wrap(nameless, NAMELESS))})
    with pytest.raises(SourceFailed, match=r"no patient; without an id.* \(2\)") as failed:
        take(tmp_path / "case", files, identifier="urn:x:mrn|1")
    assert "Jane" not in f"{failed.value}{failed.value.what_to_do}"
    assert "without an id" in str(dict(survey(files, 1000).problems))


_NAMES = """
resourceType id entry resource parameter part type request response method url status fullUrl meta
subject issue eventId lastModified
"""
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["Bundle", "Parameters", "Condition", "Patient", "DELETE", "Condition/c"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            _NAMES.split()
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    values=st.lists(_JSON, min_size=1, max_size=3), cut=st.integers(0, 400), indent=st.booleans()
)
def test_any_json_is_records_or_told(
    tmp_path: Path, values: list[Any], cut: int, indent: bool
) -> None:
    style: Callable[[Any], bytes] = pretty if indent else lambda value: lines(*value)
    data = style(values)
    (tmp_path / "x").write_bytes(data[: cut or None])
    for part in Files(tmp_path / "x", 1_000_000).all():
        assert isinstance(part, Untaken) or (part.type or isinstance(part.type, type(None)))


@pytest.mark.parametrize("id_", ["", " ", "a b", "a/b", "x" * 256, "é", 7, None, {}])
def test_an_id_that_is_none_is_a_gap(tmp_path: Path, id_: Any) -> None:
    pulled = taken(tmp_path, {"x": lines(ME, {**condition("c"), "id": id_})})
    assert pulled.records.keys() == {"Patient/pat"}
    assert "nothing that can be an id (1): x (line 2)" in told(pulled)["Condition", "failed"]


def test_an_encounter_of_another_named_by_an_identifier_alone(tmp_path: Path) -> None:
    number = {"system": "urn:v", "value": "77"}
    visit = {"resourceType": "Encounter", "id": "e", "identifier": [number],
             "subject": {"reference": "Patient/other"}}  # fmt: skip
    there = condition("c", encounter={"identifier": number})
    pulled = taken(tmp_path, {"x": lines(ME, visit, there)})
    assert pulled.records.keys() == {"Patient/pat"}
    assert "encounter of another patient" in told(pulled)["Condition", "failed"]
