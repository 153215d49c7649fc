"""5,000 records into a real HAPI, in writes of at most 50 entries and a megabyte."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connector.fhir.systems import TAG
from tests import large
from tests.real.conftest import bad_line
from tests.real.destination import Destination
from tests.real.hapi_pair import HapiPair, empty
from tests.real.loader import BATCH, put_all
from tests.real.proxy import Proxy
from tests.real.toxiproxy import Toxiproxy
from tests.support import Site

RECORDS = 5000
ON_A_BAD_LINE = 1500  # 5,000 take six minutes, and pass as well
SLOWLY = "read_timeout_s = 30\nattempts = 4\n"


def test_nobody_sees_a_request_with_records_missing(tmp_path: Path, destination: Proxy) -> None:
    chart = large.chart(RECORDS)
    site = Site(tmp_path, "", destination.base_url)
    large.assert_never_half(site, chart, destination.upstream, 0.2)
    there = Destination.read(destination.upstream)
    large.assert_resolved(list(there.resources.values()))
    wanted = sum(r["resourceType"] == "Observation" for r in chart)
    assert sum(name.startswith("Observation/") for name in there.resources) == wanted


@pytest.mark.timeout(1200)
def test_over_a_bad_line_all_of_it_stands_there_once(tmp_path: Path, hapi: HapiPair) -> None:
    """Both ways lead through a line that is slow, and on which connections end when they like."""
    chart = large.chart(ON_A_BAD_LINE)
    wanted = sum(r["resourceType"] == "Observation" for r in chart)
    empty(hapi.destination_url)
    # What refers to each other in circles stands at the beginning, and fits into one transaction.
    put_all(hapi.source_url, chart[:BATCH])
    put_all(hapi.source_url, chart[BATCH:])
    with bad_line(hapi.source_url) as here, bad_line(hapi.destination_url) as there:
        site = Site(tmp_path, here.base_url, there.base_url, patient=large.PATIENT)
        site.configure(source=SLOWLY, destination=f"{SLOWLY}{large.LIMITS}")
        request = site.request(scope="whole-chart")
        spoil(here)
        for run in range(6):  # a later run asks only for what is still missing
            pulled = site.cli("transfer", request, "--dry-run", "--json")
            if pulled.json["state"] == "ready" and not broken(pulled.json):
                break
            assert pulled.json["state"] in ("ready", "source-failed"), pulled
            if run == 4:
                here.heal()
        assert broken(pulled.json) == []
        spoil(there)
        runs = 0
        with large.looking(hapi.destination_url, wanted, 0.5) as looker:
            for runs in range(1, 11):
                ran = site.cli("transfer", request, "--json")
                if ran.json["state"] == "verified":
                    break
                assert (ran.code, ran.json["state"]) == (7, "destination-refused"), ran
                if runs == 8:
                    there.heal()
        assert ran.json["state"] == "verified", (runs, ran)
    with closing(sqlite3.connect(site.store / "ledger.db")) as db:
        found_out = dict(db.execute("SELECT outcome, count(*) FROM ledger_write GROUP BY outcome"))
    assert len(found_out) > 1, found_out  # the line did harm: not every write was simply done
    assert looker.half == []
    found = Destination.read(hapi.destination_url)
    large.assert_resolved(list(found.resources.values()))
    assert sum(name.startswith("Observation/") for name in found.resources) == wanted
    assert {len(places) for places in found.tagged(TAG).values()} == {1}


def spoil(line: Toxiproxy) -> None:
    """Slow for all; each connection ends inside of some request, some in an answer, a few are
    reset or fall silent. A CapabilityStatement has to get through now and then.
    """
    line.spoil("latency", {"latency": 10, "jitter": 8})
    line.spoil("limit_data", {"bytes": 400_000}, share=0.3)
    line.spoil("limit_data", {"bytes": 300_000}, "upstream")  # several writes long
    line.spoil("reset_peer", {"timeout": 5_000}, share=0.2)
    line.spoil("timeout", {"timeout": 5_000}, "upstream", share=0.1)


def broken(case: dict[str, Any]) -> list[Any]:
    """What the pull asked for and did not get."""
    return [gap for gap in case["gaps"] if gap["kind"] in ("failed", "refused")]
