"""Files as a source: the same chart as from a server, and nobody else's records."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held, SourceFailed
from connector.fhir.equality import Verdict, relation
from connector.fhir.lossless import encode
from connector.pull import pull_files
from connector.request import PatientChoice, Request
from connector.settings import Source
from connector.store.case.casefile import CaseFile
from tests.pull.support import (
    NEVER,
    SOURCE_ID,
    Pulled,
    chart_of,
    charts,
    complete,
    condition,
    pull,
    read,
    request,
    source,
    truth,
)
from tests.pull.test_whole_chart import PLANTED
from tests.real.charts import FIXTURES, Resource, key

PATIENT: Resource = {"resourceType": "Patient", "id": "pat", "name": [{"family": "Test"}]}
CCDA = '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
OTHER: Resource = {"resourceType": "Patient", "id": "other"}


def take(folder: Path, files: Path, **patient: str) -> Pulled:
    wanted: Request = request(id="x")
    wanted = wanted.model_copy(update={"patient": PatientChoice(**patient)})
    settings = Source(id=SOURCE_ID, environment="test", files=files)
    with CaseFile.open(folder) as case:
        pull_files(case, wanted, settings, never_types=NEVER, wanted_types=frozenset())
    return read(folder)


def ndjson(folder: Path, *resources: Resource) -> Path:
    """A bulk export on disk: one file for each type, in the order in which types are named."""
    folder.mkdir()
    for resource in resources:
        with (folder / f"{resource['resourceType']}.ndjson").open("ab") as file:
            file.write(encode(resource) + b"\n")
    return folder


def bundle(path: Path, *entries: tuple[str, Resource]) -> Path:
    entry = [{"fullUrl": url, "resource": resource} for url, resource in entries]
    path.write_bytes(encode({"resourceType": "Bundle", "type": "collection", "entry": entry}))
    return path


def mixed(folder: Path) -> Path:
    """All charts of fixtures/charts/mix and what they share, as Synthea wrote them."""
    folder.mkdir()
    for path in FIXTURES.glob("mix/*"):
        shutil.copy(path, folder)
    return folder


def test_the_chart_is_what_the_files_hold(tmp_path: Path) -> None:
    expected = chart_of("Lanny")
    pulled = take(tmp_path / "case", mixed(tmp_path / "files"), id=expected.patient["id"])
    assert pulled.records.keys() == truth(expected)
    assert pulled.gaps == []
    assert complete(tmp_path / "case")
    # Carried byte for byte: only what a server would rewrite on loading differs.
    file = next(FIXTURES.glob("mix/Lanny*"))
    raw = gzip.decompress(file.read_bytes())
    entries = {key(e["resource"]): e["resource"] for e in json.loads(raw)["entry"]}
    for name, record in pulled.bodies.items():
        if name in entries:
            assert json.loads(record) == entries[name], name


def test_files_and_a_server_agree(tmp_path: Path) -> None:
    expected = chart_of("Noble")
    identifier = expected.patient["identifier"][0]
    patient = {"identifier": f"{identifier['system']}|{identifier['value']}"}
    with charts("Noble") as server:
        there = pull(tmp_path / "server", source(server.base_url), id=expected.patient["id"])
    here = take(tmp_path / "case", mixed(tmp_path / "files"), **patient)
    assert here.records.keys() == there.records.keys()
    for name in here.records:
        if not any(x in here.bodies[name] for x in (b'"urn:uuid:', b"?identifier=")):
            assert relation(here.bodies[name], there.bodies[name]).verdict is Verdict.EQUAL
    urns = {r for r in here.targets if r.startswith("urn:")}
    assert urns
    assert {here.targets[r][2] for r in urns} == {"had"}


def test_planted_records_of_a_bulk_export_are_found(tmp_path: Path) -> None:
    strangers: list[Resource] = [
        OTHER,
        condition("of-somebody-else", patient="other"),
        {
            "resourceType": "Appointment",
            "id": "theirs",
            "participant": [{"actor": {"reference": "Patient/other"}}],
        },
        {"resourceType": "Provenance", "id": "p9", "target": [{"reference": "Condition/9"}]},
    ]
    mine: list[Resource] = [
        {
            "resourceType": "Appointment",
            "id": "mine",
            "participant": [{"actor": {"reference": "Patient/pat"}}],
        }
    ]
    files = ndjson(tmp_path / "export", *strangers, PATIENT, *PLANTED, *mine)
    pulled = take(tmp_path / "case", files, id="pat")
    expected = {key(r) for r in [*PLANTED, *mine]} - {"Practitioner/stranger"} | {"Patient/pat"}
    assert pulled.records.keys() == expected
    assert pulled.gaps == []


def test_nothing_of_another_patient_is_kept_anywhere(tmp_path: Path) -> None:
    theirs = condition("c2", patient="other", note=[{"text": "SECRET-OF-ANOTHER"}])
    files = ndjson(tmp_path / "export", OTHER, PATIENT, theirs, condition("c1"))
    take(tmp_path / "case", files, id="pat")
    kept = b"".join(p.read_bytes() for p in (tmp_path / "case").rglob("*") if p.is_file())
    assert b"SECRET-OF-ANOTHER" not in kept


def test_references_of_a_bundle_are_resolved_by_what_it_calls_its_entries(tmp_path: Path) -> None:
    anonymous = {"resourceType": "Encounter", "subject": {"reference": "urn:uuid:p"}}
    entries = [
        ("https://there.example/fhir/Organization/o", {"resourceType": "Organization", "id": "o"}),
        ("urn:uuid:p", PATIENT),
        ("urn:uuid:0c7f", anonymous),  # no id of its own
        ("urn:uuid:q", OTHER),
        ("urn:uuid:c", {
            "resourceType": "Condition",
            "id": "c",
            "subject": {"reference": "urn:uuid:p"},
            "encounter": {"reference": "urn:uuid:0c7f"},
            "asserter": {"reference": "https://there.example/fhir/Organization/o/_history/2"},
            "recorder": {"reference": "https://elsewhere.example/fhir/Practitioner/1"},
            "stage": [{"assessment": [{"reference": "urn:uuid:nowhere"}]}],
            "evidence": [{"detail": [{"reference": "urn:uuid:q"}]}],
        }),
        ("urn:uuid:d", {
            "resourceType": "Condition", "id": "d", "subject": {"reference": "urn:uuid:q"}
        }),
    ]  # fmt: skip
    pulled = take(tmp_path / "case", bundle(tmp_path / "b.json", *entries), id="pat")
    assert pulled.records.keys() == {
        "Patient/pat",
        "Encounter/0c7f",
        "Condition/c",
        "Organization/o",
    }
    assert pulled.targets["urn:uuid:p"] == ("Patient", "pat", "had")
    assert {(g.what, g.kind) for g in pulled.gaps} == {
        ("Practitioner (1 referenced)", "not-asked"),
        ("elsewhere (1 referenced)", "failed"),
        ("elsewhere (1 referenced)", "not-asked"),
    }


def test_attachments_of_the_files_are_kept(tmp_path: Path) -> None:
    def document(id_: str, url: str) -> Resource:
        return {
            "resourceType": "DocumentReference",
            "id": id_,
            "subject": {"reference": "Patient/pat"},
            "content": [{"attachment": {"contentType": "text/plain", "url": url}}],
        }

    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "bm90ZQ=="}
    urls = ("Binary/b", "Binary/none", "https://there.example/x.pdf")
    documents = [document(f"d{n}", url) for n, url in enumerate(urls)]
    files = ndjson(tmp_path / "export", PATIENT, binary, *documents)
    pulled = take(tmp_path / "case", files, id="pat")
    assert pulled.attachments["Binary/b"] == ("had", b"note")
    assert {(g.what, g.kind) for g in pulled.gaps} == {
        ("attachment (1 of DocumentReference)", "failed"),
        ("attachment (1 of DocumentReference)", "not-asked"),
    }


def test_the_later_of_two_versions_counts_and_a_contradiction_is_told(tmp_path: Path) -> None:
    def version(text: str, updated: str | None) -> Resource:
        meta: dict[str, Any] = {"meta": {"lastUpdated": updated}} if updated else {}
        return condition("c", code={"text": text}, **meta)

    late, early = "2026-01-02T00:00:00+02:00", "2026-01-01T21:00:00Z"
    ways = {"first": (late, early), "second": (early, late)}
    for name, (one, two) in ways.items():
        versions = [version(f"{t == late}", t) for t in (one, two)]
        files = ndjson(tmp_path / name, PATIENT, *versions)
        pulled = take(tmp_path / f"case-{name}", files, id="pat")
        assert pulled.records["Condition/c"]["code"]["text"] == "True"
        assert pulled.gaps == []
    files = ndjson(tmp_path / "third", PATIENT, version("a", None), version("b", None))
    pulled = take(tmp_path / "case-third", files, id="pat")
    assert pulled.records["Condition/c"]["code"]["text"] == "a"
    assert [(g.what, g.kind) for g in pulled.gaps] == [("Condition", "failed")]


def test_two_people_under_one_id_are_told_where_a_record_names_them(tmp_path: Path) -> None:
    asserted = condition("c", asserter={"reference": "Practitioner/p"})
    twice = [
        {"resourceType": "Practitioner", "id": name, "name": [{"family": family}]}
        for name in ("p", "nobody-refers-to-this")
        for family in ("Roe", "Doe", "Roe")
    ]
    files = ndjson(tmp_path / "export", PATIENT, asserted, *twice)
    for _ in range(2):
        pulled = take(tmp_path / "case", files, id="pat")
        assert pulled.records["Practitioner/p"]["name"] == [{"family": "Roe"}]
        [gap] = pulled.gaps
        assert (gap.what, gap.kind) == ("Practitioner (1 referenced)", "failed")
        assert "different records under one id" in gap.why
    lines = [encode(r) + b"\n" for r in twice if r["name"] == [{"family": "Roe"}]]
    (files / "Practitioner.ndjson").write_bytes(b"".join(lines))
    assert take(tmp_path / "case", files, id="pat").gaps == []


def test_what_cannot_be_read_is_told_and_fails_alone(tmp_path: Path) -> None:
    files = ndjson(tmp_path / "export", PATIENT, condition("c1"))
    with (files / "Condition.ndjson").open("ab") as file:
        file.write(b'{"resourceType": "Condition", "id": "c2", "sub\n' + encode(condition("c3")))
    whole = gzip.compress((files / "Condition.ndjson").read_bytes())
    (files / "cut.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    (files / "ccda.xml").write_text(
        '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"/>'
    )
    (files / "manifest.json").write_text('{"transactionTime": "2026-01-01"}')
    (files / "README.txt").write_text("not FHIR")
    pulled = take(tmp_path / "case", files, id="pat")
    assert {n for n in pulled.records if n.startswith("Condition")} == {
        "Condition/c1",
        "Condition/c3",
    }
    why = {g.kind: g.why for g in pulled.gaps if g.what == "files"}
    assert why == {
        "failed": "could not be read to its end (1): cut.ndjson.gz"
        "; not JSON that can be read (1): Condition.ndjson (line 2)",
        "refused": "a C-CDA document (XML): only FHIR R4 as JSON can be read (1): ccda.xml",
        "not-asked": "no JSON, so not FHIR JSON (1): README.txt",
    }


@pytest.mark.parametrize(
    ("patient", "resources"),
    [
        ({"id": "nobody"}, [PATIENT]),
        ({"identifier": "urn:x|1"}, [
            {**PATIENT, "identifier": [{"system": "urn:x", "value": "1"}]},
            {**OTHER, "identifier": [{"system": "urn:x", "value": "1"}]},
        ]),
        ({"id": "pat"}, [{**PATIENT, "active": False}]),
        ({"id": "pat"}, [PATIENT, {**PATIENT, "gender": "female"}]),
        ({"id": "pat"}, [
            {**PATIENT, "birthDate": "1950-01-02", "meta": {"lastUpdated": "2025-01-01T00:00:00Z"}},
            {**PATIENT, "birthDate": "1980-02-03", "meta": {"lastUpdated": "2026-01-01T00:00:00Z"}},
        ]),
    ],
)  # fmt: skip
def test_no_doubt_about_the_patient(
    tmp_path: Path, patient: dict[str, str], resources: list[Resource]
) -> None:
    files = ndjson(tmp_path / "export", *resources)
    with pytest.raises(Held) as held:
        take(tmp_path / "case", files, **patient)
    assert held.value.code == "patient"
    assert not read(tmp_path / "case").records


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "none.json", tmp_path / "empty"):
        with pytest.raises(SourceFailed):
            take(tmp_path / "case", path, id="pat")


def test_ccda_alone_is_refused_with_a_clear_word(tmp_path: Path) -> None:
    (tmp_path / "portal.xml").write_text(CCDA)
    with pytest.raises(SourceFailed, match="C-CDA"):
        take(tmp_path / "case", tmp_path / "portal.xml", id="pat")


def test_files_that_are_mended_complete_the_chart(tmp_path: Path) -> None:
    asserted = condition("c", asserter={"reference": "Practitioner/p"})
    files = ndjson(tmp_path / "export", PATIENT, asserted)
    first = take(tmp_path / "case", files, id="pat")
    assert [(g.what, g.kind) for g in first.gaps] == [("Practitioner (1 referenced)", "failed")]
    (files / "Practitioner.ndjson").write_bytes(encode({"resourceType": "Practitioner", "id": "p"}))
    second = take(tmp_path / "case", files, id="pat")
    assert second.gaps == []
    assert "Practitioner/p" in second.records
