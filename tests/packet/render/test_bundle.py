"""The packet as a Bundle: R4 bdl-*, one test a rule; and the files that a patient carries."""

import base64
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest

from connector.errors import UsageError
from connector.fhir import systems
from connector.packet import Shape, write
from connector.packet.render.bundle import Kind, render
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import AS_OF, DESTINATION, PATIENT, put, request, run

SUBJECT = {"reference": "Patient/p"}
REACHED = {
    "requester": {"organization": {"name": "Home"}, "telecom": {"phone": "1"}},
    "performer": {"organization": {"name": "Clinic"}, "telecom": {"phone": "2"}},
}
NOTE = {
    "resourceType": "DocumentReference",
    "id": "n",
    "status": "current",
    "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}], "text": "A <note>"},
    "subject": SUBJECT,
    "date": "2026-11-01T08:00:00Z",
    "content": [
        {"attachment": {"contentType": "text/plain; charset=utf-8", "data": "SGVsbG8="}},
        {"attachment": {"contentType": "x/y", "data": "AAAA"}},
    ],
}
ALLERGY = {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT}


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    case = CaseFile.open(tmp_path / "case")
    put(case, PATIENT, NOTE, ALLERGY)
    run(
        case,
        request(**REACHED),
        destination=DESTINATION.model_copy(update={"owner": "Organization/1"}),
    )
    return case


def bundle(case: CaseFile, kind: Kind) -> Any:
    return json.loads(b"".join(render(case, kind)))


@pytest.fixture(params=get_args(Kind))
def made(request: pytest.FixtureRequest, case: CaseFile) -> Any:
    return bundle(case, request.param)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def first(made: Any) -> Any:
    return made["entry"][0]["resource"]


def by_type(made: Any, name: str) -> Any:
    return next(e["resource"] for e in made["entry"] if e["resource"]["resourceType"] == name)


def test_only_a_transaction_has_requests_and_all_of_its_entries_have(made: Any) -> None:
    """bdl-3, bdl-4."""
    assert {"request" in e for e in made["entry"]} == {made["type"] == "transaction"}
    assert not any("response" in e or "search" in e for e in made["entry"])


def test_full_urls_are_there_once_and_of_no_version(made: Any) -> None:
    """bdl-7, bdl-8; fullUrl and id agree (R4 bundle.html#bundle-unique)."""
    urls = [e["fullUrl"] for e in made["entry"]]
    assert len(set(urls)) == len(urls)
    assert urls == [f"urn:uuid:{e['resource']['id']}" for e in made["entry"]]


def test_it_is_identified_dated_and_labelled(made: Any) -> None:
    """bdl-9, bdl-10; DS4P: the high-water mark on the Bundle."""
    assert made["identifier"] == {"system": systems.URI, "value": f"urn:uuid:{made['id']}"}
    assert made["timestamp"] == AS_OF
    assert [label["code"] for label in made["meta"]["security"]] == ["N", "HTEST"]


def test_each_kind_begins_as_it_must(case: CaseFile) -> None:
    """bdl-11, bdl-12; BSeR: the message's focus is the Task, whose focus is the order."""
    assert first(bundle(case, "document"))["resourceType"] == "Composition"
    message = bundle(case, "message")
    head = first(message)
    assert head["resourceType"] == "MessageHeader"
    assert head["eventCoding"]["code"] == "I12"
    task, order = (e["resource"] for e in message["entry"][1:3])
    assert head["focus"] == [{"reference": f"urn:uuid:{task['id']}"}]
    assert task["focus"] == {"reference": f"urn:uuid:{order['id']}"}


def test_every_reference_leads_somewhere_in_the_bundle_or_is_logical(made: Any) -> None:
    urls = {e["fullUrl"] for e in made["entry"]}
    for entry in made["entry"]:
        inside = {f"#{c['id']}" for c in entry["resource"].get("contained", [])}
        assert set(references(entry["resource"])) <= urls | inside
    owner = by_type(made, "Task")["owner"]
    assert owner == {"display": "Clinic"}  # theirs: no entry, and not known by a URL


def test_it_is_announced_since_nothing_comes_after_it(made: Any, case: CaseFile) -> None:
    assert by_type(made, "ServiceRequest")["status"] == "active"
    assert by_type(made, "Task")["status"] == "requested"
    assert packet.authored(case, "Task") is not None
    assert b'"draft"' in packet.authored(case, "Task").body  # type: ignore[union-attr]


def test_every_kind_holds_the_same_records(case: CaseFile) -> None:
    held = {
        kind: sorted(e["fullUrl"] for e in bundle(case, kind)["entry"]) for kind in get_args(Kind)
    }
    assert held["document"] == held["transaction"]
    assert len(set(held["message"]) - set(held["document"])) == 1
    assert set(held["document"]) == {
        f"urn:uuid:{new_id}" for (new_id,) in case.rows("SELECT id FROM entry")
    }


