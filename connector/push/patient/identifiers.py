"""The numbers of two Patients: whether they contradict each other, and whether one is shared.

Pure. A contradiction only ever holds a case, so systems are compared generously there: one number
system may be written in several ways. What is *shared* lets a name be read less strictly, so a
value must be the very same. Nothing is guessed: leading zeros are part of a number.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ...fhir.shapes import dicts

Identifier = tuple[str, str]  # (system, value)

_SSN = "us-ssn"
# One system under two names: the registered URL and the OID (HL7 identifier-registry; NHS, BSN).
_ALIASES = {
    "hl7.org/fhir/sid/us-ssn": _SSN,
    "2.16.840.1.113883.4.1": _SSN,
    "2.16.840.1.113883.4.927": "hl7.org/fhir/sid/us-mbi",
    "2.16.840.1.113883.4.572": "hl7.org/fhir/sid/us-medicare",
    "2.16.840.1.113883.2.1.4.1": "fhir.nhs.uk/id/nhs-number",
    "2.16.840.1.113883.2.4.6.3": "fhir.nl/fhir/namingsystem/bsn",
}
# v2-0203: accounts, visits, members and subscribers of an insurance. A family may share them.
_NOT_PERSONAL = frozenset({"AN", "VN", "MB", "SN", "AM"})
_PREFIX = re.compile(r"^(https?://|urn:oid:)")
_SEPARATORS = re.compile(r"[\s\-./]+")


class _Number(NamedTuple):
    value: str
    current: bool
    personal: bool


def searchable(patient: dict[str, Any]) -> list[Identifier]:
    """Every (system, value) as written, once each, in order: what may be searched by."""
    pairs = (
        (_text(i.get("system")), _text(i.get("value"))) for i in dicts(patient.get("identifier"))
    )
    return list(dict.fromkeys((system, value) for system, value in pairs if system and value))


def contradictions(ours: dict[str, Any], theirs: dict[str, Any], on: str = "") -> list[str]:
    """What speaks against one person in the systems that both carry, in words without values.

    `on`: the day by which a period has ended, ISO 8601; empty: every period with an end has.
    """
    here, there = _systems(ours, on), _systems(theirs, on)
    found = (_contradiction(here[system], there[system]) for system in here.keys() & there.keys())
    return sorted({words for words in found if words})


def shared(ours: dict[str, Any], theirs: dict[str, Any], on: str = "") -> bool:
    """Whether both carry the very same number of one system, in use on both sides, of a person."""
    here, there = _systems(ours, on), _systems(theirs, on)
    return any(
        {n.value for n in here[system] if n.current and n.personal}
        & {n.value for n in there[system] if n.current and n.personal}
        for system in here.keys() & there.keys()
    )


def _contradiction(ours: set[_Number], theirs: set[_Number]) -> str:
    if not _common(ours, theirs):
        return "identifier (another number in the same system)"
    if not _common({n for n in ours if n.current}, {n for n in theirs if n.current}):
        return "identifier (the number in common is no longer in use)"
    # A record may know one number more than the other; when each knows one that the other
    # does not, the common one may be a family's, or be written on the wrong card.
    if _further(ours, theirs) and _further(theirs, ours):
        return "identifier (further numbers in the same system differ)"
    return ""


def _common(ours: set[_Number], theirs: set[_Number]) -> bool:
    return any(_same(one.value, other.value) for one in ours for other in theirs)


def _further(some: set[_Number], others: set[_Number]) -> bool:
    return any(n.current and not any(_same(n.value, o.value) for o in others) for n in some)


def _same(one: str, other: str) -> bool:
    """Whether two values are one number: separators are form where only one side has them.

    12-3 and 1-23 are two numbers, and so are 0123 and 123.
    """
    bare = _SEPARATORS.sub("", one), _SEPARATORS.sub("", other)
    return one == other or (bare[0] == bare[1] and (one == bare[0] or other == bare[1]))


def _systems(patient: dict[str, Any], on: str) -> dict[str, set[_Number]]:
    found: dict[str, set[_Number]] = {}
    for item in dicts(patient.get("identifier")):
        value, codes = _number(item.get("value")), codes_of(item)
        if value:
            number = _Number(
                " ".join(value.split()).casefold(),
                _current(item, on),
                not codes & _NOT_PERSONAL,
            )
            for system in _named(_text(item.get("system")), codes):
                found.setdefault(system, set()).add(number)
    return found


def _named(system: str, codes: set[str]) -> Iterator[str]:
    """The names of an identifier's system. Of types only SS has one: MR is of each assigner."""
    if system:
        folded = _PREFIX.sub("", system.strip().casefold()).rstrip("/")
        yield _ALIASES.get(folded, folded)
    if "SS" in codes:
        yield _SSN


def _current(item: dict[str, Any], on: str) -> bool:
    period = item.get("period")
    end = period.get("end") if isinstance(period, dict) else None
    if item.get("use") == "old":
        return False
    if end is None:
        return True
    return isinstance(end, str) and bool(on) and end[:10] >= on[: min(len(end), 10)]


def codes_of(identifier: dict[str, Any]) -> set[str]:
    """The codes of an identifier's type (v2-0203)."""
    kind = identifier.get("type")
    codings = dicts(kind.get("coding")) if isinstance(kind, dict) else []
    return {str(coding.get("code")) for coding in codings}


def _number(value: Any) -> str:
    """A value as written; one that stands there as a JSON number contradicts like any other."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _text(value: Any) -> str:
    """A text as written; empty if it is none, or blank."""
    return value if isinstance(value, str) and value.strip() else ""
