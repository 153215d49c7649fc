"""`doctor --write-test`: what the server really does, and nothing left there."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.relay import Asked, Given, Relay
from tests.sandbox_parts import Quirks, Sandbox

HONEST = {
    "create": True,
    "search by tag": True,
    "search lag": True,
    "conditional create": True,
    "precision": True,
    "elements": True,
    "If-Match": True,
    "transaction": True,
    "ids of ours": True,
    "decimals": True,
    "packet": True,
    "notes": True,
    "cleaned up": True,
    "advice": True,
}


def tried(folder: Path, quirks: Quirks, destination: str = "") -> tuple[int, dict[str, Any]]:
    with support.world(folder, destination={"quirks": quirks}) as world:
        world.configure(destination=destination)
        ran = world.cli("doctor", "--write-test", "--json")
        assert world.there() == []
        checks = {c["name"].removeprefix("write test: "): c for c in ran.json["checks"]}
        return ran.code, {n: c for n, c in checks.items() if n in HONEST}


def test_an_honest_server(tmp_path: Path) -> None:
    code, seen = tried(tmp_path, Quirks())
    assert {name: check["ok"] for name, check in seen.items()} == HONEST
    assert 'write = "conditional"' in seen["advice"]["detail"]
    assert code == 0


@pytest.mark.parametrize(
    ("quirks", "name", "detail", "code"),
    [
        (Quirks(atomic=False), "transaction", "what passed stays", 0),
        (Quirks(own_ids=True), "ids of ours", "another id is given", 0),
        (Quirks(round_decimals=True), "precision", "1.50 is stored as 1.5", 0),
        (Quirks(scale_max=6), "decimals", "eight decimals: HTTP 422", 0),
        (Quirks(drop_elements=frozenset({"Basic.code"})), "elements", "some are lost", 7),
        (
            Quirks(drop_elements=frozenset({"DocumentReference.content"})),
            "notes",
            "their content is not there",
            7,
        ),
        (Quirks(reject='"resourceType":"Task"'), "packet", "not taken: Task (create: HTTP 422)", 7),
        (Quirks(if_match=False), "If-Match", "ignored: a stale version is written over", 7),
        (
            Quirks(conditional_create=False),
            "conditional create",
            "2 instead of 1 resources",
            7,
        ),
    ],
)
def test_what_a_server_does_not_do_is_told(
    tmp_path: Path, quirks: Quirks, name: str, detail: str, code: int
) -> None:
    ended, seen = tried(tmp_path, quirks)
    assert (seen[name]["detail"], ended) == (detail, code)
    assert seen[name]["fix"]
    others = {n for n, check in seen.items() if check["fix"]} - {name, "advice"}
    assert others == set()


def test_a_search_that_finds_what_was_not_asked_for_honours_nothing(tmp_path: Path) -> None:
    ended, seen = tried(tmp_path, Quirks(ignores=frozenset({"_tag"})))
    assert "a tag that nobody carries" in seen["search by tag"]["detail"]
    assert (seen["search by tag"]["ok"], ended) == (False, 7)


@pytest.mark.parametrize(
    ("setting", "ok"),
    [("search_lag_s = 0", False), ("search_lag_s = 300", True), ('write = "put"', True)],
)
def test_a_search_that_lags_is_measured(tmp_path: Path, setting: str, ok: bool) -> None:
    """What was just written is not found by the first three searches."""
    misses = 3

    def lagging(asked: Asked) -> Given | None:
        nonlocal misses
        if misses and asked.path.startswith("Basic/_search"):
            misses -= 1
            empty = b'{"resourceType":"Bundle","type":"searchset","total":0}'
            return Given(200, empty)
        return None

    with support.world(tmp_path) as world, Relay(world.destination, lagging) as relay:
        world.configure(destination_url=relay.base_url, destination=setting)
        ran = world.cli("doctor", "--write-test", "--json")
        assert world.there() == []
    checks = {c["name"].removeprefix("write test: "): c for c in ran.json["checks"]}
    assert checks["search by tag"]["ok"]
    assert (checks["search lag"]["ok"], ran.code) == (ok, 0 if ok else 7), checks["search lag"]
    said = re.fullmatch(
        r"found after ([\d.]+) s; search_lag_s = (\d+) fits, configured: search_lag_s = \d+",
        checks["search lag"]["detail"],
    )
    assert said is not None
    assert int(said[2]) >= float(said[1]) > 0
    assert ("search_lag_s" in checks["search lag"]["fix"]) is not ok


def test_the_advice_fits_what_was_seen(tmp_path: Path) -> None:
    _, seen = tried(tmp_path, Quirks(conditional_create=False), 'write = "put"')
    assert seen["advice"]["ok"]
    assert 'write = "put"' in seen["advice"]["detail"]


def test_nothing_is_written_to_production_or_unasked(tmp_path: Path) -> None:
    with support.world(tmp_path) as world:
        world.configure(environments=("production", "production"))
        ran = world.cli("doctor", "--write-test")
        assert (ran.code, world.written()) == (2, [])
        assert "--in-production" in ran.err
        assert world.cli("doctor").code in (0, 7)
        assert world.written() == []
        world.cli("doctor", "--write-test", "--in-production")
        assert world.written() != []
        assert world.there() == []


@pytest.mark.parametrize(
    ("declared", "ok", "detail"),
    [
        (None, True, "declared for no type"),
        ({"Task": False, "Condition": False}, True, "declared for no type"),
        ({"Task": True, "Patient": True}, True, "taken, as the server says"),
        ({"Task": True, "Condition": False, "Consent": False}, False, "for: Condition, Consent"),
    ],
)
def test_types_that_take_no_ids_of_ours(
    tmp_path: Path, declared: dict[str, bool] | None, ok: bool, detail: str
) -> None:
    with support.world(tmp_path, destination={"quirks": Quirks(update_create=declared)}) as world:
        world.configure(destination='write = "put"')
        ran = world.cli("doctor", "--json")
        (check,) = [c for c in ran.json["checks"] if c["name"] == "ids of ours"]
        assert (check["ok"], detail in check["detail"]) == (ok, True), check
        assert ran.code == (0 if ok else 7)
        world.configure(destination='write = "conditional"')
        assert "ids of ours" not in world.cli("doctor").out


def test_a_type_that_takes_no_ids_of_ours_is_rejected_and_the_rest_goes(tmp_path: Path) -> None:
    quirks = Quirks(update_create={"Task": True, "Immunization": False})
    with support.world(tmp_path, destination={"quirks": quirks}) as world:
        world.configure(destination='write = "put"')
        ran = world.cli("transfer", world.request(), "--json")
        assert (ran.code, ran.json["state"]) == (3, "verified"), ran
        gaps = {gap["what"]: gap for gap in ran.json["gaps"]}
        assert gaps["Immunization"]["kind"] == "rejected"
        assert "405" in gaps["Immunization"]["why"]
        assert world.there("Immunization") == []
        assert len(world.there("Condition")) > 0


def test_a_way_without_transactions_is_not_tried_with_them(tmp_path: Path) -> None:
    with Sandbox() as source, Sandbox(quirks=Quirks(transactions=False)) as single:
        site = support.World(tmp_path, source, single, "")
        site.configure()
        ran = site.cli("doctor", "--write-test")
        assert "write test: transaction" not in ran.out
        assert "ok   outside write test: advice" in ran.out
