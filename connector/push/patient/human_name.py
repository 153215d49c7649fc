"""The names of a Patient as they are compared, and those that are no person's own. Pure.

Two ways to compare. Strictly: word by word; case, accents and punctuation are set aside. Loosely,
for two records that share a number and a birth date: also letters that are written in two ways
(ø as o or oe, ß as ss), apostrophes, hyphens and blanks, and a middle name that is an initial or
absent on one side.
"""

import re
import unicodedata
from typing import Any, NamedTuple

from ...fhir.names import words
from ...fhir.shapes import dicts, texts

NEWBORN = "given (a placeholder, as for a newborn)"
NOBODY = "name (anonymous, or not known)"
TEST = "name (a test patient's)"

_GENERATIONS = {
    "jr": "2", "junior": "2", "jnr": "2", "sr": "1", "senior": "1", "snr": "1",
    "ii": "ii", "2nd": "ii", "iii": "iii", "3rd": "iii", "iv": "iv", "4th": "iv",
}  # fmt: skip
_AS_SUFFIX = _GENERATIONS | {"i": "1", "1st": "1", "v": "v", "5th": "v"}  # else: an initial
_TRAILING = re.compile(rf"(?<=\w)[\s,]+({'|'.join(_GENERATIONS)})\.?\s*$", re.IGNORECASE)

# Letters that no decomposition reduces; and the second way in which some are written.
_PLAIN = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
    }
)
_DIGRAPHS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
APOSTROPHES = "'`\u2019\u2018\u00b4\u02bc\u02bb"
_BETWEEN = re.compile(rf"[^\w{APOSTROPHES}]+")  # an apostrophe does not end a word

_SEX = "(boy|girl|male|female)"
# In any part of a name; in a given name; then as the whole of family or given, or a word of them.
_BABY = re.compile(rf"baby|baby[a-d\d]|.*baby({_SEX}|of|\d).*|newborn.*|infant{_SEX}?|infantof.*")
_GIVEN = re.compile(
    rf"({_SEX}|twin|triplet|zwilling|bb|bg|nb|rn)[a-d\d]?|neonat.*|neugeborene[rs]?|saugling"
    r"|bebe|nouveaune|reciennacid[oa]|recemnascid[oa]|fo?etus|madchen|knabe"
)
_ANONYMOUS = re.compile(
    r"anon|anonym.*|anonim[oa]|unk|unknown.*|unbekannt.*|inconnue?|desconocid[oa]|desconhecid[oa]"
    r"|onbekend|sconosciut[oa]|unidentified.*|unnamed|noname.*|nn|null|undefined|redacted"
    r"|withheld|masked|notgiven|notknown|x{2,}|nfn|nln|fnu|lnu|trauma.*"
)
_TESTED = re.compile(
    r"z{2,}.*|[zx]?test(er|ing|person|fall|user|data|case|pat(ient)?)?\d*"
    r"|patient(in|test)?\d*|dummy.*|fake|donotuse.*|mustermann|musterfrau"
)
_DOE = re.compile(r"(john(ny)?|jan(i?e)|richard)(doe|roe)")


class Name(NamedTuple):
    """One HumanName, folded. `stands_in`: for what, if it is no person's own name; else empty."""

    family: tuple[str, ...]
    given: tuple[str, ...]
    generation: str  # Jr, III: the same sign for the same thing
    stands_in: str
    ways_of_family: frozenset[str]  # as one word, in each way it may be written
    ways_of_given: tuple[frozenset[str], ...]  # the same of each given name

    @property
    def known(self) -> bool:
        """Whether family and given are both there."""
        return bool(self.family and self.given)


def names(patient: dict[str, Any]) -> set[Name]:
    """Every name of a Patient."""
    return {_name(name) for name in dicts(patient.get("name"))}


def same(one: Name, other: Name) -> bool:
    """Whether two names are known and written alike, strictly; the generation apart."""
    return one.known and (one.family, one.given) == (other.family, other.given)


