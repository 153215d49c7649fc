"""The forms between which a server may choose, and that no other value ever passes for one."""

import base64
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from connector.fhir.equality import OTHER_BASE, Relation, Verdict, relation
from connector.fhir.forms import plain
from connector.fhir.lossless import UndecodableError, encode

BASE = "https://outside.example/fhir"
EQUAL, FORM, DIFFERS = Verdict.EQUAL, Verdict.FORM_CHANGED, Verdict.DIFFERS
SAME = (EQUAL, FORM)


def related(element: str, sent: Any, read: Any, around: str = "") -> Relation:
    bodies = []
    for value in (sent, read):
        inner = {element: value}
        bodies.append(encode({"resourceType": "X", **({around: inner} if around else inner)}))
    return relation(bodies[0], bodies[1], BASE)


def verdict(element: str, sent: Any, read: Any, around: str = "") -> Verdict:
    return related(element, sent, read, around).verdict


LINES = "bm90ZSBub3RlIG5v\r\ndGUgbm90ZSBub3Rl"


@pytest.mark.parametrize(
    ("element", "sent", "read", "form"),
    [
        ("reference", "Patient/1", f"{BASE}/Patient/1", "references"),
        ("reference", "Patient/1", "https://outside.example:443/fhir/Patient/1", "references"),
        ("reference", f"{BASE}/Patient/1/_history/2", "Patient/1/_history/2", "references"),
        ("url", "Binary/1", f"{BASE}/Binary/1", "references"),
        ("data", LINES, LINES.replace("\r\n", ""), "base64"),
        ("data", "bm90ZQ", "bm90ZQ==", "base64"),
        ("data", "bm90ZR==", "bm90ZQ==", "base64"),  # the last bits are none of the bytes
        ("data", "-_-_", "+/+/", "base64"),
        ("valueBase64Binary", "bm90ZQ", "bm90ZQ==", "base64"),
        ("issued", "2026-11-20T08:30:00Z", "2026-11-20T08:30:00+00:00", "times"),
        ("issued", "2026-11-20T08:30:00Z", "2026-11-20T08:30:00.000Z", "times"),
        ("issued", "2026-11-20T08:30:00.5Z", "2026-11-20T08:30:00.500-00:00", "times"),
        ("effectiveDateTime", "2026-11-20T12:00:00+01:00", "2026-11-20T11:00:00Z", "times"),
        ("event", ["2026-11-20T08:30:00Z"], ["2026-11-20T08:30:00+00:00"], "times"),
    ],
)  # fmt: skip
def test_the_forms_there_are(element: str, sent: Any, read: Any, form: str) -> None:
    assert related(element, sent, read) == (FORM, form)
    assert related(element, read, sent, around="contained") == (FORM, form)


def test_forms_are_told_together() -> None:
    sent = b'{"resourceType":"X","date":"2026-11-20T08:30:00Z","s":{"reference":"Goal/1"},"n":1.50}'
    read = sent.replace(b"00Z", b"00.0Z").replace(b"Goal/", BASE.encode() + b"/Goal/")
    assert relation(sent, read, BASE) == (FORM, "references, times")
    shorter = read.replace(b"1.50", b"1.5")
    assert relation(sent, shorter, BASE) == (Verdict.PRECISION_CHANGED, "references, times")
    assert relation(sent, read.replace(b"1.50", b"1.51"), BASE).verdict is DIFFERS


@pytest.mark.parametrize(
    ("element", "sent", "read"),
    [
        ("reference", "Patient/1", f"{BASE}/Patient/2"),
        ("reference", "Patient/1", f"{BASE}/Person/1"),
        ("reference", "Patient/1", f"{BASE}/Patient/1/_history/1"),
        ("reference", "Patient/1", "http://outside.example/fhir/Patient/1"),
        ("reference", "Patient/1", f"{BASE}2/Patient/1"),
        ("reference", "Patient/1", "Patient/1 "),
        ("url", "Binary/1", f"{BASE}/Binary/2"),
        ("url", "scan.pdf", f"{BASE}/scan.pdf"),
        ("data", "bm90ZQ==", "bm90Zg=="),
        ("data", "bm90ZQ==", "bm90ZQ==bm90ZQ=="),
        ("data", "bm90Z", "bm90ZQ=="),
        ("data", "bm90ZQ==", "bm90ZQ==!"),
        ("data", "not base64!", "notbase64!"),
        ("value", "bm90ZQ", "bm90ZQ=="),
        ("code", "2026-11-20T08:30:00Z", "2026-11-20T08:30:00+00:00"),
        ("value", "2026-11-20T08:30:00Z", "2026-11-20T08:30:00+00:00"),
        ("valueString", "2026-11-20T08:30:00Z", "2026-11-20T08:30:00+00:00"),
        ("issued", "2026-11-20T08:30:00Z", "2026-11-20T08:30:01Z"),
        ("issued", "2026-11-20T08:30:00Z", "2026-11-20T08:30:00.001Z"),
        ("issued", "2026-11-20T08:30:00.1234567Z", "2026-11-20T08:30:00.123456Z"),
        ("issued", "2026-11-20T12:00:00+01:00", "2026-11-20T12:00:00Z"),
        ("issued", "2026-11-20", "2026-11-20T00:00:00Z"),
        ("issued", "2026-11-20T08:30:00Z", "2026-11-20T08:30Z"),
        ("issued", "2026-02-30T08:30:00Z", "2026-02-30T08:30:00.0Z"),  # there is no such day
    ],
)  # fmt: skip
def test_what_is_another_value(element: str, sent: str, read: str) -> None:
    assert verdict(element, sent, read) is DIFFERS


