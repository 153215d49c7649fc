"""Rules that change content: what they change, what they leave, and that each change is told."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from connector.fhir.ids import derived_id
from connector.fhir.lossless import decode, encode, members
from connector.packet.carry.rules_in_force import changing
from connector.packet.carry.translate import Translation
from connector.packet.chart.index import Row, read_rows
from connector.packet.record.links import Links
from connector.packet.ruleset.change import Note, Rounding, Rule, Stripping, apply, rounded
from connector.packet.ruleset.content_rules import (
    Applies,
    Programme,
    RoundDecimals,
    StripProfile,
    Terminology,
)
from connector.store.case.casefile import CaseFile
from connector.store.mapped import coverage
from tests.fhir.texts import FEWER, NUMBERS
from tests.packet.charts import DESTINATION, MAPPINGS, SOURCE, carried, put, request, resources, run

SUBJECT = {"reference": "Patient/p"}
WHOLE = request(scope="whole-chart")
LONG = "123456789012345678901234567890123456789012"  # 42 digits
LOCAL, LOINC = "urn:oid:1.2.3", "http://loinc.org"
GLUCOSE = {"system": LOINC, "code": "2339-0", "display": "Glucose [Mass/volume] in Blood"}
OURS = {"system": LOCAL, "code": "GLU", "display": "Glukose", "userSelected": True}


def concept_map(*elements: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "ConceptMap",
        "status": "active",
        "group": [{"source": LOCAL, "target": LOINC, "element": list(elements)}],
    }


def to(code: str, equivalence: str = "equivalent", **more: Any) -> dict[str, Any]:
    return {"code": code, "equivalence": equivalence, **more}


LABS = concept_map(
    {"code": "GLU", "target": [to("2339-0", display=GLUCOSE["display"])]},
    {"code": "BROAD", "target": [to("1-8", "wider"), to("2-6", "inexact")]},
    {"code": "IF", "target": [to("3-4", dependsOn=[{"property": "x", "value": "y"}])]},
    {"code": "NONE", "target": [{"equivalence": "unmatched"}]},
    {"code": "TWO", "target": [to("4-2", "equal"), to("5-9")]},
)
ELEMENTS = ("Observation.code", "Observation.component.code")
TRANSLATE = Translation(Applies(id="labs", reason="known codes", elements=ELEMENTS), LABS)


def edited(rule: Rule, body: bytes) -> tuple[bytes, list[Note]]:
    """A record after a rule, its members joined as they are."""
    top = members(body)
    notes = apply([rule], decode(top["resourceType"]), top)
    parts = (encode(name) + b":" + bytes(value) for name, value in top.items())
    return b"{" + b",".join(parts) + b"}", notes


def observation(*codings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "o", "code": {"coding": list(codings)}, **more}


def test_a_code_is_added_beside_the_source_s_own() -> None:
    other = {"system": "urn:other", "code": "77"}
    body, notes = edited(TRANSLATE, encode(observation(OURS, other)))
    assert decode(body)["code"]["coding"] == [OURS, other, GLUCOSE]
    assert notes == [Note("labs", "Observation.code", "translated")]


@pytest.mark.parametrize(
    ("code", "added"),
    [
        ("GLU", ["2339-0"]),
        ("TWO", ["4-2", "5-9"]),
        ("BROAD", []),
        ("IF", []),
        ("NONE", []),
        ("glu", []),  # codes are case-sensitive
        ("UNKNOWN", []),
    ],
)
def test_only_the_same_meaning_is_added(code: str, added: list[str]) -> None:
    before = encode(observation({"system": LOCAL, "code": code}))
    body, notes = edited(TRANSLATE, before)
    assert [coding["code"] for coding in decode(body)["code"]["coding"][1:]] == added
    assert [note.what for note in notes] == ["translated" if added else "untranslated"]
    assert added or body == before


@pytest.mark.parametrize(
    "codings",
    [
        [OURS, GLUCOSE],
        [OURS, {"system": LOINC, "code": "another"}],  # the source knew better
        [{"display": "no code"}],
        [],
    ],
)
def test_nothing_is_added_where_the_target_stands_or_nothing_is_coded(
    codings: list[dict[str, Any]],
) -> None:
    before = encode(observation(*codings))
    assert edited(TRANSLATE, before) == (before, [])


@pytest.mark.parametrize(
    "code", [None, "text", [], {"text": "x"}, {"coding": "x"}, {"coding": [1]}]
)
def test_what_is_no_concept_is_left_alone(code: Any) -> None:
    before = encode({"resourceType": "Observation", "id": "o", "code": code, "component": "x"})
    assert edited(TRANSLATE, before) == (before, [])


def test_only_the_member_that_changed_is_written_anew() -> None:
    before = (
        b'{ "resourceType" : "Observation","id":"o", "modifierExtension" : [ {"url":"u"} ],'
        b'"code":{"coding":[{"code":"GLU", "system":"urn:oid:1.2.3"}] , "text":"\\u00e9"},'
        b'"component" : [ {"code":{"coding":[ {"system":"urn:oid:1.2.3","code":"?"}]},'
        b'"valueQuantity":{"value":1.50}} ],"_issued": {"id":"1" },"unknown":1e2}'
    )
    body, notes = edited(TRANSLATE, before)
    assert notes == [
        Note("labs", "Observation.code", "translated"),
        Note("labs", "Observation.component.code", "untranslated"),
    ]
    one, other = members(before), members(body)
    assert list(one) == list(other)
    assert {name for name in one if bytes(one[name]) != bytes(other[name])} == {"code"}


@given(NUMBERS, st.integers(0, 8))
def test_a_rounded_number_is_the_nearest_and_no_longer(text: str, places: int) -> None:
    number = decode(text.encode())
    shorter = rounded(number, places)
    if shorter is None:
        exact = Decimal(text)
        exponent = exact.as_tuple().exponent
        assert isinstance(exponent, int)
        if exponent < -places:  # left alone since nothing would be left of it
            assert 0 < abs(exact) <= Decimal(5).scaleb(-places - 1)
        return
    assert shorter.as_tuple().exponent == -places
    assert abs(shorter - Decimal(text)) <= Decimal(5).scaleb(-places - 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1.23456", "1.23"),
        ("1.235", "1.24"),
        ("1.245", "1.24"),
        ("-1.999", "-2.00"),
        ("1.5000", "1.50"),
        ("0.0000", "0.00"),
        (f"{LONG}.345", f"{LONG}.34"),
        ("1.50", None),
        ("7", None),
        ("-0", None),
        ("1e2", None),
        ("0.004", None),  # would become nothing
        ("-0.000001", None),
        ("1e-400", None),
    ],
)  # fmt: skip
def test_rounding(before: str, after: str | None) -> None:
    rule = RoundDecimals(
        id="r", reason="two digits", kind="round-decimals",
        elements=("Observation.valueQuantity.value", "Observation.component.valueQuantity.value"),
        places=2,
    )  # fmt: skip
    text = '{"resourceType":"Observation","valueQuantity":{"value":%s, "unit":"g"},"x":1.23456}'
    body, notes = edited(Rounding(rule), (text % before).encode())
    assert body == (text.replace(", ", "," if after else ", ") % (after or before)).encode()
    assert notes == ([Note("r", "Observation.valueQuantity.value", "changed")] if after else [])


@pytest.mark.parametrize(
    ("named", "before", "after", "gone"),
    [
        ([], {"profile": ["a", "b|1"], "versionId": "1"}, {"versionId": "1"}, 2),
        (["b"], {"profile": ["a", "b|1"]}, {"profile": ["a"]}, 1),
        (["b|2"], {"profile": ["a", "b|1"]}, {"profile": ["a", "b|1"]}, 0),
        (["a"], {"profile": ["a", "c"], "_profile": [None, {"id": "1"}]},
         {"profile": ["c"], "_profile": [{"id": "1"}]}, 1),
        ([], {"tag": [{"code": "x"}]}, {"tag": [{"code": "x"}]}, 0),
        ([], {"profile": "no list"}, {"profile": "no list"}, 0),
    ],
)  # fmt: skip
def test_stripping(
    named: list[str], before: dict[str, Any], after: dict[str, Any], gone: int
) -> None:
    rule = StripProfile(id="s", reason="r", kind="strip-profile", profiles=frozenset(named))
    extension = [{"url": "u", "valueBoolean": True}]
    record = {"resourceType": "Flag", "meta": before, "modifierExtension": extension}
    body, notes = edited(Stripping(rule), encode(record))
    assert decode(body) == {**record, "meta": after}
    assert notes == ([Note("s", "Flag.meta.profile", "dropped", gone)] if gone else [])


def test_only_the_types_named_are_stripped() -> None:
    rule = StripProfile(id="s", reason="r", kind="strip-profile", types=frozenset({"Flag"}))
    other = encode({"resourceType": "Goal", "meta": {"profile": ["a"]}})
    assert edited(Stripping(rule), other) == (other, [])


@given(st.dictionaries(st.sampled_from(["code", "meta", "x"]), NUMBERS, max_size=3))
@FEWER
def test_rules_leave_what_they_do_not_know(rest: dict[str, str]) -> None:
    top = {name: Raw(text.encode()) for name, text in rest.items()}
    strip = Stripping(StripProfile(id="s", reason="r", kind="strip-profile"))
    assert apply([TRANSLATE, strip], "Observation", top) == []
    assert {name: bytes(raw).decode() for name, raw in top.items()} == rest


# Through the map step.

ROUND = {"id": "two-digits", "reason": "keeps two digits", "kind": "round-decimals", "places": 2,
         "elements": ["Observation.valueQuantity.value"]}  # fmt: skip
STRIP = {"id": "no-profiles", "reason": "validates by its own", "kind": "strip-profile"}
APPLIES = {"id": "labs", "reason": "known codes", "elements": list(ELEMENTS)}
HEAD = {"version": "1", "about": "for a test"}
THERE = DESTINATION.model_copy(update={"programme": "theirs"})


def mappings(*changes: dict[str, Any]) -> Any:
    labs = Terminology.model_validate({**HEAD, "applies": APPLIES, "resource": LABS})
    theirs = Programme.model_validate({**HEAD, "changes": list(changes)})
    return replace(MAPPINGS, terminology={"labs": labs}, programmes={"theirs": theirs})


def lab(id: str, code: str, value: str = "1.5") -> bytes:
    """A result in a local code; `value` as it is written."""
    return (
        f'{{"resourceType":"Observation","id":"{id}","meta":{{"profile":["p"]}},'
        '"status":"final","subject":{"reference":"Patient/p"},'
        '"_issued":{"id":"x"},"issued":"2026-11-01T00:00:00Z",'
        f'"code":{{"coding":[{{"system":"{LOCAL}","code":"{code}"}}]}},'
        f'"valueQuantity":{{"value":{value}}}}}'
    ).encode()


def counts(case: CaseFile) -> dict[str, tuple[int, ...]]:
    return {line.path: line[1:] for line in coverage.lines(case)}


def test_changes_are_counted_recorded_and_told(case: CaseFile) -> None:
    put(case, lab("a", "GLU", "1.234"), lab("b", "?"))
    run(case, WHOLE, destination=THERE, mappings=mappings(ROUND, STRIP))

    sent = carried(case, "Observation/a")
    assert sent["code"]["coding"][1] == GLUCOSE
    assert sent["valueQuantity"]["value"] == Decimal("1.23")
    assert "profile" not in sent["meta"]
    assert coverage.changed(case) == [
        ("Observation", "a", "labs", "Observation.code", "translated"),
        ("Observation", "a", "no-profiles", "Observation.meta.profile", "dropped"),
        ("Observation", "a", "two-digits", "Observation.valueQuantity.value", "changed"),
        ("Observation", "b", "no-profiles", "Observation.meta.profile", "dropped"),
    ]
    found = counts(case)
    assert found["Observation.code"] == (2, 1, 0, 0, 1)
    assert found["Observation.valueQuantity"] == (2, 0, 0, 0, 0)
    assert found["Observation.valueQuantity.value"] == (0, 0, 1, 0, 0)
    assert found["Observation.meta.profile"] == (0, 0, 0, 2, 0)
    assert found["Observation.issued"] == (2, 0, 0, 0, 0)  # with `_issued`: one element
    assert "Observation._issued" not in found
    assert coverage.totals(case) == {
        "carried": sum(line[0] for line in found.values()),
        "translated": 1, "changed": 1, "dropped": 2, "untranslated": 1,
    }  # fmt: skip

    told = [
        p
        for p in resources(case, "Provenance")
        if p["activity"]["coding"][0]["code"] == "transform"
    ]
    assert [p["activity"]["text"] for p in told] == [
        "known codes (labs): Observation.code",
        "keeps two digits (two-digits): Observation.valueQuantity.value",
        "validates by its own (no-profiles): Observation.meta.profile",
    ]
    references = {key: f"Observation/{derived_id(SOURCE.id, 'Observation', key)}" for key in "ab"}
    assert told[0]["target"] == [{"reference": references["a"]}]
    assert told[0]["entity"] == [
        {
            "role": "revision",
            "what": {"identifier": {"system": f"urn:uuid:{SOURCE.id}", "value": "Observation/a"}},
        }
    ]
    assert [t["reference"] for t in told[2]["target"]] == list(references.values())


def test_nothing_is_told_where_nothing_changed(case: CaseFile) -> None:
    put(case, lab("b", "?"))
    plain = run(case, WHOLE)
    assert coverage.changed(case) == []
    assert coverage.totals(case) == {
        "carried": sum(line[0] for line in counts(case).values()),
        "translated": 0, "changed": 0, "dropped": 0, "untranslated": 0,
    }  # fmt: skip
    # Rules that find nothing to change leave every byte as it is.
    assert run(case, WHOLE, destination=THERE, mappings=mappings(ROUND)) == plain
    assert coverage.changed(case) == []


def test_a_second_map_counts_anew(case: CaseFile) -> None:
    put(case, lab("a", "GLU"))
    for _ in range(2):
        run(case, WHOLE, destination=THERE, mappings=mappings(STRIP))
    assert counts(case)["Observation.code"] == (1, 1, 0, 0, 0)
    run(case, WHOLE)
    assert coverage.changed(case) == []


def test_a_translated_code_is_seen_by_the_checklist(case: CaseFile) -> None:
    code = {"coding": [{"system": LOCAL, "code": "OPLAN"}]}
    put(case, {"resourceType": "Condition", "id": "c", "subject": SUBJECT, "code": code})
    elements = {**APPLIES, "elements": ["Condition.code"]}
    resource = concept_map({"code": "OPLAN", "target": [to("1234-5")]})
    file = Terminology.model_validate({**HEAD, "applies": elements, "resource": resource})
    set_ = replace(MAPPINGS, terminology={"x": file})
    links = Links(case, SOURCE.base_url)
    rows = read_rows(case, links, set_, changing(set_, DESTINATION))
    codes = {row.key: row.codes for row in rows if isinstance(row, Row)}
    assert f"{LOINC}|1234-5" in codes["Condition/c"]
