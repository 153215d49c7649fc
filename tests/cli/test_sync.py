"""`connector sync`: twelve requests, one unreadable, one held, one whose source is down."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tests import support
from tests.sandbox_parts import Fault


def folder_of_twelve(world: support.World) -> Path:
    world.configure(
        extra="""
[sources.down]
id = "0b6f9d1e-0000-4000-8000-000000000001"
base_url = "http://127.0.0.1:9/fhir"
environment = "test"
attempts = 1
"""
    )
    for number in range(9):
        world.request(f"requests/{number:02}.yaml", request_id=f"SO-{number}")
    (world.folder / "requests" / "unreadable.yaml").write_text("request_id: [")
    world.request("requests/held.yaml", request_id="SO-held", patient={"identifier": "urn:x|none"})
    world.request("requests/down.yaml", request_id="SO-down", source="down")
    return world.folder / "requests"


def test_the_others_arrive_and_a_second_run_sends_nothing(world: support.World) -> None:
    folder = folder_of_twelve(world)
    first = world.cli("sync", folder)
    assert first.code == 5, first  # one file that can't be read does not hide who waits for whom
    assert "unreadable.yaml" in first.out
    summary = first.out.strip().splitlines()[-1]
    assert summary.startswith("sync: 12 requests: ")
    assert "1 held" in summary
    assert "1 source-failed" in summary
    assert "9 verified" in summary
    assert len(world.there("Task")) == 9
    assert len(world.there("Patient")) == 1

    world.destination.requests.clear()
    second = world.cli("sync", folder)
    assert not world.written()
    assert second.code == first.code
    assert "missing" in second.out

    (folder / "unreadable.yaml").unlink()
    (folder / "held.yaml").unlink()
    assert world.cli("sync", folder).code == 6
    (folder / "down.yaml").unlink()
    assert world.cli("sync", folder).code == 3  # delivered, with records missing: said every time


def test_nearest_need_first(world: support.World) -> None:
    folder = world.folder / "requests"
    for name, day in (("a", "2099-03-01"), ("b", "2099-01-01"), ("c", "2099-02-01")):
        world.request(f"requests/{name}.yaml", request_id=name, needed_by=day)
    ran = world.cli("sync", folder, "--json")
    assert [line["file"] for line in ran.json["requests"]] == ["b.yaml", "c.yaml", "a.yaml"]


def test_two_runs_at_once_one_exits_10(world: support.World) -> None:
    from connector.store.lock import only_one

    folder = world.request("requests/a.yaml").parent
    with only_one(world.store / "sync.lock", "sync"):
        assert world.cli("sync", folder).code == 10
    assert not world.written()


def test_a_need_that_has_passed_does_not_ring_for_ever(world: support.World) -> None:
    folder = world.request("requests/a.yaml", needed_by="2020-01-01").parent
    assert world.cli("sync", folder).code == 3  # delivered in this run, with records missing
    again = world.cli("sync", folder)
    assert again.code == 0
    assert json.loads(world.cli("sync", folder, "--json").out)["requests"][0]["exit_code"] == 3


def test_one_case_never_stops_the_others(world: support.World) -> None:
    folder = world.request("requests/good.yaml", request_id="good").parent
    world.request("requests/broken.yaml", request_id="broken", source="home")
    assert world.cli("pull", folder / "broken.yaml").code in (0, 3)
    [case] = (world.store / "cases").glob("*/case.db")
    case.write_bytes(b"no database" * 1000)
    for name in ("twice.yaml", "again.YAML"):
        world.request(f"requests/{name}", request_id="twice")
    for name in (".hidden.yaml", "~$lock.yaml", "#edited.yaml", "notes.txt"):
        (folder / name).write_text("not: a request")
    (folder / "sub.yaml").mkdir()
    os.mkfifo(folder / "pipe.yaml")
    (folder / "gone.yaml").symlink_to("nowhere")
    (folder / "utf16.yaml").write_bytes("request_id: x".encode("utf-16"))
    (folder / "deep.json").write_bytes(b"[" * 100_000)

    ran = world.cli("sync", folder, "--json")
    lines = {line["file"]: line for line in ran.json["requests"]}
    assert lines.pop("good.yaml")["state"] == "verified"
    assert lines.pop("broken.yaml")["exit_code"] == 1
    for name in ("twice.yaml", "again.YAML"):
        told = lines.pop(name)
        assert told["exit_code"] == 2
        assert "again.YAML and twice.yaml" in told["error"]
    assert {name: line["exit_code"] for name, line in lines.items()} == dict.fromkeys(
        ("pipe.yaml", "gone.yaml", "utf16.yaml", "deep.json"), 2
    )
    assert ran.code == 1  # this machine can't read a case it keeps
    assert len(world.there("Task")) == 1

    case.parent.rename(world.folder / "away")
    (folder / "broken.yaml").unlink()
    assert world.cli("sync", folder).code == 3  # before the 2 of what is no request
    listed = {row["request_id"]: row for row in world.cli("status", "--json").json}
    assert listed["good"]["state"] == "verified"
    assert listed[None]["error"]


def test_what_can_not_be_worked_on_is_told_with_its_file_and_how_late(
    world: support.World,
) -> None:
    folder = world.request("requests/a.yaml", source="gone", needed_by="2020-01-01").parent
    ran = world.cli("sync", folder)
    assert ran.code == 11
    first, *remedies = ran.out.splitlines()[:3]
    assert first.startswith("a.yaml: (SO-1) LATE by ")
    assert "nothing was delivered when it was needed; no [sources.gone]" in first
    assert first.endswith("(exit 11)")
    assert "Call the other team." in remedies[0]
    assert "add that section" in remedies[1]
    (line,) = world.cli("sync", folder, "--json").json["requests"]
    assert (line["due_at"], line["missed"]) == ("2020-01-02T00:00:00Z", True)


def test_a_request_that_can_not_be_prepared_is_told_by_the_code(world: support.World) -> None:
    folder = world.request("requests/a.yaml", destination="gone").parent
    ran = world.cli("sync", folder, "--json")
    (line,) = ran.json["requests"]
    assert "[destinations.gone]" in line["error"]
    assert (line["exit_code"], ran.json["exit_code"], ran.code) == (2, 2, 2)


def test_a_file_that_is_no_request_is_told_by_the_code(world: support.World) -> None:
    folder = world.folder / "requests"
    folder.mkdir()
    (folder / "a.yaml").write_text("request_id: [")
    ran = world.cli("sync", folder, "--json")
    assert (ran.json["exit_code"], ran.code) == (2, 2)


def test_what_nothing_was_delivered_of_in_time_is_told_before_what_is_held(
    world: support.World,
) -> None:
    world.request("requests/late.yaml", request_id="late", source="gone", needed_by="2020-01-01")
    nobody = {"identifier": "urn:x|none"}
    folder = world.request("requests/held.yaml", request_id="held", patient=nobody).parent
    ran = world.cli("sync", folder, "--json")
    assert [line["exit_code"] for line in ran.json["requests"]] == [11, 5]
    assert (ran.json["exit_code"], ran.code) == (11, 11)


def test_a_case_whose_file_is_gone_is_told_before_it_is_late(world: support.World) -> None:
    """A folder that is not mounted, a file that was renamed away: nobody works on the case."""
    world.configure(release="manual")
    file = world.request("requests/a.yaml")
    assert world.cli("sync", file.parent).code == 5  # waits for an approval
    file.rename(world.folder / "a.yaml")
    ran = world.cli("sync", file.parent)
    assert ran.code == 2
    assert ran.out.startswith("a.yaml: (SO-1) case ")
    assert "no request file asks for it any more" in ran.out
    assert "connector close" in ran.out
    (world.folder / "a.yaml").rename(file)
    assert world.cli("sync", file.parent).code == 5
    world.request("requests/a.yaml", request_id="SO-2")  # the file asks for something else now
    told = world.cli("sync", file.parent, "--json").json["requests"]
    assert [line["request_id"] for line in told] == ["SO-2", "SO-1"]
    assert world.cli("close", "SO-1", stdin="asked under another name").code == 0
    assert [e["request_id"] for e in world.cli("sync", file.parent, "--json").json["requests"]] == [
        "SO-2"
    ]


def test_a_due_that_can_not_be_read_stops_no_other_case(world: support.World) -> None:
    folder = world.request("requests/a.yaml").parent
    assert world.cli("sync", folder).code == 3
    with closing(sqlite3.connect(world.store / "ledger.db")) as db, db:
        db.execute("UPDATE ledger_case SET due = '1-01-02T00:00:00Z'")  # of an older program
    assert world.cli("status").code == 0
    assert world.cli("sync", folder).code == 3


def test_an_edit_while_it_is_on_its_way_waits_and_that_is_told(world: support.World) -> None:
    world.configure(destination="attempts = 1\nbundle = { max_entries = 20 }")
    world.destination.add_fault(
        Fault("status", path=r"/fhir/?$", method="POST", status=503, skip=1)
    )
    folder = world.request("requests/a.yaml").parent
    assert world.cli("sync", folder).code == 7
    world.request("requests/a.yaml", question="And radiotherapy?")
    assert "the edited request is taken up when" in world.cli("sync", folder).out
    assert world.cli("show", "SO-1", "--json").json["edit_waits"] is True
    world.destination.clear_faults()
    world.cli("sync", folder)
    (line,) = world.cli("sync", folder, "--json").json["requests"]
    assert (line["edit_waits"], line["update"]["number"]) == (False, 1)
