"""Cancelled and recalled at a real HAPI server: what the receiver did there stands."""

from pathlib import Path
from typing import Any

import pytest
import requests

from connector.fhir import systems
from tests.real.charts import Resource, chart_files, key, read_chart
from tests.real.destination import Destination
from tests.real.ground_truth import dangling
from tests.real.loader import load
from tests.real.proxy import Proxy
from tests.support import Site

JSON = {"Content-Type": "application/fhir+json"}


@pytest.fixture
def site(tmp_path: Path, source: Proxy, destination: Proxy) -> Site:
    """A packet that was delivered, and announced."""
    chart = read_chart(chart_files()[0])
    load(source.upstream, chart)
    made = Site(tmp_path, source.base_url, destination.base_url, patient=chart.patient["id"])
    made.configure()
    assert made.cli("transfer", made.request(), "--json").json["state"] == "verified"
    return made


def there(destination: Proxy, kind: str) -> list[Resource]:
    stands = Destination.read(destination.upstream).resources
    return [resource for resource in stands.values() if resource["resourceType"] == kind]


def edited(destination: Proxy, resource: Resource, **changes: Any) -> Resource:
    """What somebody of theirs makes of a resource, as it stands then."""
    url = f"{destination.upstream}/{key(resource)}"
    now = requests.get(url, headers={"Cache-Control": "no-cache"}, timeout=60).json()
    answer = requests.put(url, json=now | changes, headers=JSON, timeout=60)
    assert answer.ok, answer.text
    return Destination.read(destination.upstream).resources[key(resource)]


def ours(destination: Proxy) -> list[Resource]:
    tagged = Destination.read(destination.upstream)
    return [tagged.resources[p] for ps in tagged.tagged(systems.TAG).values() for p in ps]


def test_cancelled_before_and_after_they_took_it_up(site: Site, destination: Proxy) -> None:
    [task] = there(destination, "Task")
    accepted = edited(destination, task, status="accepted")
    done = site.cli("cancel", "SO-1", "--by", "A. Person", "--json", stdin="withdrawn")
    assert (done.code, done.json["state"]) == (0, "cancelled"), done
    assert [r["status"] for r in there(destination, "ServiceRequest")] == ["revoked"]
    tasks = {key(found): found for found in there(destination, "Task")}
    assert tasks.pop(key(accepted)) == accepted
    [asks] = tasks.values()
    assert asks["code"]["coding"][0]["code"] == "abort"
    assert asks["focus"]["reference"] == key(accepted)


def test_cancelled_while_nobody_took_it_up(site: Site, destination: Proxy) -> None:
    done = site.cli("cancel", "SO-1", "--json", stdin="withdrawn")
    assert (done.code, done.json["state"]) == (0, "cancelled"), done
    assert [r["status"] for r in there(destination, "ServiceRequest")] == ["revoked"]
    assert [t["status"] for t in there(destination, "Task")] == ["cancelled"]
    destination.exchanges.clear()
    assert site.cli("transfer", "SO-1").code == 0
    assert not [e for e in destination.exchanges if e.method in ("PUT", "DELETE")]


def test_recalled_all_goes(site: Site, destination: Proxy) -> None:
    assert len(ours(destination)) > 50
    done = site.cli("recall", "SO-1", "--by", "A. Person", "--json", stdin="a stranger")
    assert (done.code, done.json["state"]) == (0, "recalled"), done
    assert ours(destination) == []


def test_recalled_and_their_work_stands(site: Site, destination: Proxy) -> None:
    observations = there(destination, "Observation")
    changed = edited(destination, observations[0], note=[{"text": "Read by us."}])
    [task] = there(destination, "Task")
    accepted = edited(destination, task, status="accepted")
    done = site.cli("recall", "SO-1", "--json", stdin="the wrong team")
    assert (done.code, done.json["reasons"][0]["code"]) == (5, "remains"), done
    stands = Destination.read(destination.upstream)
    assert stands.resources[key(changed)] == changed
    assert stands.resources[key(accepted)] == accepted
    assert dangling(site.source_url, stands) == []
    [request] = there(destination, "ServiceRequest")
    assert request["status"] == "entered-in-error"
    assert "supportingInfo" not in request
    assert {key(o) for o in there(destination, "Observation")} == {key(changed)}