def test_numbers_in_a_text_are_no_base64() -> None:
    assert verdict("data", "12 34", "1234", around="valueSampledData") is DIFFERS
    assert verdict("data", "1234", "12 34", around="signature") is FORM


def test_another_base_is_told_as_the_reason() -> None:
    away = "http://inner:8080/fhir/Patient/1"
    assert related("reference", "Patient/1", away) == (DIFFERS, OTHER_BASE)
    assert related("reference", "Patient/2", away) == (DIFFERS, "")


@given(st.binary(max_size=60), st.binary(max_size=60), st.data())
def test_bytes_are_what_counts(one: bytes, other: bytes, data: st.DataObject) -> None:
    def written(content: bytes) -> str:
        text = base64.b64encode(content).decode()
        if data.draw(st.booleans()):
            text = text.rstrip("=")
        if data.draw(st.booleans()):
            text = text.replace("+", "-").replace("/", "_")
        width = data.draw(st.integers(1, 80))
        mark = data.draw(st.sampled_from(["\n", "\r\n", " "]))
        return mark.join(text[at : at + width] for at in range(0, len(text), width))

    assert verdict("data", written(one), written(one)) in SAME
    assert (verdict("data", written(one), written(other)) in SAME) == (one == other)


MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1))


@given(MOMENTS, MOMENTS, st.booleans(), st.data())
def test_moments_are_what_counts(
    one: datetime, other: datetime, near: bool, data: st.DataObject
) -> None:
    if near:
        other = one + data.draw(st.sampled_from([timedelta(0), timedelta(microseconds=10)]))

    def written(moment: datetime) -> str:
        minutes = data.draw(st.integers(-14 * 60, 14 * 60))
        there = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
        text = there.isoformat()
        zeros = "0" * data.draw(st.integers(0, 4))
        head, offset = text[:-6], text[-6:]
        head += zeros if "." in head else "." + zeros if zeros else ""
        return head + ("Z" if offset == "+00:00" and data.draw(st.booleans()) else offset)

    assert verdict("issued", written(one), written(one)) in SAME
    assert (verdict("issued", written(one), written(other)) in SAME) == (one == other)


IDS = st.from_regex(r"[A-Za-z0-9\-.]{1,8}", fullmatch=True)
TYPES = st.sampled_from(["Patient", "Practitioner", "Observation", "Binary"])
BASES = st.sampled_from(["", f"{BASE}/", f"{BASE}/../", "https://outside.example/", "urn:x/"])


@given(TYPES, IDS, TYPES, IDS, BASES, BASES)
def test_the_target_is_what_counts(
    type_one: str, id_one: str, type_two: str, id_two: str, base_one: str, base_two: str
) -> None:
    assume((type_one, id_one) != (type_two, id_two))
    one, two = f"{base_one}{type_one}/{id_one}", f"{base_two}{type_two}/{id_two}"
    assert verdict("reference", one, two) is DIFFERS
    own = {"", f"{BASE}/"}
    same = verdict("reference", one, f"{base_two}{type_one}/{id_one}") in SAME
    assert same == (base_one == base_two or {base_one, base_two} <= own)


RECORD: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "identifier": [{"system": "urn:test", "value": "2026-11-20T08:30:00Z"}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "Hemoglobin"},
    "subject": {"reference": "Patient/12", "display": "bm90ZQ=="},
    "effectiveDateTime": "2026-11-20T08:30:00.25+01:00",
    "issued": "2026-11-20T07:30:00Z",
    "valueQuantity": {"value": 12, "unit": "g/dL"},
    "component": [{"valueSampledData": {"data": "1 2 E 34", "dimensions": 1}}],
    "contained": [{"resourceType": "Binary", "contentType": "a/b", "data": "bm90ZSBub3Rl"}],
    "note": [{"time": "2026-11-20", "text": "https://outside.example/fhir/Patient/12"}],
}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    return [path] if isinstance(value, str) else []


@given(st.sampled_from(leaves(RECORD)), st.data())
def test_one_other_character_anywhere_is_another_value(
    path: tuple[Any, ...], data: st.DataObject
) -> None:
    changed: Any = (copy := _copied(RECORD))
    for step in path[:-1]:
        changed = changed[step]
    text = changed[path[-1]]
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from("0123456789AZaz/+-:.Z "))
    assume(text[at] != new)
    changed[path[-1]] = text[:at] + new + text[at + 1 :]
    found = relation(encode(RECORD), encode(copy), BASE).verdict
    assert found is DIFFERS or _same_moment(text, changed[path[-1]])


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _same_moment(one: str, other: str) -> bool:
    """`+01:00` and `+01:00`: no other single character leaves a moment as it was."""
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(JSON, JSON)
def test_whatever_stands_where_meta_or_anything_else_should(meta: Any, rest: Any) -> None:
    sent = {"resourceType": "X", "meta": {"tag": [{"code": "a"}], "profile": ["p"]}, "data": "AA"}
    odd = encode({"resourceType": "X", "meta": meta, "data": rest, "text": {"div": rest}})
    assert relation(encode(sent), odd, BASE).verdict is DIFFERS
    relation(odd, odd, BASE)


def test_what_is_nested_too_deeply_is_said_so() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = {"extension": [deep]}
    with pytest.raises(UndecodableError):
        plain(deep, BASE)
