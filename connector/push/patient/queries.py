"""What a destination is asked before a Patient is created: who there may be the patient. Pure.

Each question names a name and a birth date, so that as few strangers as possible are told to us,
and uses no more of the search than every server has: one family name, dates separated by commas,
`given` where it is offered. docs/identity.md lists them.
"""

import re
from collections.abc import Iterator
from typing import Any

from ...fhir.shapes import dicts, texts
from .birth_date import partial, slips
from .human_name import APOSTROPHES, ways

QUESTIONS_MAX = 24  # a record with more names than that is no person's
_PART_MIN = 3  # of a double name: Roe, not de
_BETWEEN = re.compile(r"[\s\-]+")
_PIECES = re.compile(r"([\s\-]+)")
_APOSTROPHE = re.compile(f"[{APOSTROPHES}]")
_SPECIAL = re.compile(r"([\\,$|])")  # R4 search.html#escaping


def questions(patient: dict[str, Any], *, given: bool = True) -> list[dict[str, str]]:
    """The parameters of each search, those most likely to find somebody first.

    `given`: whether the server searches by given name. Empty if too little is known to ask.
    """
    born = partial(patient)
    named = [name for name in dicts(patient.get("name")) if _text(name.get("family"))]
    if born is None or not named:
        return []
    asked = [
        {"family": escaped(spelling), "birthdate": born}
        for name in named
        for spelling in [*_spellings(name["family"]), *_exchanged(name)]
    ]
    near, year = ",".join(slips(born)), born[:4]
    for name in named:
        family, first = {"family": escaped(name["family"])}, _given(name)[:1]
        narrowed = {"given": escaped(first[0])} if given and first else {}
        if near:
            asked.append({**family, **narrowed, "birthdate": near})
        if narrowed:
            asked.append({**narrowed, "birthdate": born})
        if narrowed and year != born:
            asked.append({**family, **narrowed, "birthdate": year})
    return [one for at, one in enumerate(asked) if one not in asked[:at]]


def escaped(text: str) -> str:
    """A value as a search parameter holds it."""
    return _SPECIAL.sub(r"\\\1", text)


def _spellings(family: str) -> list[str]:
    """As written, and as elsewhere, where a server would not find the one by the other."""
    names = [family, *(part for part in _BETWEEN.split(family) if len(part) >= _PART_MIN)]
    found = []
    for name in names:
        found.append(name)
        if _APOSTROPHE.search(name):
            found += [_APOSTROPHE.sub("'", name), _APOSTROPHE.sub("\u2019", name)]
        pieces = [(sorted(ways(piece), key=len) or [piece]) for piece in _PIECES.split(name)]
        found += ["".join(piece[at] for piece in pieces).title() for at in (0, -1)]
    return list({one.casefold(): one for one in reversed(found)}.values())[::-1]


def _exchanged(name: dict[str, Any]) -> Iterator[str]:
    """The given names, where a family name is looked for: the two are exchanged in some records."""
    given = _given(name)
    yield from given[:1]
    yield from [" ".join(given)] if len(given) > 1 else []


def _given(name: dict[str, Any]) -> list[str]:
    return " ".join(texts(name.get("given"))).split()


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
