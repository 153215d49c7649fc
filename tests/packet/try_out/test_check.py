"""`connector mappings check`: every packaged rule has an example, and a wrong one is caught."""

from pathlib import Path

import pytest

from connector.fhir import systems
from connector.mappingfiles import PACKAGED, ROOT, MappingFiles
from connector.packet import check, load
from connector.packet.carry.terms import code_systems, undefined
from connector.pull import check as check_pull
from connector.store.case.casefile import CaseFile
from tests.packet.charts import PATIENT, put, request, resources, run

UNKNOWN = {"coding": [{"system": systems.KEY_QUESTION, "code": "astrology"}]}


def test_every_packaged_rule_has_an_example_that_comes_out_as_it_says() -> None:
    for found in (check(PACKAGED), check_pull(PACKAGED)):
        assert found.wrong == ()
        assert found.bare == ()
        assert found.examples


def own(folder: Path, name: str, old: str, new: str) -> tuple[MappingFiles, Path, int]:
    """A set with one packaged file changed, the file, and the line of the change."""
    text = (ROOT / name).read_text()
    assert old in text
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new, 1))
    return MappingFiles(folder), path, text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("checklists/general.yaml", "is: present", "is: older", "older, the rules present"),
        ("checklists/oncology.yaml", "item: slides", "item: tissue", "tissue: no such item"),
        ("status/general.yaml", "is: empty}", "is: present}", "present, the rules empty"),
        ("selection.yaml", "is: none}", "is: safety-allergies}", "the rules none"),
        ("advice.yaml", "is: none}", "is: surgery}", "surgery, the rules none"),
        ("release/never.yaml", "is: none}", "is: never-audit}", "never-audit, the rules none"),
        ("sections.yaml", "is: genomics}", "is: results}", "results, the rules genomics"),
        (
            "questions/treatment.yaml",
            "is: [second, first]",
            "is: [first, second]",
            "first, second, the rules second, first",
        ),
        ("terminology/key-question.yaml", "is: Treatment}", "is: Cure}", "Cure, the rules Treat"),
        ("destinations/reports-only.yaml", "is: stays}", "is: travels}", "travels, the rules st"),
        ("templates/Device.yaml", "status: active", "status: [active]", "not give a valid"),
        (
            "templates/Device.yaml",
            "status: active",
            "status: inactive",
            "does not hold: status = 'active'",
        ),
        ("templates/Device.yaml", "{{ %version }}", "{{ %vrsion }}", "can't be evaluated"),
    ],
)
def test_an_example_that_comes_out_otherwise_is_named(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    files, path, _ = own(tmp_path, name, old, new)
    (line,) = check(files).wrong
    assert line.startswith(f"{path}, line ")
    assert said in line


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("search.yaml", "is: [intent, status]", "is: [status]", "status, the rules intent, status"),
        ("servers/hapi.yaml", "is: [hapi]", "is: [epic]", "epic, the rules hapi"),
        ("servers/epic.yaml", "types: [CarePlan]", "typs: [CarePlan]", "typs: unknown field"),
    ],
)
def test_an_example_of_what_is_asked_that_comes_out_otherwise_is_named(
    tmp_path: Path, name: str, old: str, new: str, said: str
) -> None:
    files, path, _ = own(tmp_path, name, old, new)
    (line,) = check_pull(files).wrong
    assert line.startswith(f"{path}, line ")
    assert said in line


def test_all_files_are_told_at_once(tmp_path: Path) -> None:
    own(tmp_path, "sections.yaml", "title: Problems", "titel: Problems")
    files, _, _ = own(tmp_path, "advice.yaml", "hinge_max: 1", "hinge_max: few")
    told = "\n".join(check(files).wrong)
    assert "titel: unknown field" in told
    assert "hinge_max: " in told


def test_a_terminology_file_that_is_no_fhir_is_named(tmp_path: Path) -> None:
    files, path, line = own(
        tmp_path, "terminology/task-input.yaml", "resource:\n", "resource:\n  contant: complete\n"
    )
    (told,) = check(files).wrong
    assert told.startswith(f"{path}, line {line}: not valid FHIR: CodeSystem.contant")


ROUNDED = """version: "1"
about: A destination that takes two decimals.
changes:
  - id: two-decimals
    reason: its database
    kind: round-decimals
    elements:
      - Observation.valueQuantity.value
      - {path}
    places: 2
"""
MAPPED = """version: "1"
about: Local codes.
applies:
  id: labs
  reason: known codes
  elements: [Observation.code, {path}]
resource: {{resourceType: ConceptMap, status: active, group: []}}
"""


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("Observation.component.extension.valueDecimal", None),
        ("Observation.contained.valueQuantity.value", None),
        ("Observation.valueQuantity.valu", "R4 has no such element"),
        ("Observation.value.value", "R4 has no such element"),
        ("Observation.status.code", "R4 has no such element"),
        ("Observatoin.code", "Observatoin is no resource type"),
        ("Observation", "expected a type and element names"),
        ("Observation..code", "expected a type and element names"),
    ],
)
@pytest.mark.parametrize(
    ("name", "text", "line"),
    [("destinations/rounding.yaml", ROUNDED, 9), ("terminology/labs.yaml", MAPPED, 6)],
)
def test_an_element_that_r4_does_not_have_is_told(
    tmp_path: Path, name: str, text: str, line: int, path: str, said: str | None
) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_text(text.format(path=path))
    wrong = [told for told in check(MappingFiles(tmp_path)).wrong if "not valid FHIR" not in told]
    if said is None:
        assert wrong == []
    else:
        [told] = wrong
        assert told.startswith(f"{file}, line {line}: ")
        assert said in told


def test_a_rule_without_an_example_is_told_and_is_no_error(tmp_path: Path) -> None:
    files, path, line = own(
        tmp_path,
        "release/never.yaml",
        "  - id: never-audit",
        "  - {id: never-lists, reason: x, types: [List]}\n  - id: never-audit",
    )
    found = check(files)
    assert found.wrong == ()
    assert found.bare == (f"{path}, line {line}: never-lists has no example",)


def test_our_code_systems_stand_in_terminology_and_hold_what_we_write(tmp_path: Path) -> None:
    terminology = load().terminology
    urls = {file.resource["url"] for file in terminology.values()}
    assert {systems.TAG, systems.RUN, systems.KEY_QUESTION, systems.TASK_INPUT} <= urls
    assert {systems.KEY_QUESTION, systems.TASK_INPUT} <= code_systems(terminology).keys()
    with CaseFile.open(tmp_path / "case") as case:
        put(case, PATIENT)
        run(case, request(also=("diagnosis", "prognosis"), hinge=("Patient/p",)))
        written = resources(case)
    assert undefined(written, terminology) == []
    assert undefined([*written, UNKNOWN], terminology) == [f"{systems.KEY_QUESTION}|astrology"]
