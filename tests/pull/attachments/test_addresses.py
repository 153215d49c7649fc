"""An attachment's address leads to content of the record and to nothing else, whatever it says."""

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir.lossless import encode
from connector.pull.attachments.addresses import content_path, is_elsewhere
from tests.pull.attachments.test_fetch import BINARY, CONTENT, PDF, document
from tests.pull.support import Pulled, condition, pull, small, source
from tests.sandbox_parts import Fault, Sandbox

BASE, INNER = "https://ehr.example.org/tenant/fhir", "http://inner.local:8080/fhir"


def path(url: str) -> str | None:
    return content_path(url, lambda key: key == "DocumentReference/doc", BASE, INNER)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("Binary/b", "Binary/b"),
        (" Binary/b\n", "Binary/b"),
        ("/Binary/b", "Binary/b"),
        ("binary/b/", "Binary/b"),
        ("BINARY/b#page=2", "Binary/b"),
        ("Binary/b/_history/3", "Binary/b/_history/3"),
        ("Binary/b?_format=json", "Binary/b"),
        ("/tenant/fhir/Binary/b", "Binary/b"),
        (f"{BASE}/Binary/b", "Binary/b"),
        ("HTTPS://EHR.example.org:443/tenant/fhir/Binary/b", "Binary/b"),
        (f"{INNER}/Binary/b", "Binary/b"),
        ("Bundle/b", "Bundle/b"),
        ("bundle/b/_history/3?_format=json", "Bundle/b/_history/3"),
        (f"{INNER}/Bundle/b", "Bundle/b"),
        ("DocumentReference/doc/$binary-access-read", "DocumentReference/doc/$binary-access-read"),
        (
            f"{BASE}/DocumentReference/doc/$binary-access-read?path=DocumentReference.content.attachment",
            "DocumentReference/doc/$binary-access-read?path=DocumentReference.content.attachment",
        ),
    ],
)  # fmt: skip
def test_content_in_whatever_form_is_asked_below_the_base(url: str, asked: str) -> None:
    assert path(url) == asked


NEVER_ASKED = [
    "Patient/other/$everything", "Patient/other", "Condition?patient=other", "Condition/c",
    "Bundle", "Bundle?composition.subject=other", "Bundle/b/$everything", "Bundle/../Patient/other",
    "Composition/c/$document", "http://elsewhere.example/fhir/Bundle/b",
    "$export", "admin", "/admin", "metadata", "Binary", "Binary?patient=other", "Binary/",
    "Binary/../Patient/other", "Binary/b/../../Patient/other", "Binary/./b", "Binary/..",
    "Binary/%2e%2e/Patient/other", "Binary/%2E%2E%2FPatient%2Fother", "Binary%2Fb%2f..%2fx",
    "Binary/b%2f..%2f..%2fPatient%2fother", "Binary/%252e%252e", "Binary\\..\\Patient\\other",
    "Binary//..//Patient/other", "Binary/b/$everything", "Binary/b/_history", "Binary/b/x",
    "other/Binary/b", "../fhir2/Binary/b", "Patient/Binary/b", "DocumentReference/doc",
    "DocumentReference/doc2/$binary-access-read", "DocumentReference/doc/$binary-access-write",
    "DocumentReference/doc/$binary-access-read?path=a/../b", "Observation/doc/$binary-access-read",
    "DocumentReference/doc/$binary-access-read?path=A.b&path=C.d",
    f"{BASE}/Patient/other", f"{BASE}/Patient/other/$everything", f"{BASE}2/Binary/b",
    f"{BASE}/../admin", f"{BASE}/%2e%2e/admin", f"{BASE}", f"{BASE}/",
    "https://ehr.example.org/Binary/b", "https://ehr.example.org/other/fhir/Binary/b",
    "https://ehr.example.org/tenant/Binary/b", "//ehr.example.org/tenant/fhir/Patient/other",
    f"{INNER}/Patient/other", "http://inner.local:8080/admin",
    "urn:uuid:0c291086-807f-f1b7-0558-1c160a75729c", "data:text/plain,x", "file:///etc/passwd",
    "javascript:1", "", " ", "#b", "?x", "https://[broken/Binary/b",
    "https://user@ehr.example.org/tenant/fhir/Binary/b",
    "http://elsewhere.example/fhir/Patient/other/$everything",
    "http://elsewhere.example/fhir/Condition?patient=other",
    "https://ehr.example.org\\@elsewhere.example/x", "https://ehr.example.org:443\\@there/x",
]  # fmt: skip


@pytest.mark.parametrize("url", NEVER_ASKED)
def test_what_is_no_content_is_never_asked(url: str) -> None:
    assert path(url) is None
    assert not is_elsewhere(url, BASE, INNER)


