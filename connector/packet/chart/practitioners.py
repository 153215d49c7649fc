"""The people of a profession whom a chart names, wherever it does: by NPI, and by name."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...fhir.lossless import UndecodableError, decode
from ...fhir.names import words
from ...fhir.references import objects
from ...fhir.shapes import dicts, objects_in
from ...fhir.systems import is_npi
from ...request import Practitioner
from ...store.case.casefile import CaseFile
from ...store.pulled import chart

# Who is named by a text alone; records in which nobody asked for is named are not decoded.
_WRITTEN = ("display", "authorString")
_TEXT = re.compile(rb'"(?:display|authorString)"\s*:\s*"((?:[^"\\]|\\.)*)"')
_CONTAINED = b'"Practitioner"'
_TITLES = frozenset(["dr", "md", "prof", "phd", "do", "np", "pa", "rn", "mr", "mrs", "ms", "med"])


_Name = tuple[tuple[str, ...], tuple[str, ...]]


class Found(NamedTuple):
    """How a chart names somebody: by which NPIs and names (family, given names, folded)."""

    npis: frozenset[str]
    names: frozenset[_Name]


def resembles(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two given names may be one: equal in the first, or one is the other's initial."""
    if not one or not other:
        return True
    short, long = sorted((one[0], other[0]), key=len)
    return short == long or (len(short) == 1 and long.startswith(short))


def names_of(resource: dict[str, Any]) -> Found:
    """What a Practitioner says of itself."""
    found = set()
    for name in dicts(resource.get("name")):
        given = name.get("given")
        first = given[0] if isinstance(given, list) and given else None
        found.add((words(name.get("family")), words(first)))
    return Found(npis(resource.get("identifier")), frozenset(found))


def npis(identifier: Any) -> frozenset[str]:
    """The NPIs among an identifier or several, under any name of their system."""
    return frozenset(
        str(item.get("value")).strip()
        for item in objects_in(identifier)
        if is_npi(item.get("system"))
    )


def in_chart(case: CaseFile, like: Practitioner) -> Iterator[Found]:
    """Everybody in the chart who may be `like`: Practitioners, also contained ones, and references
    by identifier or by nothing but a name (`display`)."""
    number = like.npi.encode() if like.npi else None
    family = words(like.family)
    known: dict[bytes, bool] = {}  # texts repeat: whether each may name them

    def called(text: bytes) -> bool:
        if text not in known:
            known[text] = _called(like, words(_decoded(text)))
        return known[text]

    for record in chart.records(case):
        written = any(called(match[1]) for match in _TEXT.finditer(record.body))
        numbered = number is not None and number in record.body
        if not (written or numbered or _CONTAINED in record.body):
            continue
        try:
            value = decode(record.body)
        except UndecodableError:
            continue  # told as a gap by the map step
        for node in objects(value):
            if node.get("resourceType") == "Practitioner":
                yield names_of(node)
                yield Found(names_of(node).npis, frozenset(_in_one_piece(node, like)))
            elif numbered and (found := npis(node.get("identifier"))):
                yield Found(found, frozenset())
            elif written and "code" not in node:
                for said in (words(node.get(name)) for name in _WRITTEN):
                    if _called(like, said):
                        yield Found(frozenset(), frozenset({(family, _given(said, family))}))


def _in_one_piece(node: dict[str, Any], like: Practitioner) -> Iterator[_Name]:
    """The name of a Practitioner that has it as `text` alone, where it may be that of `like`."""
    names, family = node.get("name"), words(like.family)
    for name in names if isinstance(names, list) else []:
        if isinstance(name, dict) and not name.get("family"):
            said = words(name.get("text"))
            if _called(like, said):
                yield family, _given(said, family)


def _called(like: Practitioner, said: tuple[str, ...]) -> bool:
    """Whether a name written in one piece may be that of `like`: family and given, any order."""
    family = words(like.family)
    if not family or not set(family) <= set(said):
        return False
    given = words(like.given)[:1]
    others = [word for word in said if word not in family]
    return not given or any(resembles(given, (word,)) for word in others)


def _given(said: tuple[str, ...], family: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in said if word not in family and word not in _TITLES)


def _decoded(written: bytes) -> str:
    try:
        return str(decode(b'"' + written + b'"'))
    except UndecodableError:
        return ""
