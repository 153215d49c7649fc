"""Nothing of a record is lost: digits, escapes, bytes."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir.lossless import (
    UndecodableError,
    canonical,
    canonical_xhtml,
    decode,
    elements,
    encode,
    members,
    same_value,
)

from .texts import FEWER, NUMBERS, json_strings, objects, values


def exact(value: Any) -> Any:
    """`value` with each number as sign, digits and exponent: `1.0` and `1.00` are two things."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, bool | str | None):
        return value
    sign, digits, exponent = Decimal(value).as_tuple()
    return sign if any(digits) or exponent else 0, digits, exponent  # JSON's -0 is the integer 0


def oracle(text: str | bytes) -> Any:
    """What Python's own parser makes of a text, decimals with all digits."""
    return exact(json.loads(text, parse_float=Decimal))


@given(values())
@FEWER
def test_decode_reads_what_stands_there(text: str) -> None:
    assert exact(decode(text.encode())) == oracle(text)


@given(values())
@FEWER
def test_a_round_trip_keeps_every_value_and_every_digit(text: str) -> None:
    assert oracle(encode(decode(text.encode()))) == oracle(text)


@pytest.mark.parametrize(
    "text",
    [
        "1.50",
        "0.00",
        "-0.0",
        "0.12345678901234567890",
        "12345678901234567890.5",
        "18446744073709551616",  # 2**64
        "-9223372036854775809",
        "123456789012345678901234567890123456789",
        "1E+2",
        "1E-7",
    ],
)
def test_these_numbers_come_back_letter_for_letter(text: str) -> None:
    assert encode(decode(text.encode())) == text.encode()


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), values(), max_size=5))
@FEWER
def test_members_are_cut_byte_for_byte_and_in_order(parts: dict[str, str]) -> None:
    data = ",\n".join(f"{json.dumps(name)} : {text}" for name, text in parts.items())
    cut = members(f"{{{data}}}".encode())
    assert [(name, bytes(raw).decode()) for name, raw in cut.items()] == list(parts.items())


@given(st.lists(values(), max_size=5))
@FEWER
def test_elements_are_cut_byte_for_byte(parts: list[str]) -> None:
    assert [bytes(raw).decode() for raw in elements(f"[{' , '.join(parts)}]".encode())] == parts


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"1 2",
        b"01",
        b"NaN",
        b'"\\ud800"',
        b'"\\ud800\\u0041"',
        b'"\\udc00"',
        b'"\xff"',
        b'"a\nb"',
        b"1e99999999999999999999",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"name":"Zanzibar-8812", "x":}',
    ],
)
def test_what_is_not_json_is_refused_without_repeating_it(data: bytes) -> None:
    for read in (decode, members, elements):
        with pytest.raises(UndecodableError) as caught:
            read(data)
        assert "Zanzibar" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_a_deep_value_is_walked() -> None:
    value = decode(b"[" * 200 + b"]" * 200)
    assert canonical(value) == b"[" * 200 + b"]" * 200
    assert same_value(value, value)


def test_a_value_too_deep_to_be_walked_is_refused() -> None:
    value: list[Any] = []
    for _ in range(2_000):
        value = [value]
    for walk in (canonical, lambda deep: same_value(deep, [deep[0]])):
        with pytest.raises(UndecodableError):
            walk(value)


@given(objects(values()))
@FEWER
def test_the_order_of_keys_does_not_count(text: str) -> None:
    value = decode(text.encode())
    assert canonical(dict(reversed(value.items()))) == canonical(value)


@given(NUMBERS, NUMBERS)
def test_canonical_tells_numbers_by_digits_and_exponent(one: str, other: str) -> None:
    same = oracle(one) == oracle(other)
    assert (canonical(decode(one.encode())) == canonical(decode(other.encode()))) == same


@given(NUMBERS, NUMBERS)
def test_same_value_tells_numbers_by_value(one: str, other: str) -> None:
    equal = Decimal(one) == Decimal(other)
    assert same_value(decode(one.encode()), decode(other.encode())) == equal


@given(json_strings(), json_strings())
def test_the_way_a_string_is_escaped_does_not_count(one: str, other: str) -> None:
    same = json.loads(one) == json.loads(other)
    assert (canonical(decode(one.encode())) == canonical(decode(other.encode()))) == same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1", "1.0", True),
        ("1e2", "100", True),
        ("-0.0", "0", True),
        ("1.5", "1.50000000000000000000000001", False),
        ("12345678901234567890", "12345678901234567891", False),
        ("true", "1", False),
        ("0", "false", False),
        ("1", '"1"', False),
        ("null", "0", False),
        ("[1]", "[1,1]", False),
        ('{"a":1}', '{"a":1,"b":null}', False),
        ("[]", "{}", False),
    ],
)
def test_same_value(one: str, other: str, same: bool) -> None:
    assert same_value(decode(one.encode()), decode(other.encode())) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('<div a="1" b="2"/>', "<div b='2' a='1'></div>", True),
        ("<div>&#233;</div>", "<div>é</div>", True),
        ("<div>a b</div>", "<div>a  b</div>", False),
        ("<div>1</div>", "<div>2</div>", False),
        ("<div>&nbsp;</div>", "<div>&nbsp;</div>", True),  # no XML: equal to itself only
        ("<div>&nbsp;</div>", "<div>\xa0</div>", False),
    ],
)
def test_canonical_xhtml(one: str, other: str, same: bool) -> None:
    assert (canonical_xhtml(one) == canonical_xhtml(other)) is same


@given(st.text())
def test_canonical_xhtml_takes_any_text(text: str) -> None:
    canonical_xhtml(f"<div>{text}</div>")
