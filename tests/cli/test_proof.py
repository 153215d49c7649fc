"""Receipts and the disclosure log, as an operator and a stranger check them."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.docs.pages import blocks

SIGNED = '[receipt]\nprivate_key = { file = "keys/private.pem" }\n'


@pytest.fixture
def sent(world: support.World) -> support.World:
    """A case that was sent, with a signed receipt."""
    assert world.cli("keys", "new", "--out", "keys").code == 0
    world.configure(extra=SIGNED + '[ledger]\noperator = "Records office"\n')
    assert world.cli("transfer", world.request()).code == 3
    return world


def folder(world: support.World) -> Path:
    (case,) = (world.store / "cases").iterdir()
    return case


def receipt(world: support.World) -> Any:
    return json.loads((folder(world) / "receipt.json").read_text())


def test_a_stranger_checks_a_receipt(sent: support.World, tmp_path: Path) -> None:
    """Without configuration, store or server: a folder with copies."""
    away = tmp_path / "away"
    away.mkdir()
    for name in ("receipt.json", "receipt.jws", "packet.json"):
        (away / name).write_bytes((folder(sent) / name).read_bytes())
    (away / "jwks.json").write_bytes((sent.folder / "keys" / "jwks.json").read_bytes())
    stranger = support.Site(away, "", "")
    for arguments, checked in (
        (["receipt.json"], ["digest", "packet"]),
        (["receipt.json", "--jwks", "jwks.json"], ["digest", "signature", "packet"]),
        (["receipt.jws", "--jwks", "jwks.json"], ["digest", "signature", "packet"]),
    ):
        ran = stranger.cli("receipt", "check", *arguments, "--json")
        assert (ran.code, ran.json["checked"], ran.json["wrong"]) == (0, checked, []), ran
        assert ran.json["statuses"] == {"verified": len(receipt(sent)["resources"])}

    text = (away / "receipt.json").read_bytes()
    (away / "receipt.json").write_bytes(text.replace(b'"version":"1"', b'"version":"2"', 1))
    ran = stranger.cli("receipt", "check", "receipt.json")
    assert (ran.code, ran.out.split(":")[0]) == (8, "digest")
    assert stranger.cli("receipt", "check", "receipt.json", "--jwks", "jwks.json").code == 8

    (away / "receipt.json").write_bytes(text)
    packet = (away / "packet.json").read_bytes()
    (away / "packet.json").write_bytes(packet.replace(b'"final"', b'"fina1"', 1))
    ran = stranger.cli("receipt", "check", "receipt.json", "--json")
    assert ran.code == 8
    assert ran.json["wrong"][0].endswith("is not as it was sent")

    signed = (away / "receipt.jws").read_bytes()
    (away / "receipt.jws").write_bytes(signed[:-5] + bytes([signed[-5] ^ 1]) + signed[-4:])
    ran = stranger.cli("receipt", "check", "receipt.jws", "--jwks", "jwks.json")
    assert (ran.code, ran.out.split(":")[0]) == (8, "signature")


@pytest.mark.parametrize("name", ["proof.json", "SO-1.json", "receipt (1).json"])
def test_a_receipt_under_another_name_is_no_alarm(sent: support.World, name: str) -> None:
    renamed = sent.folder / name
    renamed.write_bytes((folder(sent) / "receipt.json").read_bytes())
    ran = sent.cli("receipt", "check", renamed, "--json")
    assert (ran.code, ran.json["checked"]) == (0, ["digest"])
    packet = folder(sent) / "packet.json"
    ran = sent.cli("receipt", "check", renamed, "--packet", packet, "--json")
    assert (ran.code, ran.json["checked"]) == (0, ["digest", "packet"])


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b'"type":"collection"', b'"type":"transaction"'),
        (b'"type":"collection"', b'"type":"collection","id":"x"'),
        (b'{"fullUrl":"urn:uuid:', b'{"fullUrl":"urn:uuid:0'),
        (b'{"fullUrl":', b'{"request":{"method":"DELETE","url":"Patient/1"},"fullUrl":'),
    ],
)
def test_the_envelope_of_the_packet_is_covered(sent: support.World, was: bytes, now: bytes) -> None:
    packet = folder(sent) / "packet.json"
    packet.write_bytes(packet.read_bytes().replace(was, now, 1))
    ran = sent.cli("receipt", "check", folder(sent) / "receipt.json")
    assert (ran.code, "its envelope" in ran.out) == (8, True), ran


def test_what_a_stranger_may_get_wrong(sent: support.World) -> None:
    case = folder(sent)
    (sent.folder / "empty.json").write_text("{}")
    (sent.folder / "list.json").write_text("[]")
    (sent.folder / "void.json").write_text(" \n")
    (sent.folder / "garbage.jws").write_bytes(b"\x00\xffonce upon a time")
    for arguments, words in (
        (["nowhere.json"], "No such file"),
        ([case / "receipt.jws"], "can't be checked without the public key"),
        ([case / "receipt.jws", "--jwks", "empty.json"], "no JSON Web Key Set"),
        ([case / "receipt.jws", "--jwks", "keys/private.pem"], "not JSON"),
        ([case / "packet.json"], "not a receipt that can be read"),
        (["void.json"], "the file is empty"),
        (["garbage.jws", "--jwks", "empty.json"], "neither a receipt nor a signed one"),
        (["garbage.jws"], "neither a receipt nor a signed one"),
        ([case / "receipt.json", "--packet", "list.json"], "not a Bundle that can be read"),
    ):
        ran = sent.cli("receipt", "check", *arguments)
        assert (ran.code, words in ran.err) == (2, True), ran


def test_one_digit_changed_there_is_found_and_named(sent: support.World) -> None:
    (changed, *_) = sent.there("Immunization")
    changed["occurrenceDateTime"] = changed["occurrenceDateTime"].replace("2", "3", 1)
    sent.destination.put(changed)
    assert sent.cli("verify", "SO-1").code == 8
    lines = receipt(sent)["resources"]
    differing = [line["there"] for line in lines if line["status"] == "differs"]
    assert differing == [f"Immunization/{changed['id']}"]
    assert sent.cli("receipt", "check", folder(sent) / "receipt.json").code == 0  # the paper holds
    told = sent.cli("audit", "show", "--json").json[-1]
    assert (told["event"], told["outcome"]) == ("announce", "differs")


def test_without_its_key_nothing_leaves(world: support.World) -> None:
    world.configure(extra=SIGNED)
    ran = world.cli("transfer", world.request())
    assert (ran.code, "private.pem" in ran.err) == (2, True)
    assert world.written() == []


def test_the_log_is_shown_checked_and_exported(sent: support.World) -> None:
    shown = sent.cli("audit", "show", "--json").json
    count = len(receipt(sent)["resources"])
    assert [(row["event"], row["outcome"], row["resources"]) for row in shown] == [
        ("look-up", "attempted", 0),
        ("deliver", "attempted", count),
        ("announce", "attempted", 2),
        ("announce", "verified", count),
    ]
    assert {(row["case"], row["operator"]) for row in shown} == {
        (folder(sent).name, "Records office")
    }
    assert sent.cli("audit", "show", "SO-1", "--json").json == shown
    assert "Records office" in sent.cli("audit", "show").out
    ran = sent.cli("audit", "verify", "--json")
    assert (ran.code, ran.json["rows"], ran.json["anchors"], ran.json["broken"]) == (0, 4, 5, None)

    assert sent.cli("audit", "export", "--out", "events.ndjson").code == 0
    exported = sent.folder / "events.ndjson"
    assert exported.read_bytes() == (folder(sent) / "audit.ndjson").read_bytes()
    assert exported.stat().st_mode & 0o777 == 0o600
    assert sent.cli("audit", "export", "SO-1", "--out", "one.ndjson").code == 0
    assert (sent.folder / "one.ndjson").read_bytes() == exported.read_bytes()


def test_a_log_that_was_touched_is_told(sent: support.World) -> None:
    kept = sent.folder / "kept.json"
    kept.write_bytes((folder(sent) / "receipt.json").read_bytes())
    with closing(sqlite3.connect(sent.store / "ledger.db")) as db, db:
        db.execute("DELETE FROM ledger_disclosure WHERE seq = 4")
        hashes = db.execute("SELECT hash FROM ledger_disclosure WHERE seq = 3").fetchone()
        db.execute("UPDATE ledger_disclosure_head SET seq = 3, hash = ?", hashes)
    ran = sent.cli("audit", "verify", "--json")
    assert (ran.code, ran.json["broken"]["seq"], ran.json["broken"]["kind"]) == (8, 4, "cut")
    (folder(sent) / "receipt.json").unlink()  # what the store itself remembers
    lines = (folder(sent) / "audit.ndjson").read_bytes().splitlines(keepends=True)
    (folder(sent) / "audit.ndjson").write_bytes(b"".join(lines[:3]))
    assert sent.cli("audit", "verify").code == 0
    ran = sent.cli("audit", "verify", "--receipt", kept)
    assert (ran.code, "kept.json knows row 4" in ran.out) == (8, True)
    kept.write_text("[]")
    assert sent.cli("audit", "verify", "--receipt", kept).code == 2


def test_without_the_ledgers_key_nothing_is_done(sent: support.World) -> None:
    """Not even looked at the destination: what was brought earlier would seem to be theirs."""
    key = sent.store / "ledger.key"
    key.rename(sent.folder / "backup.key")
    asked = len(sent.destination.requests)
    for arguments in (["status"], ["audit", "verify"], ["transfer", "request.yaml"], ["verify"]):
        ran = sent.cli(*arguments, *(["SO-1"] if arguments == ["verify"] else []))
        assert (ran.code, "its key" in ran.err, "beginning anew" in ran.out) == (2, True, False)
        assert "from the backup" in ran.err
    assert len(sent.destination.requests) == asked
    assert not key.exists()
    (sent.folder / "backup.key").rename(key)
    key.chmod(0o644)
    ran = sent.cli("status")
    assert (ran.code, "chmod 600" in ran.err) == (2, True)
    key.chmod(0o600)
    assert sent.cli("verify", "SO-1").code == 3


def test_a_store_without_disclosures(world: support.World) -> None:
    assert world.cli("audit", "show").out == "Nothing was disclosed yet.\n"
    assert world.cli("audit", "verify").code == 0


def test_receipts_that_are_no_longer_signed(sent: support.World) -> None:
    sent.configure()
    assert sent.cli("verify", "SO-1").code == 3
    assert not (folder(sent) / "receipt.jws").exists()


def test_the_page_works_without_us(world: support.World) -> None:
    """Every block of docs/proof.md for a stranger, with jq, openssl and Python alone."""
    assert world.cli("keys", "new", "--alg", "RS384", "--out", "keys").code == 0
    world.configure(extra=SIGNED)
    assert world.cli("transfer", world.request()).code == 3
    case, private = folder(world), world.folder / "keys" / "private.pem"
    run = partial(subprocess.run, cwd=case, capture_output=True, text=True, check=True)
    run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", "public.pem"])
    digest, signature = (
        run(["bash", "-eo", "pipefail", "-c", block.text]).stdout
        for block in blocks("proof.md", "sh")
    )
    (made, _, written) = digest.split()
    assert f"sha256:{made}" == written == receipt(world)["digest"]
    assert "Verified OK" in signature
    (check,) = blocks("proof.md", "python")
    run([sys.executable, "-c", check.text])
    packet = (case / "packet.json").read_text()
    (case / "packet.json").write_text(packet.replace('"final"', '"fina1"', 1))
    with pytest.raises(subprocess.CalledProcessError):
        run([sys.executable, "-c", check.text])
