"""Derived ids are the same in every process and every release: they key what stands elsewhere."""

import os
import subprocess
import sys
import uuid

import pytest

from connector.fhir import systems
from connector.fhir.ids import authored_id, case_handle, derived_id

SOURCE = uuid.UUID("11111111-2222-4333-8444-555555555555")
SYSTEMS = ("TAG", "RUN", "KEY_QUESTION", "TASK_INPUT", "PLACER")

SAID = """
import uuid
from connector.fhir import systems
from connector.fhir.ids import authored_id, case_handle, derived_id
s = uuid.UUID("11111111-2222-4333-8444-555555555555")
print(derived_id(s, "Patient", "1"), authored_id(s, "r-1", "Task", "Task"), case_handle(s, "r-1"))
print(systems.TAG, systems.RUN, systems.KEY_QUESTION, systems.TASK_INPUT, systems.PLACER)
"""


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_another_process_derives_the_same(seed: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", SAID],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert said == [
        derived_id(SOURCE, "Patient", "1"),
        authored_id(SOURCE, "r-1", "Task", "Task"),
        case_handle(SOURCE, "r-1"),
        *(getattr(systems, name) for name in SYSTEMS),
    ]


def test_another_release_derives_the_same() -> None:
    # Another value here doubles every chart at every destination.
    assert derived_id(SOURCE, "Patient", "1") == "3d63dfca-1597-5496-8866-aff21f6bd6f8"
    assert authored_id(SOURCE, "r-1", "Task", "Task") == "7b3dfb85-56c1-5dd1-b87d-8570d550a848"
    assert case_handle(SOURCE, "r-1") == "202c23354daf"
    assert systems.TAG == "urn:oid:2.25.90931448389387227155487435518044675186"
    assert systems.PLACER == "urn:oid:2.25.60842394727095944037859067403923892874"


def test_different_things_have_different_ids() -> None:
    other = uuid.UUID(int=SOURCE.int + 1)
    ids = {
        derived_id(SOURCE, "Patient", "1"),
        derived_id(SOURCE, "Patient", "2"),
        derived_id(SOURCE, "Practitioner", "1"),
        derived_id(other, "Patient", "1"),
        authored_id(SOURCE, "r-1", "Task", "Task"),
        authored_id(SOURCE, "r-1", "Task", "Other"),
        authored_id(SOURCE, "r-2", "Task", "Task"),
        authored_id(other, "r-1", "Task", "Task"),
        case_handle(SOURCE, "r-1"),
        case_handle(SOURCE, "r-2"),
        case_handle(other, "r-1"),
        *(getattr(systems, name) for name in SYSTEMS),
    }
    assert len(ids) == 11 + len(SYSTEMS)


def test_ids_have_a_form_that_fhir_allows() -> None:
    assert uuid.UUID(derived_id(SOURCE, "Patient", "a/b?c")).version == 5
    assert len(case_handle(SOURCE, "r-1")) == 12
    for name in SYSTEMS:
        oid = getattr(systems, name).removeprefix("urn:oid:2.25.")
        assert uuid.UUID(int=int(oid)).version == 5
