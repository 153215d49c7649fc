"""What the connector relies on in a real HAPI FHIR R4 server, each fact shown by one exchange."""

import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests

from tests.real.charts import Resource, chart_files, key, read_chart
from tests.real.destination import Destination, search
from tests.real.ground_truth import record_differences
from tests.real.hapi_pair import HapiPair, empty
from tests.real.loader import load, put_all
from tests.real.probe import SYSTEM, Server, create_once, fresh_code, observation


@pytest.fixture(scope="module")
def server(hapi: HapiPair) -> Iterator[Server]:
    empty(hapi.destination_url)
    server = Server(hapi.destination_url)
    yield server
    server.session.close()


def test_no_cache_makes_a_search_read_the_store(server: Server) -> None:
    code = fresh_code()
    tag = f"{SYSTEM}|{code}"
    assert server.found("Observation", {}, _tag=tag) == []
    server.send("POST", "/Observation", observation(code))
    assert server.found("Observation", {}, _tag=tag) == []
    assert len(server.found("Observation", _tag=tag)) == 1


def test_conditional_creates_by_tag_find_what_is_there_and_map_references_to_it(
    server: Server,
) -> None:
    first, second = fresh_code(), fresh_code()
    there = server.send("POST", "/Observation", observation(first)).json()["id"]
    changed = observation(first, valueString="not written")
    member = observation(second, hasMember=[{"reference": f"urn:uuid:{first}"}])
    answer = server.transaction(create_once(first, changed), create_once(second, member)).json()
    old, new = (entry["response"] for entry in answer["entry"])
    assert old["status"].startswith("200")
    assert old["location"] == f"Observation/{there}/_history/1"
    assert old["etag"] == "1"
    assert new["status"].startswith("201")
    stored = server.read(new["location"])
    assert stored["hasMember"] == [{"reference": f"Observation/{there}"}]
    assert "valueString" not in server.read(f"Observation/{there}")


def test_a_tag_borne_twice_refuses_the_conditional_create(server: Server) -> None:
    code = fresh_code()
    for _ in range(2):
        server.send("POST", "/Observation", observation(code))
    assert server.transaction(create_once(code, observation(code))).status_code == 412


def test_a_hundred_tags_in_one_search_by_post_only(server: Server) -> None:
    codes = [fresh_code() for _ in range(100)]
    server.transaction(*(create_once(code, observation(code)) for code in codes))
    tags = ",".join(f"{SYSTEM}|{code}" for code in codes)
    assert len(server.found("Observation", _tag=tags, _count="200")) == 100
    by_get = requests.get(f"{server.base_url}/Observation", params={"_tag": tags}, timeout=60)
    assert by_get.status_code == 414


def test_a_stale_if_match_refuses_the_whole_transaction(server: Server) -> None:
    there = server.send("POST", "/Observation", observation(fresh_code())).json()["id"]

    def update(value: str, version: str) -> Resource:
        request = {"method": "PUT", "url": f"Observation/{there}", "ifMatch": f'W/"{version}"'}
        resource = {"resourceType": "Observation", "id": there, "status": "final"}
        body = {**resource, "code": {"text": "probe"}, "valueString": value}
        return {"resource": body, "request": request}

    current = server.transaction(update("one", "1")).json()["entry"][0]["response"]
    assert (current["status"], current["etag"]) == ("200 OK", "2")
    other = fresh_code()
    stale = server.transaction(create_once(other, observation(other)), update("two", "1"))
    assert stale.status_code == 409
    assert server.found("Observation", _tag=f"{SYSTEM}|{other}") == []
    same = server.transaction(update("one", "2")).json()["entry"][0]["response"]
    assert same["etag"] == "2", "identical content makes no new version"


def test_if_match_protects_neither_a_conditional_update_nor_an_absent_id(server: Server) -> None:
    code = fresh_code()
    by_tag = f"/Observation?_tag={SYSTEM}|{code}"
    for value in ("one", "two"):
        server.send("PUT", by_tag, observation(code, valueString=value))
    stale = {"If-Match": 'W/"1"'}
    answer = server.send("PUT", by_tag, observation(code, valueString="three"), **stale)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"3"')
    absent = f"probe-{code}"
    body = {**observation(code), "id": absent}
    assert server.send("PUT", f"/Observation/{absent}", body, **stale).status_code == 201


def test_a_reference_by_identifier_only_is_kept(server: Server) -> None:
    focus = [
        {"identifier": {"system": f"urn:uuid:{fresh_code()}", "value": "Claim/x"}},
        {"type": "Claim", "display": "d", "identifier": {"system": "urn:a:b", "value": "Claim/x"}},
    ]
    answer = server.send("POST", "/Observation", observation(fresh_code(), focus=focus))
    assert answer.status_code == 201
    assert answer.json()["focus"] == focus


@pytest.mark.parametrize(
    "target", ["Patient/nobody", "http://example.org/fhir/Patient/1", f"urn:uuid:{uuid.uuid4()}"]
)
def test_a_reference_to_nothing_refuses_the_whole_transaction(server: Server, target: str) -> None:
    good, bad = fresh_code(), fresh_code()
    astray = observation(bad, subject={"reference": target})
    answer = server.transaction(create_once(good, observation(good)), create_once(bad, astray))
    assert answer.status_code == 400
    assert server.found("Observation", _tag=f"{SYSTEM}|{good}") == []


def test_match_is_not_there(server: Server) -> None:
    parameters = {"resourceType": "Parameters", "parameter": []}
    answer = server.send("POST", "/Patient/$match", parameters)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["code"] == "not-supported"


