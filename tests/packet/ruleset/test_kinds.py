"""Files of kinds/: what is put together from several, and what is refused, with file and line."""

from pathlib import Path

import pytest

from connector.errors import UsageError
from connector.mappingfiles import MappingFiles
from connector.packet import check, load
from connector.packet.ruleset.kinds import Kind, broader_of, types_of
from tests.packet.ruleset.test_mappings import write

OWN = """kinds:
  - id: own-density
    title: Bone density
    types: [DiagnosticReport]
    code: ["urn:oid:1.2.3.4|DXA", "urn:oid:1.2.3.4|BONE DENSITY"]
    words: {en: [bone density]}
"""
MORE = """more:
  - kind: own-density
    types: [DocumentReference]
    code: ["urn:oid:9|7"]
    words: {en: [dexa], de: [knochendichte*]}
    unless: [fish]
"""


def test_what_another_file_has_more_is_added(tmp_path: Path) -> None:
    write(tmp_path, "kinds/a-more.yaml", MORE)  # in any order of files
    write(tmp_path, "kinds/own.yaml", OWN)
    found = load(tmp_path).kinds["own-density"]
    assert found.types == {"DiagnosticReport", "DocumentReference"}
    assert found.code == {
        "urn:oid:1.2.3.4|DXA", "urn:oid:1.2.3.4|BONE DENSITY", "urn:oid:9|7",
    }  # fmt: skip
    assert found.words == {"en": ("bone density", "dexa"), "de": ("knochendichte*",)}
    assert found.unless == {"fish"}
    assert "ecg" in load(tmp_path).kinds


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("types: [DiagnosticReport]", "types: [DiagnosticRaport]", 6, "DiagnosticRaport: no such"),
        ("types: [DiagnosticReport]", "types: []", 6, "types"),
        ("|DXA", "", 7, "expected system|code"),
        ("|DXA", "|DXA|2", 7, "expected system|code"),
        ("|DXA", "| DXA", 7, "expected system|code"),
        ("|DXA", "|D  XA", 7, "expected system|code"),
        ("urn:oid:1.2.3.4|DXA", "|DXA", 7, "expected system|code"),
        (
            "urn:oid:1.2.3.4|DXA",
            "http://terminology.hl7.org/CodeSystem/v2-0074|BONES",
            7,
            "that code system has no such code (codesystems.yaml)",
        ),
        ("title: Bone density", "title: x\n    broader: [bones]", 6, "bones: no such kind"),
        ("id: own-density", "id: ecg", 4, "ecg: this id is used twice"),
        ("[bone density]", '["*"]', 8, "without a letter or digit"),
        ("words:", "unless: ['—']\n    words:", 8, "without a letter or digit"),
        ("words:", "wrods:", 8, "wrods: unknown field"),
    ],
)
def test_a_wrong_kind_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in OWN
    path = write(tmp_path, "kinds/own.yaml", OWN.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert said in str(caught.value)
    assert f"{path}, line {line}: " in str(caught.value)


def test_more_of_a_kind_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, "kinds/own.yaml", MORE)
    with pytest.raises(UsageError, match="own-density: no such kind") as caught:
        load(tmp_path)
    assert f"{path}, line 4: " in str(caught.value)


@pytest.mark.parametrize("field", ["kind", "not_kind"])
def test_a_rule_that_names_no_kind_there_is(tmp_path: Path, field: str) -> None:
    match = f"{{type: DiagnosticReport, {field}: [bones]}}"
    rule = f"extends: general\nitems:\n  - {{id: labs, match: [{match}]}}\n"
    path = write(tmp_path, "checklists/own.yaml", rule)
    with pytest.raises(UsageError, match="bones: no such kind") as caught:
        load(tmp_path)
    assert f"{path}, line 5: " in str(caught.value)


def test_a_rule_of_a_kind_means_all_types_in_which_its_records_live(tmp_path: Path) -> None:
    write(tmp_path, "kinds/own.yaml", OWN)
    narrow = "kinds:\n  - {id: spine-density, title: x, broader: [own-density], types: [Media]}\n"
    write(tmp_path, "kinds/narrow.yaml", narrow)
    rule = "extends: general\nitems:\n  - {id: labs, match: [{kind: [own-density]}]}\n"
    write(tmp_path, "checklists/own.yaml", rule)
    (labs,) = (i for i in load(tmp_path).checklist("own").items if i.id == "labs")
    assert [match.type for match in labs.match] == ["DiagnosticReport", "Media"]


def test_a_kind_that_no_rule_names_is_told_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "kinds/own.yaml", OWN)
    told = f"{path}, line 4: own-density: no rule names this kind"
    assert told in check(MappingFiles(tmp_path)).wrong
    broader = OWN.replace("title: Bone", "broader: [mine]\n    title: Bone")
    broader += "  - {id: mine, title: x, types: [Media]}\n"
    write(tmp_path, "kinds/own.yaml", broader)
    rule = "extends: general\nitems:\n  - {id: labs, match: [{kind: [mine]}]}\n"
    write(tmp_path, "checklists/own.yaml", rule)
    wrong = "".join(check(MappingFiles(tmp_path)).wrong)
    assert f"{path}, line" not in wrong  # by its broader one


def test_broader_ones_of_broader_ones() -> None:
    def kind(id: str, *broader: str) -> Kind:
        return Kind(id=id, title=id, broader=broader, types=frozenset({f"T{id}"}))

    kinds = {k.id: k for k in (kind("a", "b", "x"), kind("b", "c"), kind("c", "a"), kind("d", "c"))}
    above = broader_of(kinds)
    assert above["d"] >= {"c", "a", "b"}
    assert above["a"] == {"b", "c", "x"}
    assert types_of(kinds)["c"] == {"Ta", "Tb", "Tc", "Td"}
