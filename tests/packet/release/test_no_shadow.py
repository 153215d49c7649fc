"""Withheld: no byte and no shadow. For each record of a chart withheld in turn, the packet in every
form is the one of a chart without it, and without what only it explains.

A few records of two charts by default; all of all five with CONNECTOR_ALL_RECORDS=1 (an hour).
"""

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from connector.errors import Held
from connector.fhir.lossless import decode, encode
from connector.packet.record.links import Links
from connector.packet.release.redact import cut
from connector.packet.release.withheld import Withheld
from connector.packet.render.bundle import Kind, render
from connector.packet.render.handover import write
from connector.store.case.casefile import CaseFile
from connector.store.pulled import chart
from tests.packet.charts import FIXTURES, MAPPINGS, SOURCE, put, put_chart, request, run

ALL = bool(os.environ.get("CONNECTOR_ALL_RECORDS"))
CHARTS = sorted(
    path
    for path in (FIXTURES / "charts").glob("*/*.json.gz")
    if not path.name.startswith(("hospital", "practitioner"))
)
QUICK = [path for path in CHARTS if path.name.startswith(("Charlene", "Jules"))]
SUD = {"system": "http://hl7.org/fhir/v3/ActCode", "code": "SUD"}
_PHONE = {"phone": "+1 555 0142"}
REACHED: dict[str, Any] = {  # a message wants both sides to be reached
    "requester": {
        "organization": {"name": "Practice", "npi": "1245319599"},
        "practitioner": {"family": "Example", "given": "Robin", "npi": "1234567893"},
        "telecom": _PHONE,
    },
    "performer": {
        "organization": {"name": "Clinic", "npi": "1245319599"},
        "practitioner": {"family": "Other", "npi": "1234567893"},
        "telecom": _PHONE,
    },
}
_SHARED = ("Patient", "Organization", "Practitioner", "Location")


def chosen(path: Path) -> Iterator[tuple[str, str]]:
    """Type and id of the records to withhold: all, or one of each type."""
    entries = decode(gzip.decompress(path.read_bytes()))["entry"]
    seen: set[str] = set()
    for entry in entries:
        kind, record_id = entry["resource"]["resourceType"], entry["resource"]["id"]
        if kind not in _SHARED and (ALL or kind not in seen):
            seen.add(kind)
            yield kind, record_id


def forms(case: CaseFile) -> dict[str, bytes]:
    """The packet in every form that can be made of it, and as files."""
    made = {kind: b"".join(render(case, kind)) for kind in get_args(Kind)}
    folder = case.folder / "handed"
    shutil.rmtree(folder, ignore_errors=True)
    write(case, "files", folder)
    named = {p: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    return made | {str(path.relative_to(folder)): body for path, body in named.items()}


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for path in CHARTS if ALL else QUICK:
        folders[path.name] = tmp_path_factory.mktemp("pulled")
        with CaseFile.open(folders[path.name]) as case:
            put_chart(case, path)
    return folders


@pytest.mark.parametrize(
    ("path", "kind", "record_id"),
    [
        pytest.param(path, *key, id=f"{path.name.partition('_')[0]}-{key[0]}-{number}")
        for path in (CHARTS if ALL else QUICK)
        for number, key in enumerate(chosen(path))
    ],
)
def test_no_byte_and_no_shadow(
    path: Path, kind: str, record_id: str, pulled: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(pulled[path.name], tmp_path / "with")
    shutil.copytree(pulled[path.name], tmp_path / "without")
    with CaseFile.open(tmp_path / "with") as case, CaseFile.open(tmp_path / "without") as other:
        patient = case.state.source_patient
        wanted = request(patient={"id": patient}, scope="whole-chart", **REACHED)
        record = chart.record(case, kind, record_id)
        assert record is not None
        labelled = decode(record.body)
        labelled.setdefault("meta", {}).setdefault("security", []).append(SUD)
        put(case, labelled)
        case.state.source_patient = patient
        try:
            outline = run(case, wanted)
        except Held as held:
            if held.code != "withheld-safety":  # a person decides: nothing leaves
                raise
            return
        gone = {f"{d.type}/{d.id}" for d in outline.withheld}
        assert f"{kind}/{record_id}" in gone
        _remove(other, gone)
        run(other, wanted)
        assert forms(case) == forms(other)


def _remove(case: CaseFile, gone: set[str]) -> None:
    """Take records out of a chart, and what names them out of the others."""
    shadows = MAPPINGS.shadows
    withheld = Withheld(Links(case, SOURCE.base_url), shadows.beside, shadows.told_in)
    for key in sorted(gone):
        record = chart.record(case, *key.split("/"))
        assert record is not None
        withheld.add(key, decode(record.body))
    left: list[dict[str, Any]] = []
    for record in list(chart.records(case)):
        resource = decode(record.body)
        if f"{record.type}/{record.id}" not in gone and cut(resource, withheld):
            left.append(resource)
    patient = case.state.source_patient
    put(case, *map(encode, left))
    with case.commit():
        for key in gone:
            case.execute("DELETE FROM record WHERE type = ? AND id = ?", key.split("/"))
            case.execute("DELETE FROM target WHERE type = ? AND id = ?", key.split("/"))
    case.state.source_patient = patient
