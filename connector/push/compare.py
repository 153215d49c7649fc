"""Whether two Patient resources are the same person: pure, and strict where it can't know.

A wrong "no" costs a person a minute; a wrong "yes" puts a stranger's records into a chart. So all
four demographics must be known on both sides and agree, and nothing is guessed. docs/identity.md
has the rules as a table, which is also their test.
"""

import re
from typing import Any

from ..fhir.names import words
from ..fhir.systems import ACT_REASON

_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_GENDERS = frozenset({"male", "female", "other"})  # `unknown` is not a thing two people share

Name = tuple[tuple[str, ...], tuple[str, ...]]  # (family, given), folded into words


def different_person(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """In which demographics `theirs` does not agree with `ours`; empty: the same person.

    Compared are family and given (together, of any name's use; case, diacritics and punctuation
    set aside), the full birth date and the gender; missing on either side counts as not agreeing.
    The answer names elements, never their values.
    """
    reasons = _names(names(ours), names(theirs))
    if birth_date(ours) is None or birth_date(ours) != birth_date(theirs):
        reasons.append("birth date")
    if gender(ours) is None or gender(ours) != gender(theirs):
        reasons.append("gender")
    return reasons


def out_of_use(ours: dict[str, Any], theirs: dict[str, Any], *, production: bool) -> list[str]:
    """Why nothing may be attached to the record `theirs`, whoever it is: nobody can overrule it.

    Inactive, replaced by another record, of somebody who died there but not here, or, in
    `production`, labelled as test data.
    """
    reasons = []
    if theirs.get("active") is False:
        reasons.append("active (the record there is inactive)")
    if any(link.get("type") == "replaced-by" for link in dicts(theirs.get("link"))):
        reasons.append("link (the record there is replaced by another)")
    if _deceased(theirs) and not _deceased(ours):
        reasons.append("deceased (there, but not here)")
    if production and _is_test_data(theirs):
        reasons.append("security label (the record there is test data)")
    return reasons


def same_demographics(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all four agree exactly, what is unknown included: for a record that we created."""
    return all(read(one) == read(other) for read in (names, birth_date, gender))


def names(patient: dict[str, Any]) -> set[Name]:
    """Every name of a Patient as (family, given)."""
    return {
        (words(name.get("family")), words(" ".join(_texts(name.get("given")))))
        for name in dicts(patient.get("name"))
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


def _is_test_data(patient: dict[str, Any]) -> bool:
    meta = patient.get("meta")
    labels = dicts(meta.get("security")) if isinstance(meta, dict) else []
    return any((one.get("system"), one.get("code")) == (ACT_REASON, "HTEST") for one in labels)


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
