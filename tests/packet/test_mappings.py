import shutil
from pathlib import Path

import pytest

from connector.errors import UsageError
from connector.mappingfiles import ROOT
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


def test_an_unknown_kind_of_case_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no checklist astrology"):
        load().checklist("astrology")
