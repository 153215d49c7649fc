"""One open case file for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.store.case.casefile import CaseFile


@pytest.fixture
def case(tmp_path: Path) -> Iterator[CaseFile]:
    with CaseFile.open(tmp_path / "case") as opened:
        yield opened
