"""Which records of a chart a record names outside its references: in a uri, a canonical, a text.

A link may stand in any string (`valueUri`, `meta.source`, `instantiatesUri`, a URL with the id in
it). Found are `Type/id`, however it is escaped, and an id alone that is long enough to be one.
"""

import re
from collections.abc import Collection, Iterator
from urllib.parse import unquote

_LINK = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-._~]{1,255})")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-.]{7,254}")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")


class Mentions:
    """Finds the names of some records in text. `keys`: `Type/id` of each."""

    def __init__(self, keys: Collection[str]) -> None:
        self._keys = frozenset(keys)
        self._by_id: dict[str, set[str]] = {}
        for key in self._keys:
            resource_id = key.partition("/")[2]
            if is_telling(resource_id):
                self._by_id.setdefault(resource_id, set()).add(key)

    def of(self, text: str) -> Iterator[str]:
        """Keys of the records that a text names."""
        if _ESCAPED.search(text):
            text = unquote(text)
        for found in _LINK.finditer(text):
            key = found[0].rstrip(".")
            if key in self._keys:
                yield key
        if self._by_id:
            for word in _WORD.findall(text):
                yield from self._by_id.get(word.rstrip("."), ())

    def in_body(self, body: bytes) -> set[str]:
        """Keys of the records that a resource's bytes name, references included."""
        text = body.decode("utf-8", "surrogatepass").replace("\\/", "/")
        return set(self.of(text))


def is_telling(resource_id: str) -> bool:
    """Whether an id alone says which record is meant: no number, no short word."""
    return (
        len(resource_id) >= 8
        and not resource_id.isdigit()
        and any(character.isdigit() for character in resource_id)
    )
