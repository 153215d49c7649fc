"""Of which kinds a record is: by its codes, else its categories, else the words it is called by."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

from ..ruleset.kinds import Kind, broader_of

# How a record is known to be of a kind, the most trustworthy first.
CODE, CATEGORY, WORDS = "code", "category", "words"
_TRUST = (CODE, CATEGORY, WORDS)

Kinds = Mapping[str, str]  # id of a kind → code | category | words
NO_KINDS: Kinds = {}


def both(one: Kinds, other: Kinds) -> Kinds:
    """The kinds of a record from two looks at it, each as it is known best."""
    known = [*one.items(), *other.items()]
    return dict(sorted(known, key=lambda kind: _TRUST.index(kind[1]), reverse=True))


class KindFinder:
    """Finds kinds. Records that look alike get the same mapping, and are looked at once."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        by_type: dict[str, list[Kind]] = defaultdict(list)
        for kind in kinds.values():
            for name in kind.types:
                by_type[name].append(kind)
        self._labels = {kind.id: kind.label for kind in kinds.values() if kind.label}
        self._above = broader_of(kinds)
        self._by_type = by_type
        self._of_type: dict[str, _OfType] = {}

    def of(
        self,
        resource_type: str,
        codes: frozenset[str],
        categories: frozenset[str],
        called: tuple[str, ...],
    ) -> Kinds:
        """The kinds of a record, each with how it is known.

        `codes`, `categories`: tokens (`system|code` and `code`). `called`: the texts that say what
        the record is.
        """
        if resource_type not in self._by_type:
            return NO_KINDS
        if resource_type not in self._of_type:
            self._of_type[resource_type] = _OfType(self._by_type[resource_type], self._above)
        return self._of_type[resource_type].kinds(codes, categories, called)

    def labels(self, kinds: Kinds) -> list[dict[str, str]]:
        """The security labels, as Codings, that records of these kinds have."""
        tokens = (self._labels[kind] for kind in kinds if kind in self._labels)
        return [{"system": system, "code": code} for system, _, code in map(_parts, tokens)]


def _parts(token: str) -> tuple[str, str, str]:
    return token.rpartition("|")


_KEPT: list[tuple[Mapping[str, Kind], KindFinder]] = []


def finder_of(kinds: Mapping[str, Kind]) -> KindFinder:
    """The finder of a mapping set: the same as before, as long as the set is the same."""
    if not (_KEPT and _KEPT[0][0] is kinds):
        _KEPT[:] = [(kinds, KindFinder(kinds))]
    return _KEPT[0][1]


class _OfType:
    """The kinds of which the records of one type may be."""

    def __init__(self, kinds: Iterable[Kind], above: Mapping[str, frozenset[str]]) -> None:
        self._above = above
        self._codes: dict[str, list[str]] = defaultdict(list)
        self._begun: list[tuple[str, str]] = []
        self._categories: dict[str, list[str]] = defaultdict(list)
        self._words: list[tuple[str, str, str]] = []
        self._unless: dict[str, tuple[tuple[str, str], ...]] = {}
        for kind in kinds:
            for code in kind.code:
                if code.endswith("*"):
                    self._begun.append((code[:-1], kind.id))
                else:
                    self._codes[code].append(kind.id)
            for category in kind.category:
                self._categories[category].append(kind.id)
            for word in {word for words in kind.words.values() for word in words}:
                self._words.append((plain(word), word, kind.id))
            if kind.unless:
                self._unless[kind.id] = tuple((plain(word), word) for word in sorted(kind.unless))
        self.kinds = lru_cache(maxsize=50_000)(self._kinds)

    def _kinds(
        self, codes: frozenset[str], categories: frozenset[str], called: tuple[str, ...]
    ) -> Kinds:
        text = " / ".join(map(folded, called))
        by_code = [kind for code in codes for kind in self._codes.get(code, ())]
        by_code += [kind for start, kind in self._begun for c in codes if c.startswith(start)]
        by_category = [kind for each in categories for kind in self._categories.get(each, ())]
        by_words = [
            kind for part, word, kind in self._words if part in text and whole(word).search(text)
        ]
        found: dict[str, str] = {}
        for trust, kinds in zip(_TRUST, (by_code, by_category, by_words), strict=True):
            for kind in sorted(kinds):
                if kind in found or (trust is not CODE and self._denied(kind, text)):
                    continue
                found[kind] = trust
        for kind, trust in list(found.items()):
            for each in sorted(self._above[kind]):
                found[each] = min(found.get(each, trust), trust, key=_TRUST.index)
        return found or NO_KINDS

    def _denied(self, kind: str, text: str) -> bool:
        unless = self._unless.get(kind, ())
        return any(part in text and whole(word).search(text) for part, word in unless)


def folded(text: str) -> str:
    """A text as words are compared: in small letters, without accents, one blank between words.

    Hyphens and other marks are blanks: OP-Bericht is "op bericht", H&P is "h p".
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(re.findall(r"[^\W_]+", letters))


@cache
def plain(word: str) -> str:
    """What has to stand in a folded text for it to have a word at all."""
    return folded(word.strip("*"))


@cache
def whole(word: str) -> re.Pattern[str]:
    """The word as a whole. Of some thousand words few are ever met: those alone are compiled."""
    start = r"" if word.startswith("*") else r"(?<!\w)"
    end = r"" if word.endswith("*") else r"(?!\w)"
    return re.compile(f"{start}{re.escape(plain(word))}{end}")