def test_an_unreadable_entry_refuses_a_whole_batch(server: Server) -> None:
    code = fresh_code()
    bad = {**observation(fresh_code()), "status": "no-such-code"}
    request = {"method": "POST", "url": "Observation"}
    entries = [{"resource": r, "request": request} for r in (observation(code), bad)]
    assert server.transaction(*entries, kind="batch").status_code == 400
    assert server.found("Observation", _tag=f"{SYSTEM}|{code}") == []


def test_tags_are_never_removed(server: Server) -> None:
    there = server.send("POST", "/Observation", observation("one")).json()["id"]
    server.send("PUT", f"/Observation/{there}", {**observation("two"), "id": there})
    tags = server.read(f"Observation/{there}")["meta"]["tag"]
    assert {tag["code"] for tag in tags} == {"one", "two"}


def test_binary_comes_as_fhir_only_when_asked_for(server: Server) -> None:
    binary = {"resourceType": "Binary", "id": "probe", "contentType": "text/plain", "data": "aGk="}
    put_all(server.base_url, [binary])
    assert requests.get(f"{server.base_url}/Binary/probe", timeout=60).content == b"hi"
    assert server.read("Binary/probe")["data"] == "aGk="


# Each value as written -> as read back. Where they differ, HAPI is known to change them.
DECIMALS = [
    ("1.50", "1.50"),
    ("0.12345678901234567890", "0.12345678901234567890"),
    ("12345678901234567890.10", "12345678901234567890.10"),
    ("1e2", "100"),
    ("-0.0", "0.0"),
]
TIMES = ["2019-05", "2020-01-01T10:00:00.785+00:00", "2020-01-01T10:00:00.785123Z"]


@pytest.mark.parametrize(("written", "read"), DECIMALS)
def test_decimals(server: Server, written: str, read: str) -> None:
    value = {"value": Decimal(written), "unit": "mg"}
    answer = server.send("POST", "/Observation", observation(fresh_code(), valueQuantity=value))
    assert f'"value":{read},' in answer.text


@pytest.mark.parametrize("written", TIMES)
def test_times_are_kept_as_written(server: Server, written: str) -> None:
    body = observation(fresh_code(), effectiveDateTime=written)
    answer = server.send("POST", "/Observation", body)
    assert answer.json()["effectiveDateTime"] == written


def test_rare_elements_are_kept(server: Server) -> None:
    extension = [{"url": "http://example.org/e", "valueString": " two  spaces "}]
    patient = {
        "resourceType": "Patient",
        "id": "rare",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "n"}],
        "modifierExtension": [{"url": "http://example.org/m", "valueBoolean": False}],
        "identifier": [{"system": "urn:oid:1.2.3", "value": "007 "}],
        "name": [{"given": ["A", None], "_given": [None, {"extension": extension}]}],
        "birthDate": "1970-03",
        "_birthDate": {"id": "b", "extension": extension},
        "managingOrganization": {"reference": "#o"},
    }
    put_all(server.base_url, [patient])
    assert record_differences(patient, server.read("Patient/rare")) == []


def test_some_elements_are_dropped_without_a_word(server: Server) -> None:
    body = observation(
        fresh_code(),
        valueQuantity={"value": Decimal("1.5"), "_value": {"id": "q"}},
        note=[{"text": ""}],
        unknownElement=3,
    )
    answer = server.send("POST", "/Observation", body)
    assert answer.status_code == 201
    stored = server.read(f"Observation/{answer.json()['id']}")
    lost = {"lost note", "lost unknownElement", "lost valueQuantity._value"}
    assert set(record_differences(body, stored)) == lost


def test_narrative_changes_only_in_its_spelling(server: Server) -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p title=\'t\' class="c">a<br />b</p></div>'
    patient = {"resourceType": "Patient", "id": "n", "text": {"status": "generated", "div": div}}
    put_all(server.base_url, [patient])
    stored = server.read("Patient/n")
    assert stored["text"]["div"] != div
    assert record_differences(patient, stored) == []


def test_charts_come_back_equal_and_page_by_page(hapi: HapiPair) -> None:
    """Every record of the fixture charts: only meta changes (and profiles are sorted)."""
    charts = [read_chart(path) for path in chart_files()]
    for chart in charts:
        load(hapi.source_url, chart)
    stored = Destination.read(hapi.source_url).resources
    for record in (r for chart in charts for r in (*chart.shared, *chart.records)):
        assert record_differences(record, stored[key(record)]) == [], key(record)


def test_count_is_limited_and_everything_holds_the_whole_chart(hapi: HapiPair) -> None:
    chart = read_chart(max(chart_files(), key=lambda path: path.stat().st_size))
    load(hapi.source_url, chart)
    patient = key(chart.patient)
    server = Server(hapi.source_url)
    everything = f"{patient}/$everything?_count=500"
    assert len(server.read(everything)["entry"]) == 200
    found = search(server.session, f"{hapi.source_url}/{everything}")
    assert {key(record) for record in chart.records} <= {key(record) for record in found}


def test_provenance_is_found_by_its_targets(hapi: HapiPair) -> None:
    chart = read_chart(max(chart_files(), key=lambda path: path.stat().st_size))
    load(hapi.source_url, chart)
    server = Server(hapi.source_url)
    targets = [key(r) for r in chart.records if r["resourceType"] == "Observation"]
    expected = [key(r) for r in chart.records if r["resourceType"] == "Provenance"]
    assert [key(r) for r in server.found("Provenance", target=",".join(targets))] == expected
    query = {"patient": chart.patient["id"], "_revinclude": "Provenance:target"}
    included = server.found("Encounter", _count="100", **query)
    assert [key(r) for r in included if r["resourceType"] == "Provenance"] == expected