def test_a_transaction_sent_twice_makes_each_record_once(case: CaseFile) -> None:
    for entry in bundle(case, "transaction")["entry"]:
        body = entry["resource"]
        assert entry["request"] == {
            "method": "POST",
            "url": body["resourceType"],
            "ifNoneExist": f"_tag={systems.TAG}|{body['id']}",
        }
        assert {"system": systems.TAG, "code": body["id"]} in body["meta"]["tag"]


def test_carried_bytes_are_in_it_as_they_are(case: CaseFile) -> None:
    put(
        case,
        b'{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},'
        b'"subject":{"reference":"Patient/p"},"valueQuantity":{"value":1.50}}',
    )
    run(case, request(scope="whole-chart"))
    assert b'"value":1.50}' in b"".join(render(case, "document"))


def test_other_content_or_shape_is_another_bundle_and_message(case: CaseFile) -> None:
    before = {kind: bundle(case, kind) for kind in get_args(Kind)}
    assert len({made["id"] for made in before.values()}) == 3
    run(case, request(**REACHED, patient_story="More."))
    assert bundle(case, "document")["id"] != before["document"]["id"]
    assert first(bundle(case, "message"))["id"] != first(before["message"])["id"]


@pytest.mark.parametrize("missing", ["requester", "performer"])
def test_a_message_needs_somebody_to_reach_at_both_ends(case: CaseFile, missing: str) -> None:
    run(case, request(**{k: v for k, v in REACHED.items() if k != missing}))
    with pytest.raises(UsageError, match="with a way to reach each"):
        bundle(case, "message")
    assert bundle(case, "document")


class Reader(HTMLParser):
    """What a browser would find: tags, links, text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        assert not [name for name in found if name.startswith("on")]
        self.links += [str(found[n]) for n in ("href", "src") if n in found]
        self.ids += [str(found["id"])] if "id" in found else []

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text())
    return reader


def test_the_files_are_for_a_reader_a_program_and_the_patient(
    case: CaseFile, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write(case, "files", out)
    names = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert names == [
        "README.txt", "attachments/001.txt", "attachments/002.bin", "bundle.json", "packet.html",
    ]  # fmt: skip
    assert (out / "attachments/001.txt").read_bytes() == base64.b64decode("SGVsbG8=")
    assert (out / "bundle.json").read_bytes() == b"".join(render(case, "document"))
    page = read(out / "packet.html")
    assert "script" not in page.tags
    assert page.links
    for link in page.links:
        assert link[1:] in page.ids if link.startswith("#") else (out / link).is_file()
    assert page.tags.count("h1") == page.tags.count("main") == 1
    for words in ("Mia Muster", "Is surgery better than waiting?", "A <note>", "10 Dec 2026"):
        assert words in page.text
    assert {p.stat().st_mode & 0o777 for p in out.rglob("*") if p.is_file()} == {0o600}
    assert {p.stat().st_mode & 0o777 for p in [out, out / "attachments"]} == {0o700}


def test_a_zip_has_the_same_files_and_the_case_s_own_time(case: CaseFile, tmp_path: Path) -> None:
    write(case, "files", tmp_path / "out")
    write(case, "files", tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            assert archive.read(info) == (tmp_path / "out" / info.filename).read_bytes()
            assert info.date_time == (2026, 11, 22, 14, 0, 0)
            assert info.external_attr >> 16 == 0o600


@pytest.mark.parametrize("shape", get_args(Shape))
def test_nothing_is_written_over_and_nothing_left_half(
    case: CaseFile, tmp_path: Path, shape: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write(case, shape, out)
    with pytest.raises(UsageError, match="it is there already"):
        write(case, shape, out)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(case, shape, tmp_path / "other")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["case", "out"]


_WRITE = """
import resource, sys
from pathlib import Path
from connector.packet import write
from connector.store.case.casefile import CaseFile
case = CaseFile.open(Path(sys.argv[1]) / "case")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write(case, "files", Path(sys.argv[1]) / "out.zip")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.deep
def test_a_packet_of_fifty_megabytes_takes_the_memory_of_one_record(tmp_path: Path) -> None:
    data = [base64.b64encode(bytes([n]) * 2_000_000).decode() for n in range(20)]
    notes = [
        NOTE
        | {"id": f"n{n}", "content": [{"attachment": {"contentType": "image/png", "data": scan}}]}
        for n, scan in enumerate(data)
    ]
    with CaseFile.open(tmp_path / "case") as case:
        put(case, PATIENT, *notes)
        run(case)
        total = case.row("SELECT sum(length(body)) FROM entry")
    assert total is not None
    assert total[0] > 50_000_000
    # A process of its own: what this one has used at its most counts for ever.
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", _WRITE, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 40_000  # kB
