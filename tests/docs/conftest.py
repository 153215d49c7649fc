from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import support


@pytest.fixture
def world(tmp_path: Path) -> Iterator[support.World]:
    """Two sandboxes, the source holding one tiny chart; connector.toml is written."""
    with support.world(tmp_path) as made:
        made.configure()
        yield made
