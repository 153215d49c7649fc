"""Elements that are not what R4 says they are: the map step and the export never break on them."""

import io
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import ConnectorError
from connector.fhir.lossless import UndecodableError, sha256
from connector.fhir.record import peek
from connector.packet.render import files
from connector.store.case.casefile import CaseFile
from connector.store.pulled import chart
from tests.fuzz import r4
from tests.packet import charts

TYPES = sorted(
    set(r4.TYPES) - {"Patient"}
)  # every type that the fuzzer knows, and so that a chart may hold


class Folder:
    """What an export wrote, in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    @contextmanager
    def new(self, name: str) -> Iterator[IO[bytes]]:
        file = io.BytesIO()
        yield file
        self.files[name] = file.getvalue()


def put(case: CaseFile, resources: Iterable[Any]) -> None:
    """Into the chart what the pull step would let in: with a type and an id."""
    with case.commit():
        for resource in resources:
            body = r4.text(resource)
            try:
                seen = peek(body)
            except UndecodableError:
                continue
            row = chart.Record(seen.type, seen.id, seen.version, sha256(body), body)
            chart.put_record(case, row, "test")
    case.state.source_patient = r4.PATIENT


def mapped(*resources: Any) -> dict[str, bytes]:
    """The files of the packet of a chart; nothing where it is held or refused with a reason."""
    with TemporaryDirectory() as folder:
        case = CaseFile.open(Path(folder))
        try:
            put(case, resources)
            out = Folder()
            try:
                charts.run(case, charts.request(patient={"id": r4.PATIENT}))
                files.put_files(case, out.new)
            except ConnectorError as error:
                return {"held": str(error).encode()}
            return out.files
        finally:
            case.close()


def altered(resource: Any, rng: random.Random) -> Any:
    """One resource with one element of another kind; type and id stay, or it is no record."""
    ways = [way for way in r4.places(resource) if way not in (("id",), ("resourceType",))]
    r4.put(resource, rng.choice(ways), rng.choice(r4.JUNK))
    return resource


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_no_element_of_another_kind_breaks_the_step(seed: int) -> None:
    rng = random.Random(seed)
    patient = r4.patient()
    records = [altered(r4.resource(name, rng.randrange(9)), rng) for name in TYPES]
    mapped(altered(patient, rng) if rng.random() < 0.3 else patient, *records)


def test_names_dates_and_periods_of_another_kind_are_shown_as_far_as_they_go() -> None:
    patient = r4.patient() | {"name": [{"family": ["Muster"], "given": "Mia"}], "birthDate": 7}
    odd = [
        r4.resource(name) | {element: {"start": "last spring", "end": "2026-05-01"}}
        for name, element in (
            ("Procedure", "performedPeriod"),
            ("Encounter", "period"),
            ("MedicationStatement", "effectivePeriod"),
            ("Observation", "effectivePeriod"),
            ("Condition", "onsetPeriod"),
        )
    ]
    for resource in odd:
        for name in ("performedDateTime", "effectiveDateTime", "onsetDateTime"):
            resource.pop(name, None)
    page = mapped(patient, *odd)["packet.html"].decode()
    assert "<h1>Mia Muster " in page
    assert "last spring" not in page


def test_what_a_browser_would_run_is_written_as_text_and_nothing_unseen_is_in_the_page() -> None:
    def note(number: int, kind: str) -> dict[str, Any]:
        data = "PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=="
        return {
            "resourceType": "DocumentReference",
            "id": f"n{number}",
            "status": "current",
            "type": {
                "coding": [{"system": "http://loinc.org", "code": "11506-3"}],
                "text": "Note \u202egpj.exe \u0007",
            },
            "date": "2026-11-01T10:00:00Z",
            "subject": {"reference": f"Patient/{r4.PATIENT}"},
            "content": [{"attachment": {"contentType": kind, "data": data}}],
        }

    kinds = (
        "text/html",
        "application/xhtml+xml; charset=utf-8",
        "image/svg+xml",
        "text/xml",
        "x/y",
    )
    found = mapped(r4.patient(), *(note(n, kind) for n, kind in enumerate(kinds)))
    names = [name for name in found if name.startswith("attachments/")]
    assert len(names) == len(kinds)
    assert {name.partition(".")[2] for name in names} == {"html.txt", "xml.txt", "bin"}
    page = found["packet.html"].decode()
    assert "gpj.exe" in page
    assert not {"\u202e", "\u0007"} & set(page)


def test_an_allergy_whose_substance_stands_in_its_reaction() -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": {"reference": f"Patient/{r4.PATIENT}"},
        "reaction": [
            {
                "substance": {"coding": [{"code": "70618", "display": "Penicillin"}]},
                "manifestation": [{"text": "Nausea"}],
            }
        ],
    }
    page = mapped(r4.patient(), allergy)["packet.html"].decode()
    assert "Penicillin" in page
    assert "Nausea" in page
