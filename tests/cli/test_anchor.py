"""audit.ndjson line by line, and the end of the log kept outside the store."""

import os
import shutil
from pathlib import Path

import pytest

from tests.support import World


def audit(world: World) -> Path:
    [found] = world.store.glob("cases/*/audit.ndjson")
    return found


def anchored(world: World, anchor: str) -> None:
    world.configure(extra=f"[audit]\nanchor = {anchor}\n")


@pytest.mark.parametrize(
    ("kind", "line"),
    [("changed", 2), ("removed", 2), ("cut", None), ("doubled", 2), ("moved", 1), ("added", None)],
)
def test_a_line_that_is_not_its_rows_is_said(world: World, kind: str, line: int | None) -> None:
    world.cli("transfer", world.request())
    ran = world.cli("audit", "verify", "--json")
    lines = audit(world).read_bytes().splitlines(keepends=True)
    assert (ran.code, ran.json["lines"], ran.json["unsealed"]) == (0, len(lines), 0)
    a, b, *rest = lines
    made = {
        "changed": [
            a,
            b.replace(b'"Patient/', b'"Patient/x', 1).replace(b"/Patient/", b"/Patient/x", 1),
            *rest,
        ],
        "removed": [a, *rest],
        "cut": lines[:-1],
        "doubled": [a, a, b, *rest],
        "moved": [b, a, *rest],
        "added": [
            *lines,
            a.replace(b'"log-row","valueString":"1"', b'"log-row","valueString":"99"'),
        ],
    }[kind]
    audit(world).write_bytes(b"".join(made))
    told = world.cli("audit", "verify", "--json")
    assert told.code == 8
    if kind == "added":  # the log itself is asked for row 99 first
        assert told.json["broken"]["kind"] == "cut"
        return
    assert told.json["broken"]["kind"] == kind
    assert told.json["broken"]["line"] == (line or len(lines))
    said = world.cli("audit", "verify").out
    assert f"line {line or len(lines)} of audit.ndjson" in said


def test_an_older_store_is_known_by_its_anchor(world: World) -> None:
    anchored(world, '"away/anchor.txt"')
    (world.folder / "away").mkdir()
    world.cli("transfer", world.request())
    shutil.copytree(world.store, world.folder / "backup")
    world.cli("transfer", world.request("b.yaml", request_id="SO-2"))
    kept = (world.folder / "away/anchor.txt").read_text()
    assert [len(line.split()) for line in kept.splitlines()] == [2, 2]
    assert world.patient not in kept
    assert world.cli("audit", "verify").code == 0
    shutil.rmtree(world.store)
    shutil.copytree(world.folder / "backup", world.store)
    ran = world.cli("audit", "verify", "--json")
    assert (ran.code, ran.json["broken"]["kind"]) == (8, "cut")
    assert "older than what it has shown" in ran.json["broken"]["why"]
    again = world.cli("transfer", "request.yaml")
    assert (again.code, "older than what it has shown" in again.err) == (3, True)
    assert (world.folder / "away/anchor.txt").read_text() == kept


def test_a_command_is_given_the_end_of_the_log(world: World) -> None:
    anchored(world, '["sh", "-c", "cat >> given.txt"]')
    world.cli("transfer", world.request())
    given = world.folder / "given.txt"
    assert len(given.read_text().splitlines()) == 1
    world.cli("transfer", "request.yaml")
    assert len(given.read_text().splitlines()) == 1  # nothing was added to the log
    assert world.cli("audit", "verify", "--anchor", "given.txt").code == 0
    given.write_text(f"1 {'0' * 64}\n")
    ran = world.cli("audit", "verify", "--anchor", "given.txt")
    assert (ran.code, "changed" in ran.out) == (8, True)
    given.write_text("yes\n")
    assert world.cli("audit", "verify", "--anchor", "given.txt").code == 2


@pytest.mark.parametrize(
    "anchor", ['"nowhere/anchor.txt"', '["false"]', '["no-such-command"]', '"pipe"']
)
def test_an_anchor_that_fails_is_told_and_stops_nothing(world: World, anchor: str) -> None:
    os.mkfifo(world.folder / "pipe")
    anchored(world, anchor)
    ran = world.cli("transfer", world.request(), "--json")
    assert (ran.code, ran.json["state"]) == (3, "verified")
    assert "could not be anchored" in ran.err
