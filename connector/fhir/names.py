"""Names as they are compared: whatever the case, the accents and the punctuation."""

import re
import unicodedata
from typing import Any

# Marks that a name may be written without: accents of Latin, Greek and Cyrillic letters, Hebrew
# points, Arabic harakat. In other scripts a mark is a letter's sound: ハ and バ, रम and राम.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed]")


def folded(text: str) -> str:
    """A text without case, accents and characters that nobody sees (decomposed, NFKD)."""
    decomposed = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return "".join(c for c in decomposed if unicodedata.category(c) != "Cf")


def in_word(character: str) -> bool:
    """Whether it is part of a word: a letter, a digit, or a mark that belongs to one."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def words(text: Any) -> tuple[str, ...]:
    """The words of a name, folded; none if it is no text."""
    if not isinstance(text, str):
        return ()
    return tuple("".join(c if in_word(c) else " " for c in folded(text)).split())
