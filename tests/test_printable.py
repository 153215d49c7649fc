"""Foreign text is shown in one line that no terminal obeys."""

from hypothesis import given
from hypothesis import strategies as st

from connector.printable import printable


@given(st.text(), st.integers(1, 50))
def test_whatever_it_was(text: str, most: int) -> None:
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most
    if text.isprintable() and len(text) <= most:
        assert shown == text


def test_what_is_left_out_is_seen() -> None:
    assert printable("Mül\u2028ler \x1b[1m") == "Mül\\u2028ler \\x1b[1m"
    assert printable("x" * 300) == "x" * 199 + "…"
