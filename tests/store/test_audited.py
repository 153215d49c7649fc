"""audit.ndjson against the log: whatever is done to its lines without the key is found."""

import hashlib
import hmac
import json
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connector.store.audit import audit_ndjson
from connector.store.audit.audit_check import Found, check, seal
from connector.store.audit.disclosures import Row

NAME = "audit.ndjson"


def keyed_by(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


KEYED = partial(keyed_by, b"key")


def row(seq: int) -> Row:
    rest: dict[str, Any] = dict.fromkeys(Row.__slots__, "x")
    rest |= {"seq": seq, "resources": seq, "rejected": 0, "hash": KEYED(f"row {seq}")}
    return Row(**rest)


def line(told: Row, *, sealed: bool = True) -> bytes:
    values = {"resources": str(told.resources), "rejected": "0", **audit_ndjson.as_details(told)}
    if not sealed:
        del values[audit_ndjson.SEAL]
    detail = [{"type": name, "valueString": value} for name, value in values.items()]
    # An id of 64 zeros is a legal one, and no place for the seal.
    what = {"reference": "Patient/" + "0" * 64}
    event = {"recorded": "x", "outcomeDesc": "x: x", "entity": [{"what": what, "detail": detail}]}
    text = json.dumps(event, separators=(",", ":")).encode()
    return (seal(KEYED, text) if sealed else text) + b"\n"


ROWS = [row(seq) for seq in (2, 3, 5, 8)]
LINES = [line(told) for told in ROWS]


def checked(lines: list[bytes], rows: list[Row] = ROWS) -> Found:
    return check(KEYED, rows, b"".join(lines), NAME)


def found(lines: list[bytes]) -> tuple[str, int, int | None]:
    broken = checked(lines).broken
    assert broken is not None
    assert f"line {broken.line} of {NAME}" in broken.why
    return broken.kind, broken.seq, broken.line


def test_as_it_was_written() -> None:
    assert checked(LINES) == (4, 0, None)
    assert checked([], []) == (0, 0, None)


def test_each_kind_is_said_with_its_line() -> None:
    a, b, c, d = LINES
    assert found([a, c, d]) == ("removed", 3, 2)
    assert found([a, b, c]) == ("cut", 8, 4)
    assert found([]) == ("cut", 2, 1)
    assert found([a, c, b, d]) == ("moved", 3, 2)
    assert found([a, b, b, c, d]) == ("doubled", 3, 3)
    assert found([a, b, line(row(4)), c, d]) == ("added", 4, 3)
    assert found([a, b, b"{}\n", c, d]) == ("changed", 5, 3)
    assert found([a, b, c, d, b'{"half'])[::2] == ("added", 5)
    assert found([a, b, c.replace(b"Patient/", b"Patient/1"), d]) == ("changed", 5, 3)


def test_lines_of_an_older_program_stand_first_or_not_at_all() -> None:
    bare = [line(told, sealed=False) for told in ROWS]
    assert checked([*bare[:2], *LINES[2:]]) == (4, 2, None)
    assert found([*LINES[:2], *bare[2:]]) == ("changed", 5, 3)
    assert found([bare[0].replace(b'"x: x"', b'"y: x"'), *LINES[1:]]) == ("changed", 2, 1)


@given(st.data())
def test_no_byte_can_be_another(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, 3))
    text = bytearray(LINES[number])
    place = data.draw(st.integers(0, len(text) - 2))
    text[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[place]))
    one = checked([*LINES[:number], bytes(text), *LINES[number + 1 :]])
    # Without its seal the first line may be an older program's, and that is told.
    assert one.broken is not None or (number == 0 and one.unsealed == 1)


@given(st.lists(st.sampled_from(LINES), max_size=6))
def test_only_the_lines_in_their_order_hold(lines: list[bytes]) -> None:
    assert (checked(lines).broken is None) == (lines == LINES)


def test_another_key_seals_otherwise() -> None:
    other = check(partial(keyed_by, b"other"), ROWS, b"".join(LINES), NAME)
    assert other.broken is not None
    assert other.broken.kind == "changed"