@given(st.text(alphabet="Binary/\\.%2eEfFb?#:@$ \t", max_size=40))
def test_what_is_asked_is_content_however_the_address_is_written(url: str) -> None:
    for start in ("", f"{BASE}/", "Binary/", "Bundle/"):
        asked = path(start + url)
        assert asked is None or asked.startswith(("Binary/", "Bundle/"))
        assert asked is None or not set("\\%?#:@$ \t").intersection(asked)
        assert asked is None or not {"", ".", ".."}.intersection(asked.split("/"))


# Through a pull: another person's chart at the same server, and a note that points to it.
STRANGERS = [
    {"resourceType": "Patient", "id": "other", "name": [{"family": "Canary"}]},
    condition("canary", patient="other"),
    document(url="Binary/theirs") | {"id": "theirs", "subject": {"reference": "Patient/other"}},
]  # fmt: skip
WAYS = [
    lambda url: document(url=url, **PDF),
    lambda url: document(url=url, contentType="application/fhir+json"),
    lambda url: {
        "resourceType": "DiagnosticReport",
        "id": "doc",
        "subject": {"reference": "Patient/pat"},
        "presentedForm": [{"url": url}],
    },
]
TO_STRANGERS = [
    "Patient/other/$everything", "{base}/Patient/other/$everything", "Condition?patient=other",
    "{base}/Binary/../Condition/canary", "DocumentReference/theirs", "{root}/admin",
    "{base}/$export", "DocumentReference/theirs/$binary-access-read",
]  # fmt: skip


def pulled_from(server: Sandbox, folder: Path, record: dict[str, Any]) -> Pulled:
    server.put(record)
    server.requests.clear()
    return pull(folder, source(server.base_url), id="pat")


@pytest.mark.parametrize("url", TO_STRANGERS)
@pytest.mark.parametrize("way", WAYS)
def test_a_note_that_points_to_another_chart_brings_nothing(
    tmp_path: Path, way: Any, url: str
) -> None:
    with small(*STRANGERS) as server:
        root = server.base_url.rsplit("/", 1)[0]
        record = way(url.format(base=server.base_url, root=root))
        pulled = pulled_from(server, tmp_path, record)
        asked = [r for r in server.requests if "other" in r.path + r.query or "admin" in r.path]
        assert [r for r in asked if "$" in r.path or "other" in r.query or "admin" in r.path] == []
        assert not [r for r in server.requests if "canary" in r.path or "theirs" in r.path]
    (gap,) = pulled.gaps
    kind = record["resourceType"]
    assert (gap.what, gap.kind) == (f"attachment (1 of {kind})", "refused")
    element = "content.attachment" if kind == "DocumentReference" else "presentedForm"
    assert f"({kind}/doc {element})" in gap.why
    assert [status for status, _ in pulled.attachments.values()] == ["gap"]


@pytest.mark.parametrize(
    "to", ["/fhir/Patient/other/$everything", "/admin", "/fhir/Condition/canary"]
)
def test_a_redirect_to_another_chart_is_not_followed(tmp_path: Path, to: str) -> None:
    away = Fault("status", path="Binary/b", status=302, headers={"Location": to})
    with small(*STRANGERS, BINARY, faults=[away]) as server:
        pulled = pulled_from(server, tmp_path, document(url="Binary/b", **PDF))
        assert not [r for r in server.requests if r.path == to]
    assert [gap.kind for gap in pulled.gaps] == ["refused"]


def test_a_redirect_to_content_is_followed(tmp_path: Path) -> None:
    on = Fault("status", path="Binary/a", status=307, headers={"Location": "/fhir/Binary/b"})
    with small(BINARY, faults=[on]) as server:
        pulled = pulled_from(server, tmp_path, document(url="Binary/a", **PDF))
    assert (pulled.attachments, pulled.gaps) == ({"Binary/a": ("had", CONTENT)}, [])


@pytest.mark.parametrize("said", ["application/fhir+json", "application/pdf", "text/plain"])
@pytest.mark.parametrize(
    "answer",
    [
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": STRANGERS[1]}]},
        {"resourceType": "OperationOutcome", "issue": []},
        {**BINARY, "securityContext": {"reference": "Patient/other"}},
        {**BINARY, "securityContext": {"reference": "DocumentReference/theirs"}},
    ],
    ids=["bundle", "outcome", "others-binary", "binary-of-others-note"],
)
def test_an_answer_that_is_no_content_of_the_record_is_a_gap(
    tmp_path: Path, answer: dict[str, Any], said: str
) -> None:
    headers = {"Content-Type": said}
    wrong = Fault("status", path="Binary/b", status=200, headers=headers, body=encode(answer))
    with small(faults=[wrong]) as server:
        pulled = pulled_from(server, tmp_path, document(url="Binary/b", **PDF))
    assert [(gap.what, gap.kind) for gap in pulled.gaps] in (
        [("attachment (1 of DocumentReference)", "failed")],
        [("attachment (1 of DocumentReference)", "refused")],
    )
    assert pulled.attachments == {"Binary/b": ("gap", None)}


