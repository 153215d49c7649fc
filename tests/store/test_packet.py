"""The packet in the case file, its hash, and the files made of it."""

from dataclasses import dataclass, replace

import pytest

from connector.errors import ConnectorError
from connector.fhir.lossless import decode
from connector.gap import ItemKind
from connector.store.case.casefile import CaseFile
from connector.store.mapped import export, packet
from connector.store.mapped.packet import Decision, Item


@dataclass(frozen=True)
class Sent:
    """One entry to be put into a packet."""

    type: str
    id: str
    body: bytes
    origin: str = "carried"
    source: str = "Observation/1"


ONE = Sent("Observation", "a", b'{"x": 1.50}')
TWO = Sent("ServiceRequest", "b", b"{}", "authored", "ServiceRequest")


def put(case: CaseFile, *entries: Sent) -> str:
    decisions = [Decision("Observation", "1", "selected", "r1", "why")]
    items = [
        Item("plan", "required", ItemKind.SEARCHED_NONE, "none", "ask them", "", False),
        Item("allergies", "recommended", ItemKind.PRESENT, "", "", "AllergyIntolerance/1", True),
    ]
    rows = ((e.type, e.id, e.origin, e.source, e.body) for e in entries)
    return packet.replace_packet(case, decisions, items, rows)


def test_a_packet_comes_back_as_it_was_put(case: CaseFile) -> None:
    put(case, ONE, TWO)
    found = list(packet.entries(case))
    assert [(e.type, e.id, e.origin, e.source, e.body) for e in found] == [
        ("Observation", "a", "carried", "Observation/1", b'{"x": 1.50}'),
        ("ServiceRequest", "b", "authored", "ServiceRequest", b"{}"),
    ]
    assert list(packet.entries(case, "authored")) == [found[1]]
    assert packet.authored(case, "ServiceRequest") == found[1]
    assert packet.entry(case, "Observation", "a") == found[0]
    assert packet.entry(case, "Observation", "b") is None
    assert packet.authored(case, "Observation/1") is None


def test_decisions_and_items_come_back_as_they_were_put(case: CaseFile) -> None:
    put(case, ONE)
    assert packet.decisions(case) == [Decision("Observation", "1", "selected", "r1", "why")]
    assert packet.decisions(case, "withheld") == []
    plan, allergies = packet.items(case)
    assert (plan.item, plan.need, plan.kind) == ("plan", "required", "searched-none")
    assert (allergies.need, allergies.evidence) == ("recommended", "AllergyIntolerance/1")


def test_a_new_packet_takes_the_place_of_the_old(case: CaseFile) -> None:
    put(case, ONE, TWO)
    digest = put(case, TWO)
    assert [entry.id for entry in packet.entries(case)] == ["b"]
    assert case.state.packet_hash == digest == packet.packet_hash(case)


def test_a_packet_that_breaks_leaves_the_old_one(case: CaseFile) -> None:
    digest = put(case, ONE)
    with pytest.raises(ConnectorError):
        put(case, TWO, TWO)
    assert [entry.id for entry in packet.entries(case)] == ["a"]
    assert case.state.packet_hash == digest


def test_the_hash_tells_any_other_content_and_nothing_else(case: CaseFile) -> None:
    digest = put(case, ONE, TWO)
    assert put(case, ONE, TWO) == digest
    assert put(case, TWO, ONE) == digest  # the same records in another order
    others = [
        put(case, ONE),
        put(case, replace(ONE, body=b'{"x": 1.5}'), TWO),
        put(case, replace(ONE, id="c"), TWO),
        put(case, replace(ONE, type="Condition"), TWO),
        put(case),
    ]
    assert len({digest, *others}) == 6


def test_the_packet_as_a_file(case: CaseFile) -> None:
    put(case, ONE, TWO)
    export.packet(case)
    path = case.folder / "packet.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert ONE.body in path.read_bytes()
    bundle = decode(path.read_bytes())
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    assert [entry["fullUrl"] for entry in bundle["entry"]] == ["urn:uuid:a", "urn:uuid:b"]
    put(case)
    export.packet(case)
    assert decode(path.read_bytes())["entry"] == []
    assert not (case.folder / "packet.json.part").exists()


def test_the_receipt_as_a_file(case: CaseFile) -> None:
    export.receipt(case, b'{"x":1}\n')
    path = case.folder / "receipt.json"
    assert path.read_bytes() == b'{"x":1}\n'
    assert path.stat().st_mode & 0o777 == 0o600
