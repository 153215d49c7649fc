"""What a real HAPI server says of what we write, asked with $validate, and of a whole export."""

import json
from typing import Any

import pytest
import requests

from connector.packet.render.bundle import render
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import full_request, put_chart, run
from tests.real.charts import chart_files
from tests.real.destination import Destination
from tests.real.proxy import Proxy

FHIR = {"Content-Type": "application/fhir+json"}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> CaseFile:
    case = CaseFile.open(tmp_path_factory.mktemp("case"))
    put_chart(case, chart_files()[0])
    run(case, full_request(case, "diagnosis", "general"))
    return case


def validated(base_url: str, body: bytes) -> list[Any]:
    """The errors of $validate on one resource (R4 resource-operation-validate.html)."""
    url = f"{base_url}/{json.loads(body)['resourceType']}/$validate"
    answer = requests.post(url, data=body, headers=FHIR, timeout=300)
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome", answer.status_code
    return [i for i in outcome["issue"] if i["severity"] in ("error", "fatal")]


def test_the_server_finds_no_error_in_what_we_write(destination: Proxy, case: CaseFile) -> None:
    for entry in packet.entries(case, "authored"):
        assert validated(destination.upstream, entry.body) == [], entry.source
    # That it looks at all: an order without its subject is none.
    order = packet.authored(case, "ServiceRequest")
    assert order is not None
    without = {k: v for k, v in json.loads(order.body).items() if k != "subject"}
    assert validated(destination.upstream, json.dumps(without).encode())


def test_an_exported_transaction_is_taken_whole_and_once(
    destination: Proxy, case: CaseFile
) -> None:
    body = b"".join(render(case, "transaction"))
    for _ in range(2):
        answer = requests.post(destination.upstream, data=body, headers=FHIR, timeout=300)
        assert answer.status_code == 200, answer.text[:2000]
    there = Destination.read(destination.upstream).resources
    assert len(there) == len(json.loads(body)["entry"])
    (order,) = (r for r in there.values() if r["resourceType"] == "ServiceRequest")
    assert order["status"] == "active"
    assert order["performer"] == [{"reference": "#performer"}]
    assert "urn:uuid:" not in json.dumps([order["subject"], order["supportingInfo"]])
