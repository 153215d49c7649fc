"""FHIR JSON without loss: split without parsing, parse without rounding, one definition of equal.

A record that is only carried stays the bytes its source sent; `members` and `elements` cut those
bytes without looking inside. Where content must be read or changed, `decode` keeps every digit
(FHIR R4 json.html#decimal: the precision of a decimal is part of its value).
"""

import hashlib
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import msgspec


class UndecodableError(ValueError):
    """Bytes that are not the JSON they should be. Its text never holds the content."""


# What msgspec raises for bad JSON; an exponent no Decimal can hold is an ArithmeticError.
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ArithmeticError)

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_TOO_DEEP = "nested too deeply"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_elements = msgspec.json.Decoder(list[msgspec.Raw])


class _Name(str):
    """A member's name that equals no other, so that one given twice is seen."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


_each_member = msgspec.json.Decoder(
    dict[_Name, msgspec.Raw],
    dec_hook=lambda _, text: _Name(text),
)


def decode(data: bytes | msgspec.Raw) -> Any:
    """The JSON value of `data`, with each decimal as `Decimal` and each integer as `int`.

    Raises `UndecodableError` for anything that is not one JSON value in UTF-8.
    """
    try:
        return _decoder.decode(data)
    except _UNREADABLE as error:
        raise UndecodableError(_why(error)) from None


def encode(value: Any) -> bytes:
    """`value` as compact JSON. `Decimal` is written as a number, digits and exponent kept."""
    return _encoder.encode(value)


def members(data: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The top-level members of one JSON object, in order, each value byte for byte."""
    try:
        return _members.decode(data)
    except _UNREADABLE as error:
        raise UndecodableError(_why(error)) from None


def unique_members(data: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """As `members`. A name given twice is an `UndecodableError`: which one counts, nobody knows
    (RFC 8259 4)."""
    try:
        named = _each_member.decode(data)
    except _UNREADABLE as error:
        raise UndecodableError(_why(error)) from None
    found = {str(name): value for name, value in named.items()}
    if len(found) != len(named):
        raise UndecodableError("a name twice in one object")
    return found


def elements(data: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """The elements of one JSON array, in order, each byte for byte."""
    try:
        return _elements.decode(data)
    except _UNREADABLE as error:
        raise UndecodableError(_why(error)) from None


def sha256(data: bytes) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def canonical(value: Any) -> bytes:
    """One byte string per meaning: keys sorted, numbers as digits and exponent.

    `1.50` and `1.5` differ here (precision is meaning in FHIR), `1e2` and `100` do too; use
    `same_value` to tell a changed precision from a changed value. Raises `UndecodableError` for
    what is nested too deeply to be walked.
    """
    try:
        return _encoder.encode(_normal(value))
    except RecursionError:
        raise UndecodableError(_TOO_DEEP) from None


def same_value(one: Any, other: Any) -> bool:
    """True when two JSON values differ at most in the precision of their numbers.

    Raises `UndecodableError` for what is nested too deeply to be walked.
    """
    try:
        return _same(one, other)
    except RecursionError:
        raise UndecodableError(_TOO_DEEP) from None


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def canonical_xhtml(div: str) -> str:
    """Narrative as canonical XML (C14N 2.0), so that quoting and attribute order do not count.

    A narrative that is not well-formed is returned as it is: it then equals only itself.
    """
    try:
        return ElementTree.canonicalize(div, strip_text=False)
    except (ElementTree.ParseError, ValueError, RecursionError):
        return div


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normal(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, Decimal):
        return _digits(value)
    return value


def _digits(number: Decimal) -> list[Any] | int:
    sign, digits, exponent = number.as_tuple()
    if exponent == 0:
        return int(number)  # 5e0 is 5
    return ["decimal", sign, "".join(map(str, digits)), exponent]


def _why(error: Exception) -> str:
    # msgspec's messages name types and byte positions, never content; the others are not trusted.
    if isinstance(error, msgspec.DecodeError):
        return str(error)
    if isinstance(error, RecursionError):
        return _TOO_DEEP
    return "a number out of all bounds" if isinstance(error, ArithmeticError) else "not UTF-8"
