import shutil
from pathlib import Path

import pytest

from connector.errors import UsageError
from connector.mappingfiles import PACKAGED, ROOT, MappingFiles
from connector.packet import load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT, tmp_path / "mappings"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text().splitlines(), 1) if text in line)


def test_the_packaged_mappings_load_and_name_what_never_travels() -> None:
    mappings = load()
    assert {"Claim", "AuditEvent", "Bundle"} <= mappings.never_types
    assert "Coverage" not in mappings.never_types
    assert "general" in mappings.checklists


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "checklists/general.yaml",
            "    need: required",
            "    neeed: required",
            "neeed: unknown field",
        ),
        ("checklists/general.yaml", "window: 12 months", "window: one year", "12 months"),
        (
            "checklists/general.yaml",
            "section: notes",
            "section: nowhere",
            "nowhere: no such section",
        ),
        ("checklists/general.yaml", "- id: coverage", "- id: demographics", "used twice"),
        ("questions/treatment.yaml", "{procedures: newest-first}", "{nowhere: trend}", "nowhere"),
        ("release/never.yaml", "    types: [AuditEvent]", "    typs: [AuditEvent]", "typs"),
        ("templates/Task.yaml", "about: >-", "abut: >-", "abut: unknown field"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    folder: Path, file: str, old: str, new: str, said: str
) -> None:
    line = line_of(folder / file, old)
    edit(folder / file, old, new)
    with pytest.raises(UsageError) as caught:
        load(folder)
    assert said in str(caught.value)
    assert f"{folder / file}, line {line}: " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("extends: nowhere\n", 3, "nowhere: no such checklist"),
        ("extends: own\n", 3, "own: extends itself"),
        ("extends: general\nwithout: [horoscope]\n", 4, "horoscope: no such item to leave out"),
        ("extends: general\nitems:\n  - {id: labs, need: requird}\n", 5, "need: "),
        (
            "extends: general\nitems:\n  - {id: labs, section: nowhere}\n",
            5,
            "nowhere: no such section",
        ),
        ("extends: general\nitems:\n  - {id: other}\n", 5, "title: required, but not there"),
        ("items:\n  - {id: labs, nedd: required}\n", 4, "nedd: unknown field"),
        ("extends: general\nitems:\n  - {id: a}\n  - {id: a}\n", 6, "a: this id is used twice"),
    ],
)
def test_a_wrong_checklist_of_ones_own_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = write(tmp_path, "checklists/own.yaml", text)
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert f"{path}, line {line}: {said}" in str(caught.value)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'version: "1"\nabout: a test\n{text}')
    return path


OWN = """extends: general
without: [immunizations]
items:
  - {id: labs, window: 6 months}
  - id: diary
    title: Diary
    need: optional
    window: all
    section: story
    origin: ours
    ask: Ask the patient.
    match:
      - {type: QuestionnaireResponse}
"""


def test_a_checklist_that_extends_another_changes_adds_and_leaves_out(tmp_path: Path) -> None:
    path = write(tmp_path, "checklists/own.yaml", OWN)
    mappings = load(tmp_path)
    general = {item.id: item for item in mappings.checklist("general").items}
    own = {item.id: item for item in mappings.checklist("own").items}
    assert own.pop("diary").section == "story"
    labs = own.pop("labs")
    assert labs == general["labs"].model_copy(update={"window": "6 months"})
    assert own == {k: v for k, v in general.items() if k not in ("immunizations", "labs")}
    places = mappings.checklist("own").places
    assert places["labs"] == (path, 6)
    assert places["notes"].path == PACKAGED.path("checklists/general.yaml")


def test_an_own_file_takes_the_place_of_the_packaged_one_and_the_rest_stays(
    tmp_path: Path,
) -> None:
    write(tmp_path, "release/general.yaml", "rules: []\n")
    mappings = load(tmp_path)
    assert load().release.rules
    assert {rule.id for rule in mappings.release.rules} == {
        rule.id for rule in load().release.rules if rule.id not in GENERAL_RELEASE
    }
    assert mappings.never == load().never
    assert mappings.checklists == load().checklists


GENERAL_RELEASE = {rule.id for rule in load().release.rules}


def test_another_set_has_another_identity_and_a_copy_of_all_its_own(tmp_path: Path) -> None:
    copied = Path(shutil.copytree(ROOT, tmp_path / "all"))
    assert MappingFiles(copied).identity == PACKAGED.identity
    with (copied / "checklists" / "general.yaml").open("a") as text:
        text.write("# seen\n")
    assert MappingFiles(copied).identity != PACKAGED.identity
    write(tmp_path / "one", "checklists/own.yaml", OWN)
    assert MappingFiles(tmp_path / "one").identity != PACKAGED.identity


@pytest.mark.parametrize(
    "name", ["checklist/own.yaml", "checklists/own.yml", "own.yaml", "questions/why.yaml"]
)
def test_a_file_that_nothing_would_read_is_an_error(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name, OWN)
    with pytest.raises(UsageError, match="nothing reads a file of this name") as caught:
        load(tmp_path)
    assert str(path) in str(caught.value)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder of mappings"):
        load(tmp_path / "nowhere")


def test_ids_of_rules_are_used_once_in_the_whole_set(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "release/own.yaml",
        "rules:\n  - {id: safety-allergies, reason: x, labels: [a]}\n",
    )
    with pytest.raises(UsageError, match="safety-allergies: this id is used twice") as caught:
        load(tmp_path)
    assert f"{path}, line 4: " in str(caught.value)


def test_only_a_concept_map_says_where_it_applies(tmp_path: Path) -> None:
    path = write(tmp_path, "terminology/own.yaml", "resource:\n  resourceType: ConceptMap\n")
    with pytest.raises(UsageError, match="a ConceptMap says where it `applies`") as caught:
        load(tmp_path)
    assert f"{path}, line 3: " in str(caught.value)


def test_an_unknown_kind_of_case_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no checklist astrology"):
        load().checklist("astrology")
