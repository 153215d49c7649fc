"""Reading and writing one resource at a time."""

from decimal import Decimal

import pytest
import requests

from connector.fhir.lossless import decode, encode
from tests.sandbox.conftest import FHIR, Client, observation, patient
from tests.sandbox_parts import Quirks, Sandbox


def test_an_update_creates_with_the_clients_id_and_answers_versioned(client: Client) -> None:
    response, body = client.send("PUT", "Patient/pa", patient(gender="female"))
    assert response.status_code == 201
    assert response.headers["ETag"] == 'W/"1"'
    assert response.headers["Last-Modified"].endswith("GMT")
    assert response.headers["Content-Type"].startswith("application/fhir+json")
    assert body["meta"]["versionId"] == "1"
    assert client.get("Patient/pa") == body

    response, _ = client.send("PUT", "Patient/pa", patient(gender="male"))
    assert (response.status_code, response.headers["ETag"]) == (200, 'W/"2"')
    assert client.get("Patient/pa/_history/1")["gender"] == "female"
    assert client.get("Patient/pa/_history/2")["gender"] == "male"
    assert client.send("GET", "Patient/pa/_history/3")[0].status_code == 404


def test_an_identical_update_makes_no_new_version(client: Client) -> None:
    tags = [{"system": "s", "code": "a"}, {"system": "s", "code": "b"}]
    client.send("PUT", "Patient/pa", patient(gender="female", meta={"tag": tags}))
    again = patient(meta={"versionId": "7", "tag": tags[::-1]}, gender="female")
    response, _ = client.send("PUT", "Patient/pa", again)
    assert (response.status_code, response.headers["ETag"]) == (200, 'W/"1"')


def test_tags_and_security_labels_stay_when_an_update_lacks_them(client: Client) -> None:
    first = {"tag": [{"system": "s", "code": "a"}], "security": [{"code": "R"}], "profile": ["p1"]}
    client.send("PUT", "Patient/pa", patient(meta=first))
    second = {"tag": [{"system": "s", "code": "b"}], "profile": ["p2"]}
    _, body = client.send("PUT", "Patient/pa", patient(meta=second))
    assert [tag["code"] for tag in body["meta"]["tag"]] == ["a", "b"]
    assert body["meta"]["security"] == [{"code": "R"}]
    assert body["meta"]["profile"] == ["p2"]


def test_content_survives_to_the_last_digit(client: Client, sandbox: Sandbox) -> None:
    client.send("PUT", "Patient/pa", patient())
    sent = observation("Patient/pa", id="o", note=[{"text": "ä \u2028 \U0001f600"}])
    sent["valueQuantity"] = {"value": Decimal("1.50"), "unit": "mg"}
    sent["component"] = [{"code": {"text": "c"}, "valueQuantity": {"value": Decimal("0.10E-3")}}]
    client.send("PUT", "Observation/o", sent)
    got = client.get("Observation/o")
    del got["meta"]
    assert encode(got) == encode({"resourceType": "Observation", "id": "o"} | sent)
    assert b'"value":1.50,' in requests.get(f"{sandbox.base_url}/Observation/o", timeout=5).content


@pytest.mark.parametrize(
    ("url", "body", "status"),
    [
        ("Patient/123", patient("123"), 400),  # numeric ids are the server's
        ("Patient/pa", patient("other"), 400),
        ("Patient/pa", {"resourceType": "Patient"}, 400),
        ("Patient/pa", {"resourceType": "Person", "id": "pa"}, 400),
        ("Nonsense/x", {"resourceType": "Nonsense", "id": "x"}, 404),
        ("Observation/o", observation("Patient/none", id="o"), 400),
        ("Observation/o", observation("http://other.invalid/fhir/Patient/1", id="o"), 400),
        (
            "Observation/o",
            observation("urn:uuid:5d5a4fd4-7f23-4d6e-8e06-1f7d0ec1d2f1", id="o"),
            400,
        ),
        ("Observation/o", observation("Nonsense/1", id="o"), 422),
        ("Observation/o", observation("Patient?identifier=s|none", id="o"), 404),
    ],
)
def test_a_bad_write_is_refused_with_an_outcome(
    client: Client, sandbox: Sandbox, url: str, body: object, status: int
) -> None:
    response, outcome = client.send("PUT", url, body)
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("application/fhir+json")
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["severity"] == "error"
    assert sandbox.resources() == []