@pytest.mark.parametrize("context", ["Patient/pat", "DocumentReference/doc", "Encounter/gone"])
def test_a_binary_of_the_patient_or_of_the_record_is_taken(tmp_path: Path, context: str) -> None:
    body = encode({**BINARY, "securityContext": {"reference": context}})
    headers = {"Content-Type": "application/fhir+json"}
    own = Fault("status", path="Binary/b", status=200, headers=headers, body=body)
    with small(faults=[own]) as server:
        pulled = pulled_from(server, tmp_path, document(url="Binary/b", **PDF))
    had = context != "Encounter/gone"  # of whom nobody knows
    assert pulled.attachments == {"Binary/b": ("had", CONTENT) if had else ("gap", None)}


def test_a_security_context_beside_plain_bytes_counts_too(tmp_path: Path) -> None:
    headers = {"Content-Type": "application/pdf", "X-Security-Context": "Patient/other"}
    theirs = Fault("status", path="Binary/b", status=200, headers=headers, body=CONTENT)
    with small(faults=[theirs]) as server:
        pulled = pulled_from(server, tmp_path, document(url="Binary/b", **PDF))
    assert pulled.attachments == {"Binary/b": ("gap", None)}


def test_json_that_is_no_fhir_is_content(tmp_path: Path) -> None:
    plain = b'{"steps": 7000}'
    data = base64.b64encode(plain).decode()
    stated = {"contentType": "application/json"}
    with small(BINARY | stated | {"data": data}) as server:
        pulled = pulled_from(server, tmp_path, document(url="Binary/b", **stated))
    assert pulled.attachments == {"Binary/b": ("had", plain)}


def fhir(patient: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "subject": {"reference": patient}, **more}


def bundle(**patient: Any) -> dict[str, Any]:
    """A document made elsewhere: its ids are its own."""
    theirs = {"resourceType": "Patient", "id": "local", **patient}
    entries = [{"fullUrl": "urn:uuid:1", "resource": theirs}]
    entries += [{"resource": fhir(name)} for name in ("urn:uuid:1", "Patient/local")]
    return {"resourceType": "Bundle", "type": "document", "entry": entries}


OWN = {"birthDate": "1980-02-03", "name": [{"family": "Probe", "given": ["Ada"]}]}
OTHERS = {"birthDate": "1944-05-06", "name": [{"family": "Canary"}]}


def wrap(value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else encode(value)).decode()


THEIRS: list[Any] = [
    fhir("Patient/other"),
    [fhir("Patient/other")],
    bundle(**OTHERS),
    {"resourceType": "Patient", "id": "other"},
    encode(fhir("Patient/pat")) + b"\n" + encode(fhir("Patient/other")),
    b"\xef\xbb\xbf " + encode(fhir("Patient/other")),
    fhir("#p", contained=[{"resourceType": "Patient", "id": "p", **OTHERS}]),
    {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Binary", "data":
        wrap(fhir("Patient/other"))}}]},
    {"resourceType": "Parameters", "parameter": [{"resource": fhir("Patient/other")}]},
]  # fmt: skip
OURS: list[Any] = [
    fhir("Patient/pat"),
    bundle(**OWN),
    {"resourceType": "Practitioner"},
    b"{no json",
    {"a": 1},
]
FHIR = {"contentType": "application/fhir+json"}


@pytest.mark.parametrize("content", [*THEIRS, *OURS])
@pytest.mark.parametrize("inline", [True, False])
def test_fhir_of_another_inside_a_document_is_not_taken(
    tmp_path: Path, content: Any, inline: bool
) -> None:
    binary = {**BINARY, **FHIR, "data": wrap(content)}
    attachment = {"data": wrap(content)} if inline else {"url": "Binary/b"}
    with small(binary) as server:
        server.put({"resourceType": "Patient", "id": "pat", **OWN})
        pulled = pulled_from(server, tmp_path, document(**FHIR, **attachment))
    theirs = any(content is one for one in THEIRS)
    if not theirs:
        assert pulled.gaps == []
        assert "DocumentReference/doc" in pulled.records
    else:
        [gap] = pulled.gaps
        assert gap.kind == "refused"
        assert "DocumentReference/doc content.attachment" in gap.why
        assert ("DocumentReference/doc" in pulled.records) is not inline
    if not inline:
        assert pulled.attachments["Binary/b"][0] == ("gap" if theirs else "had")
