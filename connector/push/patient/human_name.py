"""The names of a Patient as they are compared, and those that are no person's own. Pure.

Two ways to compare. Strictly: word by word; case, accents and punctuation are set aside. Loosely,
for two records that share a number and a birth date: also letters that are written in two ways
(ø as o or oe, ß as ss), apostrophes, hyphens and blanks, and a middle name that is an initial or
absent on one side.
"""

import re
import unicodedata
from typing import Any, NamedTuple

from ...fhir.names import folded, in_word, words
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

_SLIP_MIN = 3  # of letters: Li and Lu are two names
_SEX = "(boy|girl|male|female)"
# In any part of a name; in a given name; as the whole of it; then as the whole of family or given,
# or a word of them; as both together.
_BABY = re.compile(rf"baby|baby[a-d\d]|.*baby({_SEX}|of|\d).*|newborn.*|infant{_SEX}?|infantof.*")
_GIVEN = re.compile(
    rf"({_SEX}|twin|triplet|zwilling|bb|bg|nb|rn)[a-d\d]?|neonat.*|neugeborene[rs]?|saugling"
    r"|bebe|nouveaune|reciennacid[oa]|recemnascid[oa]|fo?etus|madchen|knabe"
)
_CHILD = re.compile(
    r"(child|kind|daughter|sohn|tochter|hij[oa]|fils|fille|gar[cç]on|jongen|meisje|zoon|dochter"
    r"|bambin[oa]|figli[oa]|filh[oa]|menin[oa]|niñ[oa]|bebek|bayi|unborn|младенец|новорожд\w+"
    r"|新生児|赤ちゃん|ベビー|婴儿|嬰兒)\W*[a-d\d]?"
    r"|(baby|boy|girl|child|infant|twin|son|daughter|[bsd])\s*(/\s*o|of)\b.*"
    r"|(hij[oa]|filh[oa]|fils|fille|figli[oa]|rn|bb) d[eiu]\b.*|bayi\s.*"
)
_ANONYMOUS = re.compile(
    r"anon|anonym.*|anonim[oa]|unk|unknown.*|unbekannt.*|inconnue?|desconocid[oa]|desconhecid[oa]"
    r"|onbekend|sconosciut[oa]|unidentified.*|unnamed|noname.*|nn|null|undefined|redacted"
    r"|withheld|masked|notgiven|notknown|x{2,}|nfn|nln|fnu|lnu|trauma(?!nn?$).*"
    r"|okand|ukendt|ukjent|tuntematon|nieznan[ya]|неизвестн\w*|匿名|不明|none|tbd|deidentified"
)
_TESTED = re.compile(
    r"z{2,}.*|[zx]?test(er|ing|person|fall|user|data|case|pat(ient)?)?\d*"
    r"|patient(in|test)?\d*|dummy.*|fake|donotuse.*|mustermann|musterfrau"
    r"|(fhir|api|qa|uat|smoke|load)test|testy|testerson|prueba|teste|essai|paciente\d*"
)
_DOE = re.compile(
    r"(john(ny)?|jan(i?e)|richard)[a-z]?(doe|roe)|(john|jane)q?public|joe(bloggs|public)|noname"
    r"|nomennescio"
)
_TOON = re.compile(r"(mickey|minnie)mouse|(donald|daisy)duck")


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


def misspelt(one: Name, other: Name) -> bool:
    """Whether two family names are one slip of the pen apart."""
    return any(_slipped(a, b) for a in one.ways_of_family for b in other.ways_of_family)


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
    _, after_text = _without_generation(text if isinstance(text := name.get("text"), str) else "")
    suffix = words(" ".join(texts(name.get("suffix"))))
    generations = [_AS_SUFFIX[word] for word in suffix if word in _AS_SUFFIX]
    return Name(
        words(family),
        words(given),
        next(filter(None, [*generations, after_family, after_given, after_text]), ""),
        _stands_in(family, given, [*words(" ".join(texts(name.get("prefix")))), *suffix]),
        ways(family),
        tuple(filter(None, map(ways, _split(given)))),
    )


def _without_generation(text: str) -> tuple[str, str]:
    found = _TRAILING.search(text)
    return (text[: found.start()], _GENERATIONS[found[1].lower()]) if found else (text, "")


def _stands_in(family: str, given: str, marks: list[str]) -> str:
    of_family, of_given = (_parts(text) for text in (family, given))
    every = of_family | of_given
    both = _bare(given) + _bare(family), _bare(family) + _bare(given)
    if any(map(_TESTED.fullmatch, every)) or any(map(_TOON.fullmatch, both)):
        return TEST
    if any(map(_ANONYMOUS.fullmatch, every)) or any(map(_DOE.fullmatch, both)):
        return NOBODY
    if any(map(_BABY.fullmatch, every.union(marks))) or any(map(_GIVEN.fullmatch, of_given)):
        return NEWBORN
    return NEWBORN if _CHILD.fullmatch(given.casefold().strip(" .,-")) else ""


def _parts(text: str) -> set[str]:
    """A name as one word, and its words."""
    return {_bare(part) for part in (text, *_split(text))} - {""}


def _split(text: str) -> list[str]:
    """The words of a text; an apostrophe does not end one."""
    return "".join(c if in_word(c) or c in APOSTROPHES else " " for c in text).split()


def _bare(text: str) -> str:
    """Letters and digits alone; U+02BC is a letter for Unicode, and an apostrophe here."""
    plain = (c for c in folded(text) if in_word(c) and c not in APOSTROPHES)
    return "".join(plain).translate(_PLAIN)


def _slipped(one: str, other: str) -> bool:
    """Whether a letter is another one, or too many, or two are exchanged."""
    short, long = sorted((one, other), key=len)
    apart = (at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b)
    at = next(apart, len(short))
    a, b = short[at:], long[at:]
    if len(a) < len(b):
        return len(short) >= _SLIP_MIN and a == b[1:]
    exchanged = a[:2] == b[1::-1] and a[2:] == b[2:]
    return len(short) >= _SLIP_MIN and bool(a) and (a[1:] == b[1:] or exchanged)


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
