"""What goes wrong on demand, and the plumbing of the connection."""

import pytest
import requests

from connector.fhir.lossless import UndecodableError, decode
from tests.sandbox.conftest import FHIR, Client, ids, link, patient
from tests.sandbox_parts import Fault, RequestRecord, Sandbox


@pytest.fixture
def planted(sandbox: Sandbox) -> Sandbox:
    for number in range(4):
        sandbox.put(patient(f"p{number}"))
    return sandbox


def test_a_status_fault_for_some_requests_some_times(planted: Sandbox, client: Client) -> None:
    busy = Fault("status", r"/Patient\?_id=", "GET", 429, {"Retry-After": "7"}, times=2, skip=1)
    planted.add_fault(busy)
    asked = [client.send("GET", "Patient?_id=p1")[0] for _ in range(4)]
    assert [response.status_code for response in asked] == [200, 429, 429, 200]
    assert asked[1].headers["Retry-After"] == "7"
    assert decode(asked[1].content)["resourceType"] == "OperationOutcome"
    planted.add_fault(Fault("status", status=503, body=b"busy"))
    assert client.session.get(f"{client.base}/metadata", timeout=5).text == "busy"
    planted.clear_faults()
    assert client.send("GET", "metadata")[0].status_code == 200


def test_dropped_before_nothing_is_done(planted: Sandbox, client: Client) -> None:
    planted.add_fault(Fault("drop-before", method="POST", times=1))
    with pytest.raises(requests.ConnectionError):
        client.send("POST", "Patient", patient())
    assert len(planted.resources()) == 4
    assert client.send("POST", "Patient", patient())[0].status_code == 201


def test_dropped_after_the_work_is_done(planted: Sandbox, client: Client) -> None:
    planted.add_fault(Fault("drop-after", method="POST", times=1))
    with pytest.raises(requests.ConnectionError):
        client.send("POST", "Patient", patient())
    assert len(planted.resources()) == 5
    assert planted.requests == [RequestRecord("POST", "/fhir/Patient", "", 0)]


def test_a_cut_body_is_shorter_than_announced(planted: Sandbox, client: Client) -> None:
    planted.add_fault(Fault("cut-body", times=1))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.send("GET", "Patient")
    assert len(client.get("Patient")["entry"]) == 4


def test_a_delay_outlasts_a_clients_patience(planted: Sandbox, client: Client) -> None:
    planted.add_fault(Fault("delay", "Patient", seconds=30, times=1))
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{client.base}/Patient", timeout=0.2)
    planted.add_fault(Fault("delay", "Patient", seconds=0.01))
    assert len(client.get("Patient")["entry"]) == 4


def test_next_links_that_lead_astray(planted: Sandbox, client: Client) -> None:
    planted.add_fault(Fault("foreign-next", times=1, url="http://evil.invalid/x"))
    assert link(client.get("Patient?_count=2"), "next") == "http://evil.invalid/x"
    planted.add_fault(Fault("self-next", times=1))
    assert link(client.get("Patient?_count=3"), "next") == f"{client.base}/Patient?_count=3"
    assert len(client.pages("Patient?_count=2")) == 2


def test_a_page_that_warns(planted: Sandbox, client: Client) -> None:
    planted.add_fault(Fault("outcome-entry", times=1))
    page = client.get("Patient")
    assert len(ids(page)) == 4
    assert page["entry"][-1]["search"]["mode"] == "outcome"
    assert page["entry"][-1]["resource"]["issue"][0]["severity"] == "warning"


def test_answers_that_are_not_fhir(planted: Sandbox, client: Client) -> None:
    planted.add_fault(Fault("not-json", times=1))
    response = client.session.get(f"{client.base}/Patient", timeout=5)
    assert (response.status_code, response.headers["Content-Type"][:21]) == (200, FHIR["Accept"])
    with pytest.raises(UndecodableError):
        decode(response.content)
    planted.add_fault(Fault("login-page", times=1))
    response = client.session.get(f"{client.base}/Patient", timeout=5)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html")


def test_requests_are_recorded_in_order(planted: Sandbox, client: Client) -> None:
    client.send("GET", "Patient?_id=p1")
    client.send("GET", "Patient/none")
    assert planted.requests == [
        RequestRecord("GET", "/fhir/Patient", "_id=p1", 200),
        RequestRecord("GET", "/fhir/Patient/none", "", 404),
    ]
    planted.requests.clear()
    client.send("PUT", "Patient/p1", patient("p1"))
    assert [record.method for record in planted.requests] == ["PUT"]


def test_a_token_is_needed_where_one_is_set() -> None:
    with Sandbox(bearer_token="secret") as sandbox:
        client = Client(sandbox)
        sandbox.put(patient("pa"))
        response, outcome = client.send("GET", "Patient/pa")
        assert (response.status_code, outcome["resourceType"]) == (401, "OperationOutcome")
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert client.send("GET", "Patient/pa", Authorization="Bearer wrong")[0].status_code == 401
        assert client.get("Patient/pa", Authorization="Bearer secret")["id"] == "pa"
        assert client.send("GET", "metadata")[0].status_code == 200


def test_connections_are_kept_and_long_answers_packed(planted: Sandbox) -> None:
    planted.put(patient("long", name=[{"text": "x" * 5000}]))
    with requests.Session() as session:
        plain = session.get(
            f"{planted.base_url}/Patient", headers={"Accept-Encoding": "identity"}, timeout=5
        )
        packed = session.get(
            f"{planted.base_url}/Patient", headers={"Accept-Encoding": "gzip"}, timeout=5
        )
        assert "Content-Encoding" not in plain.headers
        assert packed.headers["Content-Encoding"] == "gzip"
        assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
        assert decode(packed.content)["entry"] == decode(plain.content)["entry"]
        assert "Connection" not in packed.headers


def test_a_closed_sandbox_answers_nobody_not_even_those_it_knows() -> None:
    sandbox = Sandbox()
    client = Client(sandbox)
    client.get("metadata")
    sandbox.close()
    sandbox.close()
    with pytest.raises(requests.ConnectionError):
        client.get("metadata")


def test_other_places_and_methods_are_refused_as_fhir(client: Client) -> None:
    for method, url, status in [
        ("GET", client.base.removesuffix("/fhir") + "/elsewhere", 404),
        ("GET", "", 400),
        ("PATCH", "Patient/pa", 400),
        ("GET", "Patient/pa/$nonsense", 400),
        ("GET", "Nonsense", 404),
    ]:
        response, outcome = client.send(method, url)
        assert (response.status_code, outcome["resourceType"]) == (status, "OperationOutcome")
