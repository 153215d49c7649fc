"""The whole way from files: doctor, transfer, receipt, as from a server."""

import base64
import html
import json
from pathlib import Path
from typing import Any

from tests.support import CHARTS, FACILITIES, TINY, World


def from_files(world: World, files: Path) -> None:
    path = world.configure()
    place = f'files = "{files}"'
    path.write_text(path.read_text().replace(f'base_url = "{world.source_url}"', place))


def test_a_chart_travels_from_files(world: World) -> None:
    files = world.folder / "files"
    files.mkdir()
    for name in (*FACILITIES, TINY):
        (files / Path(name).name).write_bytes((CHARTS / name).read_bytes())
    from_files(world, Path("files"))  # beside connector.toml
    assert world.cli("doctor").code == 0
    ran = world.cli("transfer", world.request(scope="whole-chart"), "--json")
    assert ran.json["state"] == "verified", ran
    assert ran.json["gaps"] == []
    assert world.source.requests == []
    assert len(world.there("Immunization")) > 0
    names = {r["resourceType"] for r in world.there()}
    assert {"Practitioner", "Organization", "Encounter", "Provenance"} <= names


def test_files_that_are_no_fhir_end_with_6(world: World) -> None:
    (world.folder / "portal.xml").write_text('<ClinicalDocument xmlns="urn:hl7-org:v3"/>')
    from_files(world, Path("portal.xml"))
    assert world.cli("doctor").code == 6
    ran = world.cli("transfer", world.request())
    assert ran.code == 6
    assert "C-CDA" in ran.out + ran.err


def given(world: World, *resources: dict[str, Any], **files: bytes) -> Path:
    folder = world.folder / "files"
    folder.mkdir()
    patient = {
        "resourceType": "Patient",
        "id": "pat",
        "name": [{"family": "Test", "given": ["Una"]}],
        "gender": "female",
        "birthDate": "1980-02-03",
    }
    entry = [{"resource": resource} for resource in (patient, *resources)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entry}
    (folder / "chart.json").write_text(json.dumps(bundle))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    from_files(world, Path("files"))
    return world.request(patient={"id": "pat"}, scope="whole-chart")


def test_none_is_said_only_where_all_files_were_understood(world: World) -> None:
    """And files are named to who asks, not in what is kept of all cases or told in one line."""
    request = given(world, JaneDoe=b'{"portal": [{"resourceType": "MedicationRequest"}]}')
    ran = world.cli("transfer", request)
    assert (ran.code, "gaps files" in ran.out) == (3, True)
    shown = world.cli("show", request, "--json")
    kinds = {item["kind"] for item in shown.json["missing"]}
    assert "searched-none" not in kinds
    [gap] = shown.json["gaps"]
    assert (gap["what"], gap["kind"]) == ("files", "refused")
    assert gap["why"].endswith("(1): JaneDoe")
    assert "JaneDoe" in world.cli("show", request).out
    kept = b"".join(p.read_bytes() for p in world.store.glob("ledger*"))
    assert b"JaneDoe" not in kept + ran.out.encode() + ran.err.encode()


def test_documents_in_another_base64_are_files_and_what_is_none_is_told(world: World) -> None:
    contents = [bytes(range(248, 256)) * n for n in (1, 2, 3)]
    written = [base64.urlsafe_b64encode(c).decode().rstrip("=") for c in contents] + ["no base64!"]
    request = given(
        world,
        *(
            {
                "resourceType": "DocumentReference",
                "id": f"d{number}",
                "status": "current",
                "subject": {"reference": "Patient/pat"},
                "content": [{"attachment": {"contentType": "text/plain", "data": data}}],
            }
            for number, data in enumerate(written)
        ),
    )
    ran = world.cli("map", request, "--json")
    why = {gap["what"]: gap["why"] for gap in ran.json["gaps"]}
    assert why.keys() == {"attachment (4 in DocumentReference)"}
    assert "no base64" in next(iter(why.values()))
    ran = world.cli("export", request, "-o", "out")
    assert (ran.code, ran.err) == (3, "")
    found = {p.read_bytes() for p in (world.folder / "out" / "attachments").iterdir()}
    assert found == set(contents)
    assert "can't be read as a file" in html.unescape(
        (world.folder / "out" / "packet.html").read_text()
    )


def test_a_name_that_is_a_list_is_exported_and_told(world: World) -> None:
    request = given(world)
    chart = world.folder / "files" / "chart.json"
    chart.write_text(chart.read_text().replace('"Test"', '["Test"]'))
    world.cli("map", request)
    ran = world.cli("export", request, "-o", "out")
    assert (ran.code, "internal" in ran.err) == (3, False)
    assert "Una" in (world.folder / "out" / "packet.html").read_text()
