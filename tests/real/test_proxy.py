"""The counting proxy before a real HAPI: transparent, complete in its count, faulty on demand."""

import pytest
import requests

from tests.real.charts import chart_files, key, read_chart
from tests.real.hapi_pair import HapiPair
from tests.real.loader import load
from tests.real.proxy import Exchange, Fault, Proxy

FHIR = {"Content-Type": "application/fhir+json"}
PATIENT = {"resourceType": "Patient", "active": True}


def test_links_stay_with_the_proxy_and_bodies_pass_unchanged(hapi: HapiPair, source: Proxy) -> None:
    chart = read_chart(chart_files()[0])
    load(hapi.source_url, chart)
    page = requests.get(f"{source.base_url}/Observation?_count=5", timeout=60).json()
    links = {link["relation"]: link["url"] for link in page["link"]}
    assert links["next"].startswith(f"{source.base_url}?")
    assert requests.get(links["next"], timeout=60).json()["entry"]
    path = f"/{key(chart.patient)}"
    direct = requests.get(f"{hapi.source_url}{path}", timeout=60)
    assert requests.get(f"{source.base_url}{path}", timeout=60).content == direct.content
    assert [e.status for e in source.exchanges] == [200, 200, 200]
    assert source.writes == []


def test_writes_are_told_from_reads_and_searches(destination: Proxy) -> None:
    with requests.Session() as session:
        session.post(f"{destination.base_url}/Patient/_search", data={"active": "true"}, timeout=60)
        session.post(f"{destination.base_url}/Patient", json=PATIENT, headers=FHIR, timeout=60)
    assert destination.writes == [Exchange("POST", "/fhir/Patient", 201)]
    assert len(destination.exchanges) == 2


def test_the_destination_is_empty_again(destination: Proxy) -> None:
    found = requests.get(f"{destination.base_url}/Patient", timeout=60).json()
    assert found["total"] == 0


def test_a_chosen_status_without_asking_the_server(destination: Proxy) -> None:
    destination.faults.append(Fault(r"/Patient$", status=403, method="POST", times=1))
    url = f"{destination.base_url}/Patient"
    first = requests.post(url, json=PATIENT, headers=FHIR, timeout=60)
    second = requests.post(url, json=PATIENT, headers=FHIR, timeout=60)
    assert (first.status_code, second.status_code) == (403, 201)
    assert requests.get(url, timeout=60).json()["total"] == 1


def test_a_cut_body(destination: Proxy) -> None:
    destination.faults.append(Fault("/metadata", "cut"))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{destination.base_url}/metadata", timeout=60)


@pytest.mark.parametrize(("kind", "stored"), [("drop-before", 0), ("drop-after", 1)])
def test_no_answer_before_or_after_the_work(destination: Proxy, kind: str, stored: int) -> None:
    destination.faults.append(Fault("/Patient", kind, method="POST"))  # type: ignore[arg-type]
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(f"{destination.base_url}/Patient", json=PATIENT, headers=FHIR, timeout=60)
    assert destination.exchanges == [Exchange("POST", "/fhir/Patient", 0)]
    assert requests.get(f"{destination.base_url}/Patient", timeout=60).json()["total"] == stored
