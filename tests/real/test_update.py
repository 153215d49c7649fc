"""An update at a real HAPI server: what the receiver did stands, and the new truth is there."""

import copy
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.real.charts import Resource, chart_files, key, read_chart
from tests.real.destination import Destination
from tests.real.ground_truth import dangling
from tests.real.loader import load
from tests.real.proxy import Proxy
from tests.real.test_taken_back import JSON, edited, there
from tests.support import Site


@pytest.fixture
def site(tmp_path: Path, source: Proxy, destination: Proxy) -> Site:
    """A packet that was delivered, and announced."""
    chart = read_chart(chart_files()[0])
    load(source.upstream, chart)
    made = Site(tmp_path, source.base_url, destination.base_url, patient=chart.patient["id"])
    made.configure()
    request = made.request(scope="whole-chart", meeting={"start": "2098-01-01T10:00:00Z"})
    assert made.cli("transfer", request, "--json").json["state"] == "verified"
    return made


def at_source(source: Proxy, site: Site, kind: str) -> list[Resource]:
    url = f"{source.upstream}/{kind}?patient={site.patient}&_count=200"
    bundle = requests.get(url, headers={"Cache-Control": "no-cache"}, timeout=60).json()
    return sorted((e["resource"] for e in bundle.get("entry", [])), key=lambda r: str(r["id"]))


def put(source: Proxy, resource: Resource) -> None:
    answer = requests.put(
        f"{source.upstream}/{key(resource)}", json=resource, headers=JSON, timeout=60
    )
    assert answer.ok, answer.text


def without(node: Any, reference: str) -> Any:
    """`node` without what refers to `reference`."""
    if isinstance(node, list):
        kept = [without(item, reference) for item in node]
        return [item for item in kept if item not in ({}, None)]
    if isinstance(node, dict):
        if node.get("reference") == reference:
            return None
        made = {name: without(value, reference) for name, value in node.items()}
        return {name: value for name, value in made.items() if value not in (None, [], {})}
    return node


def removed(destination: Proxy, resource: Resource) -> None:
    """What somebody of theirs does who wants a record to be gone: first what refers to it."""
    reference = key(resource)
    for other in list(Destination.read(destination.upstream).resources.values()):
        lighter = without(copy.deepcopy(other), reference)
        if lighter != other and key(other) != reference:
            answer = requests.put(
                f"{destination.upstream}/{key(other)}", json=lighter, headers=JSON, timeout=60
            )
            assert answer.ok, answer.text
    answer = requests.delete(f"{destination.upstream}/{reference}", timeout=60)
    assert answer.ok, answer.text


def same_shot(destination: Proxy, shot: Resource) -> list[Resource]:
    """The copies of an Immunization there."""
    return [
        found
        for found in there(destination, "Immunization")
        if found["occurrenceDateTime"] == shot["occurrenceDateTime"]
        and found["vaccineCode"] == shot["vaccineCode"]
    ]


def test_their_work_stands_and_the_new_truth_is_there(
    site: Site, source: Proxy, destination: Proxy
) -> None:
    kept, changed, deleted, wrong = at_source(source, site, "Immunization")[:4]
    [task] = there(destination, "Task")
    [order] = there(destination, "ServiceRequest")
    [theirs] = same_shot(destination, changed)
    [gone] = same_shot(destination, deleted)
    removed(destination, gone)
    accepted = edited(destination, task, status="accepted", note=[{"text": "We do it."}])
    noted = edited(destination, theirs, note=[{"text": "Seen."}])

    for shot in (kept, changed, deleted):
        put(source, shot | {"lotNumber": "L-7"})
    put(source, wrong | {"status": "entered-in-error"})
    put(source, kept | {"id": "new-shot", "occurrenceDateTime": "2026-11-01T09:00:00Z"})
    request = site.request(scope="whole-chart", meeting={"start": "2098-02-02T10:00:00Z"})
    stands = site.cli("transfer", request, "--update", "--json").json
    assert stands["state"] == "verified", stands["reasons"]

    assert [shot["lotNumber"] for shot in same_shot(destination, kept)] == ["L-7"]
    assert noted in same_shot(destination, changed)
    assert sorted(s.get("lotNumber", "") for s in same_shot(destination, changed)) == ["", "L-7"]
    [again] = same_shot(destination, deleted)
    assert (again["lotNumber"], key(again) != key(gone)) == ("L-7", True)
    assert [shot["status"] for shot in same_shot(destination, wrong)] == ["entered-in-error"]
    assert there(destination, "Task") == [accepted]
    assert there(destination, "ServiceRequest") == [order]
    [letter] = there(destination, "Communication")
    words = " ".join(p["contentString"] for p in letter["payload"] if "contentString" in p)
    assert letter["status"] == "completed"
    assert "2098-02-02T10:00:00Z" in words
    assert "1 record is new" in words
    assert "3 records are changed" in words
    assert "1 record is entered in error" in words
    assert dangling(site.source_url, Destination.read(destination.upstream)) == []
    assert site.cli("verify", "SO-1").code == stands["exit_code"]

    destination.exchanges.clear()
    assert site.cli("transfer", request, "--update", "--json").json["update"]["number"] == 1
    assert not [e for e in destination.exchanges if e.method in ("PUT", "DELETE")]

    done = site.cli("cancel", "SO-1", "--json", stdin="withdrawn")
    assert (done.code, done.json["state"]) == (0, "cancelled"), done
    back = site.cli("recall", "SO-1", "--json", stdin="the wrong team")
    assert back.json["reasons"][0]["code"] == "remains", back
    stood = Destination.read(destination.upstream).resources
    assert (stood[key(noted)], stood[key(accepted)]) == (noted, accepted)
    assert dangling(site.source_url, Destination.read(destination.upstream)) == []


def test_nobody_took_it_up_so_the_order_itself_moves(
    site: Site, destination: Proxy, source: Proxy
) -> None:
    request = site.request(scope="whole-chart", meeting={"start": "2098-02-02T10:00:00Z"})
    source.exchanges.clear()
    stands = site.cli("transfer", request, "--json").json
    assert (stands["state"], stands["update"]["number"]) == ("verified", 1)
    # The chart is not asked again; the consents are, before anything leaves.
    assert {e.target.partition("?")[0] for e in source.exchanges} <= {"/fhir/Consent"}
    [order] = there(destination, "ServiceRequest")
    assert order["occurrenceDateTime"] == "2098-02-02T10:00:00Z"
    assert order["status"] == "active"
    assert len(there(destination, "Composition")) == 2
    assert len(there(destination, "Communication")) == 1
