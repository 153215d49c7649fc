"""A document that the source keeps as a Bundle: taken if it proves to be the patient's."""

import base64
from pathlib import Path
from typing import Any

import pytest

from connector.fhir.lossless import encode
from tests.pull.attachments.test_addresses import pulled_from
from tests.pull.attachments.test_fetch import document
from tests.pull.support import Pulled, condition, pull, small, source
from tests.sandbox_parts import Fault

FHIR = {"contentType": "application/fhir+json"}
NUMBER = {"system": "urn:oid:1.2.3", "value": "4711"}
OWN = {"birthDate": "1961-02-03", "name": [{"family": "Muster"}], "identifier": [NUMBER]}
PAT = {"resourceType": "Patient", "id": "pat", **OWN}
OTHER = {
    "resourceType": "Patient",
    "id": "other",
    "birthDate": "1944-05-06",
    "name": [{"family": "Canary"}],
    "identifier": [{"system": "urn:oid:1.2.3", "value": "1"}],
}
INSIDE = "urn:uuid:b1111111-1111-4111-8111-111111111111"


def composition(subject: Any) -> dict[str, Any]:
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5"}]},
        "subject": subject,
        "date": "2026-10-01",
        "title": "Patient summary",
    }


def bundle(
    subject: Any, *entries: dict[str, Any], at: str = "urn:uuid:a", **more: Any
) -> dict[str, Any]:
    first = {"fullUrl": at, "resource": composition(subject)}
    return {
        "resourceType": "Bundle",
        "id": "eps",
        "type": "document",
        "entry": [first, *entries],
        **more,
    }


def patient(url: str = INSIDE, **elements: Any) -> dict[str, Any]:
    return {"fullUrl": url, "resource": {**PAT, "id": "b", **elements}}


def problem(subject: str = INSIDE, **elements: Any) -> dict[str, Any]:
    return {"fullUrl": "urn:uuid:c", "resource": condition("c") | {"subject": ref(subject)}}


def ref(to: str) -> dict[str, str]:
    return {"reference": to}


def pulled(folder: Path, stored: Any, url: str = "Bundle/eps", **attachment: Any) -> Pulled:
    """What a note with this address brings, where the source answers it with `stored`."""
    body = stored if isinstance(stored, bytes) else encode(stored)
    headers = {"Content-Type": "application/fhir+json"}
    answer = Fault("status", path="Bundle/eps", status=200, headers=headers, body=body)
    with small(OTHER, faults=[answer]) as server:
        server.put(PAT)
        body_of = document(url=url.format(base=server.base_url), **{**FHIR, **attachment})
        return pulled_from(server, folder, body_of)


OURS = {
    "literal": bundle(ref("Patient/pat"), at="http://source.example/not-fhir"),
    "patient-entry": bundle(ref(INSIDE), patient(), problem()),
    "entry-elsewhere": bundle(
        ref("Patient/77"),
        patient("http://elsewhere.example/fhir/Patient/77", id="77"),
        problem("Patient/77"),
        at="http://elsewhere.example/fhir/Composition/1",
    ),
    "by-number": bundle({"identifier": NUMBER}),
    "no-type-beside": bundle(ref("Patient/pat"), problem("Patient/pat")),
}


@pytest.mark.parametrize("stored", OURS.values(), ids=OURS)
@pytest.mark.parametrize("url", ["Bundle/eps", "{base}/Bundle/eps", "/Bundle/eps#x"])
def test_a_document_of_the_patient_is_the_content(
    tmp_path: Path, stored: dict[str, Any], url: str
) -> None:
    found = pulled(tmp_path, stored, url)
    assert found.gaps == []
    assert list(found.attachments.values()) == [("had", encode(stored))]
    assert set(found.records) == {"Patient/pat", "DocumentReference/doc"}


