"""A chart to begin with."""

from pathlib import Path

import pytest

from connector.store.case.casefile import CaseFile

from .charts import PATIENT, put


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    """A case whose chart holds a patient and nothing else."""
    case = CaseFile.open(tmp_path)
    put(case, PATIENT)
    return case