def test_references_by_identifier_to_contained_and_to_versions_are_taken(client: Client) -> None:
    client.send("PUT", "Patient/pa", patient(identifier=[{"system": "s", "value": "1"}]))
    body = observation("Patient/pa/_history/1", id="o", performer=[{"identifier": {"value": "n"}}])
    body["device"] = {"reference": "#d"}
    response, stored = client.send("PUT", "Observation/o", body)
    assert response.status_code == 201
    assert stored["subject"] == {"reference": "Patient/pa"}  # as HAPI: the version is cut off
    _, stored = client.send("POST", "Observation", observation("Patient?identifier=s|1"))
    assert stored["subject"] == {"reference": "Patient/pa"}


@pytest.mark.parametrize("status", [409, 412])
def test_a_stale_if_match_is_refused(status: int) -> None:
    with Sandbox(quirks=Quirks(stale_status=status)) as sandbox:
        client = Client(sandbox)
        client.send("PUT", "Patient/pa", patient())
        changed = patient(gender="male")
        response, _ = client.send("PUT", "Patient/pa", changed, If_Match='W/"9"')
        assert response.status_code == status
        assert "gender" not in client.get("Patient/pa")
        response, _ = client.send("PUT", "Patient/pa", changed, If_Match='W/"1"')
        assert response.headers["ETag"] == 'W/"2"'
        # As HAPI 8 does: where nothing stands, there is nothing to be stale against.
        response, _ = client.send("PUT", "Patient/new", patient("new"), If_Match='W/"4"')
        assert response.status_code == 201


@pytest.mark.parametrize("guards", [True, False])
def test_a_stale_if_match_on_a_deletion_is_refused_where_it_is_honoured(guards: bool) -> None:
    with Sandbox(quirks=Quirks(if_match_on_delete=guards)) as sandbox:
        client = Client(sandbox)
        client.send("PUT", "Patient/pa", patient())
        client.send("DELETE", "Patient/pa", If_Match='W/"9"')
        assert len(sandbox.resources()) == guards


def test_the_servers_ids_avoid_those_a_chart_brought(client: Client, sandbox: Sandbox) -> None:
    for number in range(1000, 1010):
        sandbox.put(patient(str(number)))
    _, made = client.send("POST", "Patient", patient())
    assert len({resource["id"] for resource in sandbox.resources()}) == 11
    assert made["meta"]["versionId"] == "1"


def test_a_create_gets_the_servers_id_and_if_none_exist_finds_it_again(client: Client) -> None:
    sent = patient("ignored", identifier=[{"system": "s", "value": "1"}])
    condition = "identifier=s|1"
    response, body = client.send("POST", "Patient", sent, If_None_Exist=condition)
    assert response.status_code == 201
    assert body["id"].isdigit()
    assert response.headers["Location"] == f"{client.base}/Patient/{body['id']}/_history/1"
    response, again = client.send("POST", "Patient", sent, If_None_Exist=condition)
    assert (response.status_code, again) == (200, body)
    client.send("POST", "Patient", sent)
    assert client.send("POST", "Patient", sent, If_None_Exist=condition)[0].status_code == 412
    assert client.send("POST", "Patient", sent, If_None_Exist="nonsense=1")[0].status_code == 400


