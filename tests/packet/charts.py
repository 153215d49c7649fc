"""Case files filled from charts, as the pull step leaves them."""

import gzip
import io
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from connector.fhir.lossless import decode, encode, sha256
from connector.packet import Mappings, Outline, Revision, load, map_case
from connector.request import Request
from connector.settings import Destination, Source
from connector.store.case.casefile import CaseFile
from connector.store.mapped.content import put_content
from connector.store.pulled import chart

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
AS_OF = "2026-11-22T14:00:00+00:00"
SOURCE = Source(
    id=uuid.UUID("6f0d8a52-3c1e-4f7e-9c76-0d7f3a1b2c3d"),
    base_url="http://127.0.0.1:1/fhir",
    environment="test",
)
DESTINATION = Destination(
    id=uuid.UUID("0b7f4a51-5d2e-4f0e-8c76-1d7f3a1b2c3e"),
    base_url="http://127.0.0.1:2/fhir",
    environment="test",
)
MAPPINGS = load()
QUESTIONS = ("diagnosis", "treatment", "prognosis")
PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"system": "urn:oid:1.2.3", "value": "4711"}],
    "name": [{"family": "Muster", "given": ["Mia"]}],
    "gender": "female",
    "birthDate": "1970-02-03",
    "telecom": [{"system": "phone", "value": "555-0100"}],
}


def request(**fields: Any) -> Request:
    """A small request; `fields` over its defaults."""
    defaults = {
        "request_id": "so-1",
        "patient": {"id": "p"},
        "key_question": "treatment",
        "question": "Is surgery better than waiting?",
        "source": "home",
        "destination": "away",
        "needed_by": "2026-12-10",
    }
    return Request.model_validate(defaults | fields)


def full_request(case: CaseFile, question: str, kind_of_case: str, **more: Any) -> Request:
    """A request about a chart in which everything is given, that both sides can be reached."""
    condition = case.row("SELECT id FROM record WHERE type = 'Condition' ORDER BY id")
    report = case.row("SELECT id FROM record WHERE type = 'DiagnosticReport' ORDER BY id")
    assert condition
    assert report
    wanted = {
        "key_question": question,
        "also": [other for other in QUESTIONS if other != question],
        "case_type": kind_of_case,
        "condition": f"Condition/{condition[0]}",
        "hinge": [f"DiagnosticReport/{report[0]}"],
        "meeting": {"start": "2026-12-10T10:00:00-05:00", "mode": "online"},
        "patient_story": 'I <i>run</i> & swim; "marathons".',
        "requester": {
            "organization": {"name": "Practice", "npi": "1245319599"},
            "practitioner": {"family": "Example", "given": "Robin", "npi": "1234567893"},
            "specialty": "Orthopaedic surgery",
            "telecom": {"phone": "+1 555 0142", "email": "records@home.example.org"},
        },
        "performer": {
            "organization": {"name": "Clinic", "npi": "1245319599"},
            "practitioner": {"family": "Other", "npi": "1234567893"},
            "specialty": "Oncology",
            "telecom": {"phone": "+1 555 0199"},
        },
    }
    return request(**wanted | more)


def put(case: CaseFile, *resources: dict[str, Any] | bytes) -> None:
    """Resources into the chart; bytes stay as they are."""
    with case.commit():
        for item in resources:
            body = item if isinstance(item, bytes) else encode(item)
            resource = decode(body) if isinstance(item, bytes) else item
            row = chart.Record(resource["resourceType"], resource["id"], "1", sha256(body), body)
            chart.put_record(case, row, "test")
    case.state.source_patient = "p"


def put_target(case: CaseFile, reference: str, key: str, status: str = "had") -> None:
    """What the pull step notes of a reference that it resolved."""
    resource_type, _, resource_id = key.partition("/")
    with case.commit():
        case.execute(
            "INSERT OR REPLACE INTO target (reference, type, id, status) VALUES (?, ?, ?, ?)",
            (reference, resource_type, resource_id, status),
        )


def put_attachment(case: CaseFile, url: str, body: bytes | None, content_type: str = "") -> None:
    """What the pull step fetched from an attachment's URL (None: it could not)."""
    with case.commit():
        case.execute(
            "INSERT OR REPLACE INTO attachment (url, type, id, status, content_type, sha256)"
            " VALUES (?, 'DocumentReference', 'x', ?, ?, ?)",
            (url, "gap" if body is None else "had", content_type or None, sha256(body or b"")),
        )
        if body is not None:
            put_content(case, sha256(body), len(body), io.BytesIO(body))


def put_chart(case: CaseFile, path: Path) -> None:
    """A Synthea chart with the shared resources of its folder, references as in the file."""
    shared = [*path.parent.glob("hospital*"), *path.parent.glob("practitioner*")]
    for file in (*shared, path):
        entries = decode(gzip.decompress(file.read_bytes()))["entry"]
        put(case, *(entry["resource"] for entry in entries))
        for entry in entries:
            resource = entry["resource"]
            key = f"{resource['resourceType']}/{resource['id']}"
            put_target(case, entry["fullUrl"], key)
            for item in resource.get("identifier", []):
                token = f"{item.get('system')}|{item.get('value')}"
                put_target(case, f"{resource['resourceType']}?identifier={token}", key)
            if resource["resourceType"] == "Patient":
                case.state.source_patient = resource["id"]


def run(
    case: CaseFile,
    wanted: Request | None = None,
    *,
    source: Source = SOURCE,
    destination: Destination = DESTINATION,
    as_of: str = AS_OF,
    mappings: Mappings = MAPPINGS,
    revision: Revision | None = None,
) -> Outline:
    """The map step on a case file."""
    return map_case(
        case,
        wanted or request(),
        source,
        destination,
        mappings,
        as_of=as_of,
        environment=source.environment,
        revision=revision or Revision(),
    )


def resources(case: CaseFile, *types: str) -> list[Any]:
    """The packet's resources, decoded, in order; only of some types if given."""
    rows: Iterable[tuple[str, bytes]] = case.rows("SELECT type, body FROM entry ORDER BY seq")
    return [decode(body) for name, body in rows if not types or name in types]


def carried(case: CaseFile, key: str) -> Any:
    """One carried record by its `Type/id` at the source."""
    row = case.row("SELECT body FROM entry WHERE origin = 'carried' AND source = ?", (key,))
    assert row is not None, f"{key} does not travel"
    return decode(row[0])
