"""5,000 records into a real HAPI, in writes of at most 50 entries and a megabyte."""

from pathlib import Path

from tests import large
from tests.real.destination import Destination
from tests.real.proxy import Proxy
from tests.support import Site

RECORDS = 5000


def test_nobody_sees_a_request_with_records_missing(tmp_path: Path, destination: Proxy) -> None:
    chart = large.chart(RECORDS)
    wanted = sum(r["resourceType"] == "Observation" for r in chart)
    site = Site(tmp_path, "", destination.base_url, patient=large.PATIENT)
    files = large.write_files(tmp_path, chart)
    site.configure(source=f'files = "{files}"', destination=large.LIMITS)
    request = site.request(scope="whole-chart")
    with large.looking(destination.upstream, wanted, 0.2) as looker:
        ran = site.cli("transfer", request, "--json")
    assert ran.json["state"] == "verified", ran
    assert looker.half == []
    assert looker.looks > 20
    assert looker.seen.keys() == {"ServiceRequest", "Task"}
    there = Destination.read(destination.upstream)
    large.assert_resolved(list(there.resources.values()))
    assert sum(name.startswith("Observation/") for name in there.resources) == wanted
