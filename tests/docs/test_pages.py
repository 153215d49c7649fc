"""Pages that lead a reader step by step are followed step by step."""

from pathlib import Path

import pytest

from tests.docs.reader import follow


@pytest.mark.deep
@pytest.mark.parametrize("page", ["tutorial.md", "mappings.md"])
def test_a_page_can_be_followed_and_ends_as_it_says(page: str, tmp_path: Path) -> None:
    follow(page, tmp_path)
