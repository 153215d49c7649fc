"""Many records within small limits: circles are closed, and nobody sees a request that is half."""

from pathlib import Path

import pytest

from connector.sandbox import Quirks, Sandbox
from tests import large
from tests.support import Site

RECORDS = 400


@pytest.mark.parametrize("way", ["transaction", "batch", "single"])
def test_nobody_sees_a_request_with_records_missing(tmp_path: Path, way: str) -> None:
    chart = large.chart(RECORDS if way == "transaction" else 220)
    wanted = sum(r["resourceType"] == "Observation" for r in chart)
    quirks = Quirks(transactions=way == "transaction", batches=way != "single")
    with Sandbox(quirks=quirks) as destination:
        site = Site(tmp_path, "", destination.base_url, patient=large.PATIENT)
        files = large.write_files(tmp_path, chart)
        site.configure(source=f'files = "{files}"', destination=large.LIMITS)
        request = site.request(scope="whole-chart")
        with large.looking(destination.base_url, wanted, 0.02) as looker:
            ran = site.cli("transfer", request, "--json")
        assert ran.json["state"] == "verified", ran
        assert looker.half == []
        assert looker.looks > 20
        assert looker.seen.keys() == {"ServiceRequest", "Task"}
        large.assert_resolved(destination.resources())