def alike(one: Name, other: Name) -> bool:
    """Whether two names are known and may be one, loosely; the generation apart."""
    return (
        one.known
        and other.known
        and bool(one.ways_of_family & other.ways_of_family)
        and _given_alike(one.ways_of_given, other.ways_of_given)
    )


def swapped(one: Name, other: Name) -> bool:
    """Whether the family name of each is the given name, or the first one, of the other."""
    return one.known and other.known and _crossed(one, other) and _crossed(other, one)


def kin(one: Name, other: Name) -> bool:
    """Whether two family names have a word in common, or one of them is unknown."""
    if not (one.family and other.family):
        return True
    return bool(set(one.family) & set(other.family) or one.ways_of_family & other.ways_of_family)


def first_alike(one: Name, other: Name) -> bool:
    """Whether the first given names are the same, or one of them is unknown or an initial."""
    if not (one.ways_of_given and other.ways_of_given):
        return True
    return _word_alike(one.ways_of_given[0], other.ways_of_given[0])


def ways(text: str) -> frozenset[str]:
    """A name as one word without marks, in each way in which it may be written."""
    composed = unicodedata.normalize("NFC", text.casefold())
    return frozenset({_bare(composed), _bare(composed.translate(_DIGRAPHS))} - {""})


def _name(name: dict[str, Any]) -> Name:
    written = name.get("family")
    family, after_family = _without_generation(written if isinstance(written, str) else "")
    given, after_given = _without_generation(" ".join(texts(name.get("given"))))
    suffix = words(" ".join(texts(name.get("suffix"))))
    generations = [_AS_SUFFIX[word] for word in suffix if word in _AS_SUFFIX]
    return Name(
        words(family),
        words(given),
        next(filter(None, [*generations, after_family, after_given]), ""),
        _stands_in(family, given, [*words(" ".join(texts(name.get("prefix")))), *suffix]),
        ways(family),
        tuple(filter(None, map(ways, _BETWEEN.split(given)))),
    )


def _without_generation(text: str) -> tuple[str, str]:
    found = _TRAILING.search(text)
    return (text[: found.start()], _GENERATIONS[found[1].lower()]) if found else (text, "")


def _stands_in(family: str, given: str, marks: list[str]) -> str:
    of_family, of_given = (_parts(text) for text in (family, given))
    every = of_family | of_given
    if any(map(_TESTED.fullmatch, every)):
        return TEST
    if any(map(_ANONYMOUS.fullmatch, every)) or _DOE.fullmatch(_bare(given) + _bare(family)):
        return NOBODY
    if any(map(_BABY.fullmatch, every.union(marks))) or any(map(_GIVEN.fullmatch, of_given)):
        return NEWBORN
    return ""


def _parts(text: str) -> set[str]:
    """A name as one word, and its words."""
    folded = text.casefold()
    return {_bare(part) for part in (folded, *_BETWEEN.split(folded))} - {""}


def _bare(text: str) -> str:
    """Letters and digits alone; a modifier letter (U+02BC, an apostrophe) is neither."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = (c for c in decomposed if c.isalnum() and unicodedata.category(c) != "Lm")
    return "".join(plain).translate(_PLAIN)


def _crossed(one: Name, other: Name) -> bool:
    given = other.ways_of_given
    together = {"".join(min(way) for way in given), *given[0]} if given else set()
    return bool(one.ways_of_family & together)


def _given_alike(ours: tuple[frozenset[str], ...], theirs: tuple[frozenset[str], ...]) -> bool:
    if _together(ours) & _together(theirs):
        return True  # Anna-Maria, Annamaria
    if not (ours and theirs and ours[0] & theirs[0]):
        return False
    fewer, more = sorted((ours[1:], theirs[1:]), key=len)
    rest = iter(more)
    return all(any(_word_alike(one, other) for other in rest) for one in fewer)


def _together(given: tuple[frozenset[str], ...]) -> set[str]:
    """All given names as one word, in the shorter and in the longer way of each."""
    return {"".join(pick(way, key=len) for way in given) for pick in (min, max)} if given else set()


def _word_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """The same word, or the initial of it."""
    return any(a == b or (1 in (len(a), len(b)) and a[0] == b[0]) for a in one for b in other)
