"""The receipt: what it says, and that nobody changes it unnoticed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector import keys
from connector.errors import ReadBackDiffers, UsageError
from connector.fhir.equality import comparable
from connector.fhir.lossless import canonical, decode, encode, sha256
from connector.push import Session, signed, verify
from connector.push.evidence import receipt_check, receipt_digest
from connector.push.evidence.receipt import VERSION, Receipt, Signing, receipt
from connector.store.case.state import required
from connector.store.mapped import export, packet
from tests.push.packets import NOW, push_all
from tests.sandbox_parts import Sandbox
from tests.schemas import schemas

SessionOf = Callable[..., Session]
KEY = keys.new("ES384")
JWKS = json.loads(keys.jwks(KEY))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes, bytes]:
    """receipt.json, receipt.jws and packet.json of one delivery."""
    from tests.push.packets import chart, open_session, put_packet

    folder = tmp_path_factory.mktemp("receipt")
    with Sandbox() as sandbox:
        session = open_session(folder, sandbox.base_url)
        put_packet(session.case, chart())
        text = encode(push_all(session)) + b"\n"
        export.packet(session.case)
        kept = (session.case.folder / "packet.json").read_bytes()
        session.case.close()
        session.ledger.close()
    return text, signed(text, Signing(KEY, KEY.kid)), kept


def test_what_it_says(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = session_of()
    session.case.state.approval = {
        "hash": session.case.state.packet_hash,
        "by": "Dr Roe",
        "at": NOW,
    }
    values = push_all(session)
    Receipt.model_validate(values)
    jsonschema.validate(values, schemas()["receipt.schema.json"])
    assert values["by"] == {"operator": "records-office", "approved_by": "Dr Roe"}
    assert values["announced_at"] == values["verified_at"] == NOW
    last = session.ledger.disclosures()[-1]
    assert values["disclosure_log"] == {"row": last.seq, "hash": last.hash}
    there = {f"{r['resourceType']}/{r['id']}": r for r in sandbox.resources()}
    for line in values["resources"]:
        entry = packet.entry(session.case, *line["packet"].split("/"))
        assert entry is not None
        assert line["sha256_packet"] == sha256(entry.body)
        stands = encode(there[line["there"]])
        assert line["sha256_read"] == sha256(canonical(comparable(decode(stands))))
        assert line["sha256_sent"] == line["sha256_read"]


def test_an_approval_of_another_packet_is_not_told(session_of: SessionOf) -> None:
    session = session_of()
    session.case.state.approval = {"hash": "another", "by": "Dr Roe", "at": NOW}
    assert push_all(session)["by"]["approved_by"] is None


def test_one_digit_changed_at_the_destination_is_in_it(
    session_of: SessionOf, sandbox: Sandbox
) -> None:
    session = session_of()
    push_all(session)
    changed = next(r for r in sandbox.resources() if r["resourceType"] == "Observation")
    changed["valueQuantity"]["value"] = decode(b"1.51")
    sandbox.put(changed)
    with pytest.raises(ReadBackDiffers):
        verify(session)
    values = receipt(session, required(session.case.state.packet_hash), NOW)
    differing = [line for line in values["resources"] if line["status"] == "differs"]
    assert [line["there"] for line in differing] == [f"Observation/{changed['id']}"]
    assert differing[0]["sha256_sent"] != differing[0]["sha256_read"]


def test_a_state_for_where_nobody_may_read_has_room() -> None:
    statuses = schemas()["receipt.schema.json"]["$defs"]["Line"]["properties"]["status"]["enum"]
    assert "accepted" in statuses


def test_whole(made: tuple[bytes, bytes, bytes]) -> None:
    text, jws, kept = made
    found = receipt_check.check(text, jws, JWKS, kept)
    assert (found.checked, found.wrong) == (["digest", "signature", "packet"], [])
    assert receipt_check.content(jws, JWKS) == text


def test_white_space_between_its_members_means_nothing(made: tuple[bytes, bytes, bytes]) -> None:
    spread = json.dumps(json.loads(made[0]), indent=3, ensure_ascii=True).encode()
    assert receipt_check.check(spread).wrong == []


def found_out(check: Callable[[], receipt_check.Checked]) -> bool:
    try:
        return bool(check().wrong)
    except (UsageError, receipt_check.BadSignature):
        return True


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_any_changed_byte_is_found(made: tuple[bytes, bytes, bytes], data: st.DataObject) -> None:
    """But for the line end after it: white space outside of strings, which means nothing."""
    text = bytearray(made[0].rstrip())
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[place]))
    assert found_out(lambda: receipt_check.check(bytes(text)))


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_byte_put_in_or_taken_out_is_found(
    made: tuple[bytes, bytes, bytes], data: st.DataObject
) -> None:
    text = bytearray(made[0].rstrip())
    place = data.draw(st.integers(0, len(text) - 1))
    if data.draw(st.booleans()):
        del text[place]
    else:
        text.insert(place, data.draw(st.integers(0, 255).filter(lambda b: b not in b" \t\r\n")))
    assert found_out(lambda: receipt_check.check(bytes(text)))


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_any_changed_byte_of_a_packets_record_is_found(
    made: tuple[bytes, bytes, bytes], data: st.DataObject
) -> None:
    text, _, kept = made
    start = kept.index(b'"resource":') + len(b'"resource":')
    changed = bytearray(kept)
    place = data.draw(st.integers(start, kept.index(b"}},\n")))
    changed[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != changed[place]))
    assert found_out(lambda: receipt_check.check(text, packet=bytes(changed)))


def test_a_packet_with_one_more_or_one_less(made: tuple[bytes, bytes, bytes]) -> None:
    text, _, kept = made
    bundle = json.loads(kept)
    more = encode(
        {**bundle, "entry": [*bundle["entry"], {"resource": {"resourceType": "Basic", "id": "x"}}]}
    )
    assert receipt_check.check(text, packet=more).wrong != []
    lines = kept.split(b",\n")
    less = b",\n".join([lines[0], *lines[2:]])
    (wrong,) = receipt_check.check(text, packet=less).wrong
    assert wrong.endswith("is not in it")


UNREADABLE = {
    "not JSON": b"{",
    "a list": b"[]",
    "no digest": b'{"version":2}',
    "a name twice": b'{"digest":"x","digest":"y"}',
    "no whole number": b'{"digest":"x","version":2.0}',
    "an odd number": b'{"digest":"x","version":-0}',
    "no number": b'{"digest":"x","version":NaN}',
    "half a pair": b'{"digest":"\\ud800"}',
    "not UTF-8": b'{"digest":"\xff"}',
    "too deep": b'{"digest":' + b"[" * 100_000,
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_can_be_read_in_two_ways_is_not_read(what: str) -> None:
    with pytest.raises(UsageError, match="not a receipt that can be read"):
        receipt_digest.opened(UNREADABLE[what])


def test_a_receipt_of_another_version_is_not_judged() -> None:
    with pytest.raises(UsageError, match=f"version {VERSION + 1}"):
        receipt_check.check(encode(receipt_digest.sealed({"version": VERSION + 1})))


def test_a_signature_of_another_receipt(made: tuple[bytes, bytes, bytes]) -> None:
    text, jws, _ = made
    values: dict[str, Any] = json.loads(text)
    other = encode(receipt_digest.sealed({**values, "case": "000000000000"}))
    assert receipt_check.check(other, jws, JWKS).wrong == ["signature: it is of another receipt"]


def test_an_older_signature_does_not_stay(session_of: SessionOf, tmp_path: Path) -> None:
    case = session_of().case
    export.receipt(case, b"one", b"signed")
    assert (case.folder / "receipt.jws").read_bytes() == b"signed"
    assert (case.folder / "receipt.jws").stat().st_mode & 0o777 == 0o600
    export.receipt(case, b"two")
    assert not (case.folder / "receipt.jws").exists()
