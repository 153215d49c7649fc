"""A destination whose searches lag: found in time, or told as doubled and settled."""

import json
from collections import Counter
from typing import Any

import pytest

from connector.fhir import systems
from tests import support
from tests.relay import Asked, Given, Relay


class Lagging:
    """The answer to the first write is lost; what it made is not found by so many searches.

    Conditional creates search the same index: they find nothing either.
    """

    def __init__(self, searches: int) -> None:
        self.searches = searches
        self.hidden: set[str] = set()
        self.lost = False
        self.tells_nothing = False  # of what may refer to what

    def __call__(self, asked: Asked) -> Given | None:
        if asked.path.startswith("metadata") and self.tells_nothing:
            return asked.forward(asked.body).replaced(rb"searchRevInclude", b"notTold")
        if asked.transaction:
            return self._write(asked)
        if not asked.search or not self.hidden:
            return None
        given = asked.forward(asked.body)
        found = json.loads(given.body)
        if found.get("resourceType") != "Bundle":
            return given
        kept = [e for e in found.get("entry", []) if _key(e["resource"]) not in self.hidden]
        if len(kept) < len(found.get("entry", [])):
            self.searches -= 1
            if self.searches < 0:
                self.hidden.clear()
                return given
        shown = {**found, "entry": kept, "total": len(kept)}
        return given._replace(body=json.dumps(shown).encode())

    def _write(self, asked: Asked) -> Given:
        bundle = json.loads(asked.body)
        if self.hidden:
            for entry in bundle["entry"]:
                entry["request"].pop("ifNoneExist", None)
        given = asked.forward(json.dumps(bundle).encode())
        if self.lost:
            return given
        self.lost = True
        places = [e["response"]["location"] for e in json.loads(given.body)["entry"]]
        self.hidden = {"/".join(p.split("/_history")[0].split("/")[-2:]) for p in places}
        return Given(504, b'{"resourceType":"OperationOutcome","issue":[]}')


def _key(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource.get('id')}"


def twice(world: support.World) -> Counter[str]:
    """Types of what stands there more than once, by our tag."""
    tags = Counter(
        (resource["resourceType"], tag["code"])
        for resource in world.there()
        for tag in resource["meta"].get("tag", [])
        if tag["system"] == systems.TAG
    )
    return Counter(name for (name, _), number in tags.items() if number > 1)


def test_it_is_looked_for_again_before_it_is_sent_again(world: support.World) -> None:
    with Relay(world.destination, Lagging(searches=3)) as relay:
        world.configure(destination_url=relay.base_url, destination="search_lag_s = 60")
        ran = world.cli("transfer", world.request(), "--json")
    assert (ran.code, ran.json["state"]) == (3, "verified")
    assert twice(world) == {}


@pytest.fixture
def doubled(world: support.World) -> Any:
    """A packet of which everything stands twice, delivered and not yet looked at again."""
    hook = Lagging(searches=10_000)
    with Relay(world.destination, hook) as relay:
        world.configure(destination_url=relay.base_url)
        ran = world.cli("transfer", world.request(), "--json")
        assert ran.json["state"] == "verified", ran
        assert twice(world)["Patient"] == 1
        hook.hidden.clear()
        world.hook = hook  # type: ignore[attr-defined]
        yield world


def test_doubles_are_found_and_taken_away(doubled: support.World) -> None:
    held = doubled.cli("verify", "SO-1", "--json")
    assert held.code == 5
    assert held.json["reasons"][0]["code"] == "doubled"
    assert "Patient" in held.json["reasons"][0]["why"]
    again = doubled.cli("transfer", "request.yaml", "--json")
    assert again.code == 5  # it does not fall silent
    shown = doubled.cli("resolve", "SO-1", "--json").json
    assert shown["choices"] == ["remove", "keep"]
    assert "1 Patient" in shown["question"]
    gone = doubled.cli("resolve", "SO-1", "--choose", "-", "--by", "A. Person", stdin="remove\n")
    assert gone.code in (3, 4), gone
    assert twice(doubled) == {}
    assert doubled.cli("transfer", "request.yaml", "--json").json["state"] == "verified"
    assert doubled.cli("verify", "SO-1").code == 3
    assert [task["status"] for task in doubled.there("Task")] == ["requested"]


