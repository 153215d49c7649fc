"""A packet as one FHIR document at a real HAPI: stored, found again, and equal."""

from pathlib import Path

from tests.real.charts import chart_files, read_chart
from tests.real.destination import Destination
from tests.real.loader import load
from tests.real.proxy import Proxy
from tests.support import Site


def test_a_document_is_stored_once_as_it_was_sent(
    tmp_path: Path, source: Proxy, destination: Proxy
) -> None:
    chart = read_chart(chart_files()[0])
    load(source.upstream, chart)
    site = Site(tmp_path, source.base_url, destination.base_url, patient=chart.patient["id"])
    site.configure(destination='bundle = { kind = "document" }')
    request = site.request(scope="whole-chart")
    ran = site.cli("transfer", request, "--json")
    assert ran.json["state"] == "verified", ran
    [bundle] = Destination.read(destination.upstream).resources.values()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "document")
    assert ran.json["counts"]["verified"] == len(bundle["entry"])
    assert site.cli("verify", "SO-1", "--json").json["state"] == "verified"
    again = site.cli("recall", "SO-1", "--json", stdin="wrong team\n")
    assert again.json["state"] == "recalled", again
    assert Destination.read(destination.upstream).resources == {}
