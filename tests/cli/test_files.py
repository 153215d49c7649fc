"""The whole way from files: doctor, transfer, receipt, as from a server."""

from pathlib import Path

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