NOT_OURS: dict[str, Any] = {
    "another's": bundle(ref("Patient/other")),
    "another's entry": bundle(ref(INSIDE), {"fullUrl": INSIDE, "resource": OTHER}),
    "our id, another person": bundle(
        ref(INSIDE), {"fullUrl": INSIDE, "resource": {**OTHER, "id": "pat"}}
    ),
    "our id on another server": bundle(
        ref("Patient/pat"), at="http://elsewhere.example/fhir/Composition/1"
    ),
    "born on our day, without a number": bundle(ref(INSIDE), patient(identifier=[])),
    "our number under another's id": bundle(
        ref("Patient/other"), {"fullUrl": "Patient/other", "resource": OTHER}
    ),
    "two who are named": bundle({**ref(INSIDE), "identifier": OTHER["identifier"][0]}, patient()),
    "another's problem in it": bundle(ref(INSIDE), patient(), problem("Patient/other")),
    "a second patient in it": bundle(
        ref(INSIDE), patient(), {"fullUrl": "urn:uuid:d", "resource": OTHER}
    ),
    "no subject": bundle({}),
    "a display alone": bundle({"display": "Muster"}),
    "a reference to nothing in it": bundle(ref("urn:uuid:e")),
    "the subject a Group": bundle(ref("Group/g")),
    "a collection": bundle(ref("Patient/pat"), type="collection"),
    "a searchset": bundle(ref("Patient/pat"), type="searchset"),
    "without a type": bundle(ref("Patient/pat"), type=None),
    "no Composition first": {
        "resourceType": "Bundle",
        "id": "eps",
        "type": "document",
        "entry": [patient(), {"resource": composition(ref(INSIDE))}],
    },
    "empty": {"resourceType": "Bundle", "id": "eps", "type": "document"},
    "a problem": condition("eps", type="document"),
    "an outcome": {"resourceType": "OperationOutcome", "issue": [], "type": "document"},
    "no JSON": b'{"resourceType": "Bundle", "type": "document"',
    "a page": b"<html>document</html>",
    "a tower": b'{"type": "document", "x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}


@pytest.mark.parametrize("stored", NOT_OURS.values(), ids=NOT_OURS)
def test_of_all_else_nothing_is_kept(tmp_path: Path, stored: Any) -> None:
    found = pulled(tmp_path, stored)
    [gap] = found.gaps
    assert gap.kind == "refused"
    assert "DocumentReference/doc content.attachment" in gap.why
    assert found.attachments == {"Bundle/eps": ("gap", None)}
    assert not any(b"anary" in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    "to", ["/fhir/Bundle/other", "/fhir/Patient/other/$everything", "/fhir/Binary/b", "/admin"]
)
@pytest.mark.parametrize("status", [301, 307])
def test_a_document_is_nowhere_else(tmp_path: Path, to: str, status: int) -> None:
    away = Fault("status", path="Bundle/eps", status=status, headers={"Location": to})
    with small(faults=[away]) as server:
        server.put({**OURS["literal"], "id": "other"})
        found = pulled_from(server, tmp_path, document(url="Bundle/eps", **FHIR))
        assert not [r for r in server.requests if r.path == to]
    assert [gap.kind for gap in found.gaps] == ["refused"]


def test_a_binary_does_not_lead_to_a_document(tmp_path: Path) -> None:
    away = Fault("status", path="Binary/b", status=307, headers={"Location": "/fhir/Bundle/other"})
    with small(faults=[away]) as server:
        server.put({**OURS["literal"], "id": "other"})
        found = pulled_from(server, tmp_path, document(url="Binary/b", **FHIR))
        assert not [r for r in server.requests if "Bundle" in r.path]
    assert [gap.kind for gap in found.gaps] == ["refused"]


def test_fifty_megabytes_end_at_the_limit(tmp_path: Path) -> None:
    long = bundle(ref("Patient/pat"), language="x" * 50_000_000)
    found = pulled(tmp_path, long)
    [gap] = found.gaps
    assert (gap.kind, "attachment_bytes_max" in gap.why) == ("not-asked", True)
    assert found.attachments == {"Bundle/eps": ("gap", None)}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_000_000


def test_a_document_is_asked_for_as_json_alone(tmp_path: Path) -> None:
    with small() as server:
        stated = document(url="Bundle/eps", contentType="application/fhir+xml")
        found = pulled_from(server, tmp_path, stated)
        assert not [r for r in server.requests if "Bundle" in r.path]
    assert [gap.kind for gap in found.gaps] == ["refused"]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_binary_may_hold_a_document(tmp_path: Path, wrapped: bool) -> None:
    content = encode(OURS["patient-entry"])
    data = base64.b64encode(content).decode()
    binary = {"resourceType": "Binary", "id": "b", **FHIR, "data": data}
    headers = {"Content-Type": "application/fhir+json"}
    body = encode(binary) if wrapped else content
    answer = Fault("status", path="Binary/b", status=200, headers=headers, body=body)
    with small(faults=[answer]) as server:
        server.put(PAT)
        found = pulled_from(server, tmp_path, document(url="Binary/b", **FHIR))
    assert (found.attachments, found.gaps) == ({"Binary/b": ("had", content)}, [])


def test_a_document_that_was_had_is_not_asked_again(tmp_path: Path) -> None:
    with small() as server:
        server.put(PAT)
        server.put(OURS["literal"])
        server.put(document(url="Bundle/eps", **FHIR))
        first = pull(tmp_path, source(server.base_url), id="pat")
        assert first.attachments["Bundle/eps"][0] == "had"
        server.requests.clear()
        pull(tmp_path, source(server.base_url), id="pat")
        assert server.requests == []