def test_a_conditional_update_creates_once_then_updates(client: Client) -> None:
    tagged = {"tag": [{"system": "http://t", "code": "x"}]}
    basic = {"resourceType": "Basic", "meta": tagged, "code": {"text": "one"}}
    response, made = client.send("PUT", "Basic?_tag=http://t|x", basic)
    assert response.status_code == 201
    response, same = client.send("PUT", "Basic?_tag=http://t|x", basic)
    assert (response.status_code, same) == (200, made)
    _, changed = client.send("PUT", "Basic?_tag=http://t|x", {**basic, "code": {"text": "two"}})
    assert (changed["id"], changed["meta"]["versionId"]) == (made["id"], "2")
    assert client.send("PUT", "Basic?_tag=http://t|other", basic)[0].status_code == 400
    client.send("POST", "Basic", basic)
    assert client.send("PUT", "Basic?_tag=http://t|x", basic)[0].status_code == 412


def test_a_deleted_resource_is_gone_and_can_come_back(client: Client) -> None:
    assert client.send("DELETE", "Patient/pa")[0].status_code == 200
    client.send("PUT", "Patient/pa", patient())
    client.send("PUT", "Observation/o", observation("Patient/pa", id="o"))
    assert client.send("DELETE", "Patient/pa")[0].status_code == 409
    client.send("DELETE", "Observation/o")
    assert client.send("DELETE", "Patient/pa")[0].status_code == 200
    assert client.send("GET", "Patient/pa")[0].status_code == 410
    assert client.send("GET", "Patient/never")[0].status_code == 404
    assert "entry" not in client.get("Patient?_id=pa")
    response, _ = client.send("PUT", "Patient/pa", patient())
    assert (response.status_code, response.headers["ETag"]) == (201, 'W/"3"')


def test_a_binary_is_raw_unless_fhir_is_asked_for(client: Client) -> None:
    binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "aGk="}
    client.send("PUT", "Binary/b", binary)
    response = requests.get(f"{client.base}/Binary/b", headers={"Accept": "*/*"}, timeout=5)
    assert (response.content, response.headers["Content-Type"]) == (b"hi", "text/plain")
    assert client.get("Binary/b")["data"] == "aGk="


def test_what_is_not_fhir_json_is_not_read(client: Client, sandbox: Sandbox) -> None:
    url = f"{client.base}/Patient"
    plain = requests.post(url, data=b"{}", headers={"Content-Type": "text/plain"}, timeout=5)
    assert plain.status_code == 415
    cut = requests.post(url, data=b'{"resourceType":"Patient",', headers=FHIR, timeout=5)
    assert cut.status_code == 400
    assert decode(cut.content)["resourceType"] == "OperationOutcome"
    assert sandbox.resources() == []


def test_a_body_beyond_the_limit_is_refused() -> None:
    with Sandbox(quirks=Quirks(body_limit=1000)) as sandbox:
        client = Client(sandbox)
        long = patient(name=[{"text": "x" * 3_000_000}])
        assert client.send("PUT", "Patient/pa", long)[0].status_code == 413
        assert client.send("PUT", "Patient/pa", patient())[0].status_code == 201


def test_minimal_return_has_no_body(client: Client) -> None:
    response, body = client.send("POST", "Patient", patient(), Prefer="return=minimal")
    assert (response.status_code, body) == (201, None)


def test_quirks_of_a_destination_change_what_is_stored() -> None:
    sent = observation("Patient/gone", id="o", note=[{"text": "n"}])
    sent["valueQuantity"] = {"value": Decimal("1.50")}

    def stored(quirks: Quirks) -> dict[str, object]:
        with Sandbox(quirks=quirks) as sandbox:
            Client(sandbox).send("PUT", "Observation/o", sent)
            return next(iter(sandbox.resources()), {})

    lax = Quirks(integrity=False)
    assert stored(Quirks()) == {}
    assert stored(lax)["subject"] == {"reference": "Patient/gone"}
    rounded = stored(Quirks(integrity=False, round_decimals=True))
    assert encode(rounded["valueQuantity"]) == b'{"value":1.5}'
    changed = stored(Quirks(integrity=False, change_digit=True))
    assert encode(changed["valueQuantity"]) == b'{"value":1.51}'
    dropped = stored(Quirks(integrity=False, drop_elements=frozenset({"Observation.note"})))
    assert "note" not in dropped
    assert "status" in dropped
    assert stored(Quirks(integrity=False, reject='"text":"n"')) == {}
