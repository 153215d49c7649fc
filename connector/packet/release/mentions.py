"""Which records of a chart a record names outside its references: in a uri, a canonical, a text.

A link may stand in any string (`valueUri`, `meta.source`, `instantiatesUri`, a URL with the id in
it). Found are `Type/id`, however it is escaped, an id or a business identifier alone that is long
enough to be one, a UUID in capitals or not, and an id of letters only as a part of a uri.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import unquote

_LINK = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-._~]{1,255})")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-.]{7,254}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?(?:T.*)?")
_LETTERS = re.compile(r"[A-Za-z\-]{8,}")
_BEFORE = (":", "/", "#", "=", "|")
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")


class Mentions:
    """Finds the names of some records in text.

    `keys`: `Type/id` of each. `values`: of their identifiers → the keys of those that have it.
    """

    def __init__(
        self, keys: Collection[str], values: Mapping[str, Collection[str]] | None = None
    ) -> None:
        self._keys = frozenset(keys)
        self._by_word: dict[str, set[str]] = {}
        self._in_uri: dict[str, set[str]] = {}  # words that may be words of a sentence too
        for key in self._keys:
            resource_id = key.partition("/")[2]
            if is_telling(resource_id):
                self._by_word.setdefault(_folded(resource_id), set()).add(key)
            elif _LETTERS.fullmatch(resource_id):
                self._in_uri.setdefault(resource_id, set()).add(key)
        for value, owners in (values or {}).items():
            if word := telling_word(value):
                self._by_word.setdefault(_folded(word), set()).update(owners)

    def of(self, text: str) -> Iterator[str]:
        """Keys of the records that a text names."""
        if _ESCAPED.search(text):
            text = unquote(text)
        for found in _LINK.finditer(text):
            key = found[0].rstrip(".")
            if key in self._keys:
                yield key
        if self._by_word or self._in_uri:
            for found in _WORD.finditer(text):
                word = found[0].rstrip(".")
                yield from self._by_word.get(_folded(word), ())
                if word in self._in_uri and text[found.start() - 1 : found.start()] in _BEFORE:
                    yield from self._in_uri[word]

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


def telling_word(value: str) -> str | None:
    """The last word of an identifier's value (behind `urn:oid:`, a path) that tells whose it is."""
    word = re.split(r"[:/|#?=]", value)[-1]
    tells = _WORD.fullmatch(word) and is_telling(word) and not _DATE.fullmatch(word)
    return word if tells else None


def _folded(word: str) -> str:
    """A UUID in small letters (RFC 9562); anything else as it is."""
    return word.lower() if len(word) == 36 and _UUID.fullmatch(word) else word
