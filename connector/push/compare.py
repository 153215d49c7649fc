"""Whether two Patient resources are the same person: pure, and strict where it can't know.

A wrong "no" costs a person a minute; a wrong "yes" puts a stranger's records into a chart. So all
four demographics must be known on both sides and agree, and nothing is guessed.
"""

import re
from typing import Any

from ..fhir.names import words

_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_GENDERS = frozenset({"male", "female", "other"})  # `unknown` is not a thing two people share

Name = tuple[tuple[str, ...], tuple[str, ...]]  # (family, given), folded into words


def compare_patients(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Why `theirs` can't be taken for `ours`; empty: the same person, fit to receive records.

    Compared are family and given (together, of any name's use; case, diacritics and punctuation
    set aside), the full birth date and the gender; missing on either side counts as not agreeing.
    A record that is inactive, replaced by another one, or whose person died there but not here,
    is never taken. The answer names elements, never their values.
    """
    reasons = _names(names(ours), names(theirs))
    if birth_date(ours) is None or birth_date(ours) != birth_date(theirs):
        reasons.append("birth date")
    if gender(ours) is None or gender(ours) != gender(theirs):
        reasons.append("gender")
    return reasons + out_of_use(ours, theirs)


def out_of_use(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """Why nothing may be attached to the record `theirs`, whoever it is."""
    reasons = []
    if theirs.get("active") is False:
        reasons.append("active (the record there is inactive)")
    if any(link.get("type") == "replaced-by" for link in _dicts(theirs.get("link"))):
        reasons.append("link (the record there is replaced by another)")
    if _deceased(theirs) and not _deceased(ours):
        reasons.append("deceased (there, but not here)")
    return reasons


def same_demographics(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all four agree exactly, what is unknown included: for a record that we created."""
    return all(read(one) == read(other) for read in (names, birth_date, gender))


def names(patient: dict[str, Any]) -> set[Name]:
    """Every name of a Patient as (family, given)."""
    return {
        (words(name.get("family")), words(" ".join(_texts(name.get("given")))))
        for name in _dicts(patient.get("name"))
    }


def birth_date(patient: dict[str, Any]) -> str | None:
    """The birth date if it is given to the day."""
    date = patient.get("birthDate")
    return date if isinstance(date, str) and _FULL_DATE.fullmatch(date) else None


def gender(patient: dict[str, Any]) -> str | None:
    """The administrative gender if it is known."""
    code = patient.get("gender")
    return code if code in _GENDERS else None


def _names(ours: set[Name], theirs: set[Name]) -> list[str]:
    if any(family and given for family, given in ours & theirs):
        return []
    differing = [
        element
        for element, place in (("family", 0), ("given", 1))
        if not {n[place] for n in ours if n[place]} & {n[place] for n in theirs}
    ]
    # A family name of one name and a given name of another do not make a person.
    return differing or ["family", "given"]


def _deceased(patient: dict[str, Any]) -> bool:
    return patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
