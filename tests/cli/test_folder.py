"""A packet put into a folder that others watch: whole, once, and read back from disk."""

import hashlib
import json
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests import support


@pytest.fixture
def watched(world: support.World) -> Path:
    """The folder that is the destination."""
    folder = world.folder / "share"
    folder.mkdir()
    config = world.folder / "connector.toml"
    text = config.read_text()
    url = f'base_url = "{world.destination_url}"'
    assert url in text
    config.write_text(text.replace(url, 'folder = "share"'))
    return folder


def sent(world: support.World) -> Any:
    return world.cli("transfer", world.request(), "--json").json


def test_the_packet_is_one_file_named_by_its_hash(world: support.World, watched: Path) -> None:
    values = sent(world)
    assert values["state"] == "verified", values
    assert world.destination.requests == []
    [path] = watched.iterdir()
    assert path.name == f"{values['packet_hash']}.zip"
    assert path.stat().st_mode & 0o777 == 0o640
    with zipfile.ZipFile(path) as archive:
        assert {"bundle.json", "packet.html", "README.txt"} <= set(archive.namelist())
        bundle = json.loads(archive.read("bundle.json"))
    proof = json.loads(Path(values["receipt"]).read_text())
    assert proof["kind"] == "files"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert proof["file"] == {"name": path.name, "sha256": digest}
    places = {f"{path.name}#{entry['fullUrl']}" for entry in bundle["entry"]}
    assert {line["there"] for line in proof["resources"]} == places
    log = world.cli("audit", "show", "--json").json
    assert [(r["event"], r["outcome"]) for r in log] == [
        ("deliver", "attempted"),
        ("announce", "verified"),
    ]
    before = path.stat().st_mtime_ns
    assert sent(world)["state"] == "verified"
    assert path.stat().st_mtime_ns == before


def test_who_watches_never_sees_a_part_of_it(world: support.World, watched: Path) -> None:
    seen: list[bool] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in watched.glob("[!.]*"):
                seen.append(zipfile.is_zipfile(path) and zipfile.ZipFile(path).testzip() is None)
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    sent(world)
    time.sleep(0.05)
    done.set()
    watcher.join()
    assert seen
    assert all(seen)


def test_a_changed_byte_is_found_and_a_taken_file_is_none(
    world: support.World, watched: Path
) -> None:
    values = sent(world)
    [path] = watched.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    differs = world.cli("verify", "SO-1", "--json")
    assert (differs.code, differs.json["state"]) == (8, "differs")
    path.write_bytes(whole)
    assert world.cli("verify", "SO-1", "--json").json["state"] == "verified"
    path.unlink()
    taken = world.cli("verify", "SO-1", "--json").json
    assert taken["state"] == "verified"
    proof = json.loads(Path(values["receipt"]).read_text())
    assert "took it" in proof["resources"][0]["note"]
    assert sent(world)["state"] == "verified"
    assert list(watched.iterdir()) == []  # and not put there again


def test_a_folder_that_is_not_there_is_not_made(world: support.World, watched: Path) -> None:
    watched.rmdir()
    refused = sent(world)
    assert refused["exit_code"] == 7
    assert "not there" in refused["reasons"][0]["why"]
    assert not watched.exists()
    assert world.cli("doctor", world.request()).code == 7
    watched.mkdir()
    assert sent(world)["state"] == "verified"
    assert world.cli("doctor", world.request()).code == 0


def test_another_file_under_our_name_is_not_written_over(
    world: support.World, watched: Path
) -> None:
    dry = world.cli("transfer", world.request(), "--dry-run", "--json").json
    theirs = watched / f"{dry['packet_hash']}.zip"
    theirs.write_bytes(b"theirs")
    assert sent(world)["exit_code"] == 8
    assert theirs.read_bytes() == b"theirs"


def test_nobody_can_be_asked_there(world: support.World, watched: Path) -> None:
    sent(world)
    ran = world.cli("resolve", "SO-1")
    assert ran.code == 2
    assert "a folder can't be asked" in ran.err


@pytest.mark.parametrize("setting", ['kind = "document"', 'kind = "message"'])
def test_a_folder_gets_files(world: support.World, watched: Path, setting: str) -> None:
    config = world.folder / "connector.toml"
    config.write_text(config.read_text() + f"bundle = {{ {setting} }}\n")
    assert world.cli("transfer", world.request()).code == 2
