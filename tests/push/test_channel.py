"""A further kind of destination: its name, one class, one line of the table."""

import json
from pathlib import Path
from typing import Any

import pytest

from connector import channel, packet, push, transfer, withdraw
from connector.case import State
from connector.channel import CHANNELS, Channel
from connector.config import load
from connector.endpoint import Endpoint
from connector.fhir.bundle import Write
from connector.job import Job, prepare
from connector.push.wire import write
from connector.settings import Destination
from connector.store.case.transitions import announced
from connector.store.sent.recalled import Recalled
from connector.work.requests import read_request
from tests import support
from tests.cli.ends import unanswered

LOOKED: list[str] = []
ROOM = Path(channel.__file__).parent


class Shelf(Channel):
    """A throw-away kind: the whole packet as one collection, put on a shelf and not read again."""

    def ready(self) -> None:
        self.whole = push.bundle.gather(self.session, packet.render(self.session.case, "document"))

    def settle(self) -> bool:
        return bool(self.session.case.state.announced_at)

    def put(self) -> None:
        going = push.bundle.going(self.session)
        put = Write("", "POST", "Bundle", self.whole.body, {})
        heard = write.send(
            self.session, [put], "push", [self.whole.key], whole=len(going),
            holds=lambda: write.intend(self.session, going),
        )  # fmt: skip
        place = heard.found.places[self.whole.key]
        self.session.case.state.whole = {"place": place.reference, "version": place.version}
        push.bundle.accept(self.session, self.whole, place.version)
        announced(self.session.case, self.now)

    def verify(self) -> None:
        LOOKED.append(self.now)

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:
        return push.recall_whole.recall(self.session, push.recall_whole.document_of)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Destination, "kind", property(lambda _: "shelf"))
    monkeypatch.setitem(CHANNELS, "shelf", Shelf)
    with support.world(tmp_path) as made:
        made.configure()
        made.request()
        yield made


def job(world: support.World) -> Job:
    config = load(world.folder / "connector.toml")
    return prepare(config, read_request(world.folder / "request.yaml"), packet.load())


def test_a_kind_nobody_else_knows_is_delivered_verified_and_recalled(shelf: support.World) -> None:
    assert transfer.advance(job(shelf)).state is State.ACCEPTED
    [bundle] = shelf.there("Bundle")
    assert len(bundle["entry"]) > 3
    [folder] = (shelf.store / "cases").iterdir()
    receipt = json.loads((folder / "receipt.json").read_text())
    assert (receipt["kind"], receipt["resources"][0]["there"].split("/")[0]) == ("shelf", "Bundle")
    transfer.verify(job(shelf))
    assert LOOKED
    assert transfer.advance(job(shelf)).state is State.ACCEPTED
    assert len(shelf.there("Bundle")) == 1
    assert transfer.take_back(job(shelf), withdraw.Decision("recall", "A. Person", "wrong team"))
    assert shelf.there("Bundle") == []
    assert unanswered(shelf.store) == []


def test_the_table_is_the_only_place_that_chooses_by_kind() -> None:
    """Outside of it nobody compares a kind with the name of one that goes whole."""
    names = [f'"{name}"' for name in ("document", "message", "files")]
    found = [
        f"{path.name}: {line.strip()}"
        for path in (*ROOM.glob("*.py"), *ROOM.glob("work/*.py"))
        if path.name != "channel.py"
        for line in path.read_text("utf-8").splitlines()
        if "kind ==" in line or "kind !=" in line or "kind in" in line
        if any(name in line for name in names)
    ]
    assert found == []


def test_the_destination_is_opened_once_and_when_it_is_first_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    class Counted(Endpoint):
        def __init__(self, *given: Any, **named: Any) -> None:
            opened.append(given[1])
            super().__init__(*given, **named)

    monkeypatch.setattr("connector.at_work.Endpoint", Counted)
    with support.world(tmp_path) as made:
        made.configure()
        made.request()
        assert transfer.advance(job(made), State.READY).state is State.READY
        assert opened == []
        assert transfer.advance(job(made)).state is State.VERIFIED
        assert opened == ["destination"]
        assert transfer.advance(job(made)).state is State.VERIFIED
        assert opened == ["destination"]  # there was nothing to ask
