"""Between us and a real HAPI a bad line: all stands there once, at once or a run later."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.errors import DestinationRefused, Waiting
from connector.fhir.systems import TAG
from tests.push.conftest import WHOLE
from tests.push.packets import chart, open_session, push_all, put_packet
from tests.push.records.test_deliver import circle
from tests.real.conftest import bad_line
from tests.real.destination import Destination
from tests.real.hapi_pair import HapiPair, empty
from tests.real.proxy import Fault, Proxy
from tests.real.toxiproxy import Toxiproxy

IMPATIENT: dict[str, Any] = {
    "read_timeout_s": 2,
    "answer_timeout_s": 20,
    "attempts": 2,
    "bundle": {"max_entries": 8},
}
TOXICS: list[tuple[str, str, dict[str, int]]] = [
    ("downstream", "latency", {"latency": 50, "jitter": 40}),
    ("downstream", "bandwidth", {"rate": 20}),  # kB/s
    ("downstream", "slicer", {"average_size": 64, "size_variation": 32, "delay": 10}),
    ("downstream", "limit_data", {"bytes": 3_000}),  # ends in the middle of an answer
    ("downstream", "timeout", {"timeout": 100}),  # the work is done, its answer is dropped
    ("downstream", "timeout", {"timeout": 0}),
    ("downstream", "reset_peer", {"timeout": 50}),
    ("upstream", "timeout", {"timeout": 100}),  # nothing reaches the server
    ("upstream", "limit_data", {"bytes": 4_000}),  # half a request does
    ("upstream", "reset_peer", {"timeout": 50}),
    ("upstream", "bandwidth", {"rate": 20}),
]
FAULTS = [
    Fault(r"/fhir/?$", kind="drop-before", method="POST", times=1),
    Fault(r"/fhir/?$", kind="drop-after", method="POST", times=1),
    Fault(r"/fhir/?$", kind="cut", method="POST", times=1),
    Fault(r"/fhir/?$", status=429, method="POST", times=2),
    Fault(r"/fhir/?$", status=413, method="POST", times=2),
    Fault(r"/fhir/?$", status=500, method="POST", times=1),
]


@pytest.fixture(scope="module")
def line(hapi: HapiPair) -> Iterator[Toxiproxy]:
    with bad_line(hapi.destination_url) as proxy:
        yield proxy


def pushed(folder: Path, base_url: str, **options: Any) -> None:
    session = open_session(folder, base_url, **(IMPATIENT | options))
    try:
        if session.case.state.packet_hash is None:
            put_packet(session.case, [*circle(12), *chart()])
        push_all(session)
    finally:
        session.case.close()
        session.ledger.close()


def assert_once(base_url: str) -> None:
    there = Destination.read(base_url)
    assert Counter(key.partition("/")[0] for key in there.resources) == WHOLE | {"Observation": 15}
    assert {len(places) for places in there.tagged(TAG).values()} == {1}
    statuses = {r["resourceType"]: r.get("status") for r in there.resources.values()}
    assert (statuses["ServiceRequest"], statuses["Task"]) == ("active", "requested")
    members = [r["hasMember"][0] for r in there.resources.values() if "hasMember" in r]
    assert {member["reference"] for member in members} <= there.resources.keys()
    assert len(members) == 12


@pytest.mark.parametrize(("stream", "toxic", "attributes"), TOXICS, ids=str)
def test_a_bad_line_doubles_and_loses_nothing(
    hapi: HapiPair, line: Toxiproxy, tmp_path: Path, stream: str, toxic: str, attributes: Any
) -> None:
    empty(hapi.destination_url)
    line.spoil(toxic, attributes, stream)
    try:
        pushed(tmp_path, line.base_url)
    except (DestinationRefused, Waiting):
        line.heal()
        pushed(tmp_path, line.base_url)
    finally:
        line.heal()
    assert_once(hapi.destination_url)


@pytest.mark.parametrize("write", ["conditional", "put", "create"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_a_bad_moment_doubles_and_loses_nothing(
    destination: Proxy, tmp_path: Path, fault: Fault, write: str
) -> None:
    destination.faults.append(Fault(**vars(fault)))
    try:
        pushed(tmp_path, destination.base_url, write=write)
    except (DestinationRefused, Waiting):
        destination.faults.clear()
        pushed(tmp_path, destination.base_url, write=write)
    assert_once(destination.upstream)


@pytest.mark.parametrize("way", ["transaction", "batch", "single"])
@pytest.mark.parametrize("write", ["conditional", "put", "create"])
def test_every_way_ends_the_same(destination: Proxy, tmp_path: Path, write: str, way: str) -> None:
    pushed(tmp_path, destination.base_url, write=write, way=way)
    assert_once(destination.upstream)
