"""Cancel and recall of packets that went whole, or to where nothing may be read."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.cli.test_message import TELECOM, receiver
from tests.relay import Asked, Relay
from tests.sandbox_parts import Fault, Quirks

AS_DOCUMENT = 'bundle = { kind = "document" }'


def take_back(world: support.World, how: str, *more: str) -> support.Ran:
    return world.cli(how, "SO-1", "--by", "A. Person", *more, "--json", stdin="wrong team\n")


def fates(ran: support.Ran) -> list[tuple[str, str]]:
    report = json.loads(Path(ran.json["taken_back"]["report"]).read_text())
    return [(one["there"], one["fate"]) for one in report["resources"]]


def test_a_document_can_be_recalled_and_not_cancelled(world: support.World) -> None:
    world.configure(destination=AS_DOCUMENT)
    world.cli("transfer", world.request())
    [bundle] = world.there()
    place = f"Bundle/{bundle['id']}"
    cancelled = take_back(world, "cancel")
    assert (cancelled.code, "no Task of ours" in cancelled.err) == (2, True)
    dry = world.cli("recall", "SO-1", "--dry-run", "--json").json["resources"]
    assert [(one["there"], one["fate"]) for one in dry] == [(place, "deleted")]
    assert len(world.there()) == 1
    done = take_back(world, "recall")
    assert (done.code, done.json["state"]) == (0, "recalled"), done
    assert world.there() == []
    assert fates(done) == [(place, "deleted")]
    log = world.cli("audit", "show", "--json").json
    assert (log[-1]["event"], log[-1]["outcome"]) == ("recall", "verified")


def test_one_that_they_changed_stays(world: support.World) -> None:
    world.configure(destination=AS_DOCUMENT)
    world.cli("transfer", world.request())
    [bundle] = world.there()
    world.destination.put({**bundle, "language": "en"})
    held = take_back(world, "recall")
    assert (held.code, held.json["reasons"][0]["code"]) == (5, "remains")
    assert len(world.there()) == 1


def test_one_that_they_change_at_that_moment_stays(tmp_path: Path) -> None:
    guarding = Quirks(if_match_on_delete=True)
    with support.world(tmp_path, destination={"quirks": guarding}) as world:
        changed = list[dict[str, Any]]()

        def change(asked: Asked) -> None:
            if b"DELETE" in asked.method.encode() + asked.body and not changed:
                changed.extend(world.there())
                world.destination.put({**changed[0], "language": "en"})

        with Relay(world.destination, change) as relay:
            world.configure(destination=AS_DOCUMENT, destination_url=relay.base_url)
            world.cli("transfer", world.request())
            held = take_back(world, "recall")
        assert (held.code, held.json["reasons"][0]["code"]) == (5, "remains")
        assert [bundle["language"] for bundle in world.there()] == ["en"]


@pytest.mark.parametrize("kind", ["drop-after", "drop-before"])
def test_one_whose_answer_was_lost_is_looked_for(world: support.World, kind: Any) -> None:
    world.configure(destination=f"{AS_DOCUMENT}\nattempts = 1")
    request = world.request()
    world.cli("map", request)
    world.destination.add_fault(Fault(kind, "/fhir/Bundle$", "POST"))
    world.destination.add_fault(Fault("drop-before", "Bundle/_search", skip=1))
    assert world.cli("transfer", request).code == 7
    world.destination.clear_faults()
    done = take_back(world, "recall")
    assert done.json["state"] == "recalled", done
    assert world.there() == []


def test_the_receipt_is_enough(world: support.World) -> None:
    world.configure(destination=AS_DOCUMENT)
    request = world.request()
    receipt = Path(world.cli("transfer", request, "--json").json["receipt"])
    kept = world.folder / "receipt.json"
    kept.write_bytes(receipt.read_bytes())
    (receipt.parent / "case.db").unlink()
    for leftover in receipt.parent.glob("case.db-*"):
        leftover.unlink()
    stdin = "wrong team\n"
    done = world.cli("recall", request, "--receipt", kept, "--json", stdin=stdin)
    assert done.json["state"] == "recalled", done
    assert world.there() == []


def test_a_message_is_listed_until_a_person_says_that_it_is_gone(tmp_path: Path) -> None:
    with receiver(tmp_path) as world:
        world.cli("transfer", world.request(**TELECOM))
        assert take_back(world, "cancel").code == 2
        for _ in range(2):
            held = take_back(world, "recall")
            assert (held.code, held.json["reasons"][0]["code"]) == (5, "remains")
        assert [fate for _, fate in fates(held)] == ["remains"]
        world.cli("resolve", "SO-1", "--choose", "-", stdin="absent\n")
        done = take_back(world, "recall")
        assert done.json["state"] == "recalled", done
        assert [fate for _, fate in fates(done)] == ["gone"]


def test_what_may_not_be_read_is_left_to_the_people_there(tmp_path: Path) -> None:
    blind = Quirks(readable=frozenset({"Patient"}))
    with support.world(tmp_path, destination={"quirks": blind}) as world:
        world.configure(destination='read_back = "none"')
        sent = world.cli("transfer", world.request(), "--json").json
        before = len(world.there())
        cancelled = take_back(world, "cancel")
        assert (cancelled.code, "grants no reading" in cancelled.err) == (2, True)
        held = take_back(world, "recall")
        assert held.json["reasons"][0]["code"] == "remains"
        assert len(world.there()) == before
        listed = fates(held)
        assert len(listed) == sent["counts"]["accepted"]
        assert {fate for _, fate in listed} == {"remains"}


@pytest.mark.parametrize("taken", [False, True])
def test_a_file_goes_unless_somebody_took_it(world: support.World, taken: bool) -> None:
    folder = world.folder / "share"
    folder.mkdir()
    config = world.folder / "connector.toml"
    address = f'base_url = "{world.destination_url}"'
    config.write_text(config.read_text().replace(address, 'folder = "share"'))
    world.cli("transfer", world.request())
    [path] = folder.iterdir()
    if taken:
        path.unlink()
    ran = take_back(world, "recall")
    assert list(folder.iterdir()) == []
    assert [fate for _, fate in fates(ran)] == ["remains" if taken else "deleted"]
    assert ran.code == (5 if taken else 0)
