"""5,000 records into a real HAPI, in writes of at most 50 entries and a megabyte."""

from pathlib import Path

from tests import large
from tests.real.destination import Destination
from tests.real.proxy import Proxy
from tests.support import Site

RECORDS = 5000


def test_nobody_sees_a_request_with_records_missing(tmp_path: Path, destination: Proxy) -> None:
    chart = large.chart(RECORDS)
    site = Site(tmp_path, "", destination.base_url)
    large.assert_never_half(site, chart, destination.upstream, 0.2)
    there = Destination.read(destination.upstream)
    large.assert_resolved(list(there.resources.values()))
    wanted = sum(r["resourceType"] == "Observation" for r in chart)
    assert sum(name.startswith("Observation/") for name in there.resources) == wanted
