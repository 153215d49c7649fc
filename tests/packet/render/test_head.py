"""Who the patient is, in words that are true of a child too."""

import pytest

from connector.packet.render.head import _who


@pytest.mark.parametrize(
    ("born", "words"),
    [
        ("1970-02-03", ["woman", "56"]),
        ("2010-02-03", ["girl", "16"]),
        ("2026-06-30", ["girl", "4 months old"]),
        ("2008-11-27", ["woman", "18"]),
        ("1970", ["woman", "born 1970"]),
    ],
)
def test_a_child_is_no_woman(born: str, words: list[str]) -> None:
    assert _who({"gender": "female", "birthDate": born}, "2026-11-27")[: len(words)] == words