@pytest.mark.deep
def test_a_copy_that_somebody_worked_on_stays(doubled: support.World) -> None:
    receipt = doubled.cli("show", "SO-1", "--json").json
    [copy] = [p for p in doubled.there("Patient") if f"Patient/{p['id']}" != receipt["patient"]]
    doubled.destination.put({**copy, "telecom": [{"system": "phone", "value": "+1 555 0199"}]})
    assert doubled.cli("verify", "SO-1").code == 5
    left = doubled.cli("resolve", "SO-1", "--choose", "-", stdin="remove\n")
    assert left.code == 5
    assert "Patient" in left.err
    assert len(doubled.there("Patient")) == 2
    assert set(twice(doubled)) == {"Patient"}
    kept = doubled.cli("resolve", "SO-1", "--choose", "-", stdin="keep\n")
    assert kept.code in (3, 4)
    assert doubled.cli("verify", "SO-1").code == 3
    assert len(doubled.there("Patient")) == 2


def remove(world: support.World) -> support.Ran:
    return world.cli("resolve", "SO-1", "--choose", "-", "--by", "A. Person", stdin="remove\n")


@pytest.mark.deep
def test_a_copy_that_their_record_refers_to_stays(doubled: support.World) -> None:
    receipt = doubled.cli("show", "SO-1", "--json").json
    [copy] = [p for p in doubled.there("Patient") if f"Patient/{p['id']}" != receipt["patient"]]
    theirs = {"resourceType": "Observation", "id": "theirs", "status": "final", "code": {},
              "subject": {"reference": f"Patient/{copy['id']}"}}  # fmt: skip
    doubled.destination.put(theirs)
    assert doubled.cli("verify", "SO-1").code == 5
    left = remove(doubled)
    assert left.code == 5
    assert "other records there refer to copies of ours, which stay: Patient" in left.err
    assert "keep" in left.err
    assert set(twice(doubled)) == {"Patient"}
    rows = doubled.cli("audit", "show", "--json").json
    removed = [row for row in rows if row["event"] == "remove"]
    assert {row["outcome"] for row in removed} == {"attempted", "verified"}
    assert {row["approver"] for row in removed} == {"A. Person"}
    assert doubled.cli("resolve", "SO-1", "--choose", "-", stdin="keep\n").code in (3, 4)


@pytest.mark.deep
def test_where_nobody_says_what_refers_to_a_copy_it_stays(doubled: support.World) -> None:
    assert doubled.cli("verify", "SO-1").code == 5
    before = twice(doubled)
    doubled.hook.tells_nothing = True  # type: ignore[attr-defined]
    left = remove(doubled)
    assert left.code == 5
    assert "can't be asked what refers to copies" in left.err
    assert twice(doubled) == before


def test_verify_says_when_it_can_not_look_for_copies(world: support.World) -> None:
    refusing = False

    def hook(asked: Asked) -> Given | None:
        tags = b"_tag" in asked.body or "_tag" in asked.path
        return Given(403, b'{"resourceType":"OperationOutcome"}') if refusing and tags else None

    with Relay(world.destination, hook) as relay:
        world.configure(destination_url=relay.base_url)
        assert world.cli("transfer", world.request(), "--json").json["state"] == "verified"
        assert "copies" not in world.cli("verify", "SO-1").err
        assert world.cli("show", "SO-1", "--json").json["copies_unseen"] is False
        refusing = True
        seen = world.cli("verify", "SO-1")
    assert world.cli("show", "SO-1", "--json").json["copies_unseen"] is True
    assert seen.code == 3
    assert "whether copies of our records stand there is not known" in seen.err
