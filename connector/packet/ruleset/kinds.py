"""The kinds of record that mapping files name, as typed values."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ...model import Model, Text, shaped
from .examples import KindExample
from .rules import File

# A code may have single blanks in it (R4 datatypes.html#code).
_token = shaped(r"[^\s|]+\|[^\s|]+( [^\s|]+)*", "system|code")


def _word(text: str) -> str:
    if not re.search(r"[^\W_]", text):
        raise ValueError("expected a word: without a letter or digit it would stand in any text")
    return text


CodeToken = Annotated[str, AfterValidator(_token)]
Word = Annotated[Text, AfterValidator(_word)]


class Kind(Model):
    """One kind of thing in clinical life, and how a record of it is known.

    A record of one of `types` is of the kind by one of the codes (a trailing `*`: all that begin
    so), else by its category, else by `words` (by language) in what it is called, where a `*` at
    an end stands for any letters. `unless`: words that say that it is another thing, whatever
    category and words say. Whatever is of a kind is of the `broader` ones too. `trend`: the whole
    series tells what one value does not. `vague`: a record of this kind alone may still be
    anything, so it stands among those of unknown kind. `label`: the security label that a record of
    the kind has, whether or not the source says so.
    """

    id: Text
    title: Text
    broader: tuple[Text, ...] = ()
    types: frozenset[Text] = Field(min_length=1)
    code: frozenset[CodeToken] = frozenset()
    category: frozenset[Text] = frozenset()
    words: dict[Text, tuple[Word, ...]] = Field(default_factory=dict)
    unless: frozenset[Word] = frozenset()
    trend: bool = False
    vague: bool = False
    label: CodeToken | None = None


class More(Model):
    """Further ways to know a kind that another file has; of a site's own codes and words, say."""

    kind: Text
    types: frozenset[Text] = frozenset()
    code: frozenset[CodeToken] = frozenset()
    category: frozenset[Text] = frozenset()
    words: dict[Text, tuple[Word, ...]] = Field(default_factory=dict)
    unless: frozenset[Word] = frozenset()


class KindsFile(File):
    """A file of kinds/."""

    kinds: tuple[Kind, ...] = ()
    more: tuple[More, ...] = ()
    examples: tuple[KindExample, ...] = ()


class CodeSystems(File):
    """codesystems.yaml: complete small code systems, against which codes of the set are checked."""

    systems: dict[Text, frozenset[Text]]
    examples: tuple[Any, ...] = ()


def with_more(kind: Kind, more: More) -> Kind:
    """A kind with further ways to know it."""
    sets = ("types", "code", "category", "unless")
    changed: dict[str, Any] = {name: getattr(kind, name) | getattr(more, name) for name in sets}
    languages = {**kind.words, **more.words}
    changed["words"] = {
        language: (*kind.words.get(language, ()), *more.words.get(language, ()))
        for language in languages
    }
    return kind.model_copy(update=changed)


def broader_of(kinds: Mapping[str, Kind]) -> dict[str, frozenset[str]]:
    """Kind → all that are broader than it, however many steps. Kinds that are not there: none."""
    found: dict[str, frozenset[str]] = {}

    def above(name: str, below: frozenset[str]) -> frozenset[str]:
        if name in found or name not in kinds:
            return found.get(name, frozenset())
        direct = frozenset(kinds[name].broader) - below
        return direct.union(*(above(each, below | {name}) for each in direct))

    for name in kinds:
        found[name] = above(name, frozenset({name})) - {name}
    return found


def types_of(kinds: Mapping[str, Kind]) -> dict[str, frozenset[str]]:
    """Kind → the resource types in which its records live, those of narrower kinds included."""
    found: dict[str, set[str]] = {name: set(kind.types) for name, kind in kinds.items()}
    for name, above in broader_of(kinds).items():
        for each in above & kinds.keys():
            found[each] |= kinds[name].types
    return {name: frozenset(types) for name, types in found.items()}
