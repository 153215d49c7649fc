"""Names as they are compared: whatever the case, the accents and the punctuation."""

import re
import unicodedata
from typing import Any


def words(text: Any) -> tuple[str, ...]:
    """The words of a name, folded; none if it is no text."""
    if not isinstance(text, str):
        return ()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return tuple(re.findall(r"\w+", "".join(c for c in decomposed if not unicodedata.combining(c))))
