"""The names an organisation goes by: without legal form, the house behind its departments. Pure."""

import re
from collections.abc import Iterator

from ...fhir.names import words

Name = tuple[str, ...]  # its words, folded

# Legal forms as they stand behind a name, folded and without points.
_FORMS = (
    "inc incorporated llc llp lp ltd limited corp corporation co company plc pc pllc pa"
    " gmbh ggmbh mbh ag kg ohg ug ev se aoer sa sas sarl srl spa bv nv ab as oy aps"
)
_LEGAL = frozenset(_FORMS.split())
_SPELT = (("e", "v"), ("s", "a"), ("l", "l", "c"), ("p", "c"), ("s", "p", "a"), ("b", "v"))
# What a part of a house is called; the words before or behind it name the house.
_PART_WORDS = (
    "department dept division section service services unit ward program programme practice"
    " abteilung station klinik ambulanz departement departamento servicio afdeling"
)
_PARTS = frozenset(_PART_WORDS.split())
_OF = frozenset(["of", "at", "im", "am", "der", "des", "du", "de", "la"])
# Words that name no house by themselves: "General Hospital" is one only as a whole name.
_COMMON_WORDS = (
    "hospital hospitals clinic clinics center centre centers centres medical health healthcare care"
    " university general regional community county city medicine surgery oncology cardiology"
    " neurology radiology pathology orthopedics orthopaedics cancer heart the and for und"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_BETWEEN = re.compile(r"\s[-\u2013\u2014|/]\s|[,;:()|]")


def names(text: object) -> frozenset[Name]:
    """Ways to name the organisation called `text`; none if it is no text.

    The whole name, then each of its parts and the house of a department, where these say enough.
    """
    if not isinstance(text, str):
        return frozenset()
    whole = _plain(words(text))
    parts = {_house(_plain(words(part))) for part in (text, *_BETWEEN.split(text))}
    telling = {part for part in parts if len(part) > 1 and not set(part) <= _COMMON | _PARTS | _OF}
    return frozenset(filter(None, {whole, *telling}))


def _plain(name: Name) -> Name:
    """Without the article before and the legal form behind."""
    if name[:1] == ("the",):
        name = name[1:]
    while len(name) > 1:
        spelt = next((form for form in _SPELT if name[-len(form) :] == form), None)
        if spelt:
            name = name[: -len(spelt)]
        elif name[-1] in _LEGAL:
            name = name[:-1]
        else:
            break
    return name


def _house(name: Name) -> Name:
    """The words that name the house, of a name with a department in it."""
    at = next((number for number, word in enumerate(name) if word in _PARTS), None)
    if at is None:
        return name
    before = name[:at]
    if before and not set(before) <= _COMMON | _OF:
        return before
    return next(_behind(name), ())


def _behind(name: Name) -> Iterator[Name]:
    """What stands behind the last "of": Department of Cardiology of Home Hospital."""
    for number in range(len(name) - 2, 0, -1):
        if name[number] in _OF:
            yield _plain(name[number + 1 :])
