"""Whether two Patient resources are the same person: pure, and strict where it can't know.

A wrong "no" costs a person a minute; a wrong "yes" puts a stranger's records into a chart. So all
four demographics must be known on both sides and agree, no number may contradict, and nothing is
guessed. docs/identity.md has the rules as a table, which is also their test.
"""

from collections.abc import Callable, Iterable
from typing import Any

from ...fhir.shapes import dicts
from ...fhir.systems import ACT_REASON
from .birth_date import birth_date, differs, slipped
from .human_name import Name, alike, first_alike, kin, misspelt, names, same, swapped
from .identifiers import contradictions, shared

_UNNAMED = Name((), (), "", "", frozenset(), ())
_GENDERS = frozenset({"male", "female", "other"})  # `unknown` is not a thing two people share
_TWIN = "multiple birth (which of them is not certain)"
_ONE_OF_THEM = "one"


def different_person(ours: dict[str, Any], theirs: dict[str, Any], on: str = "") -> list[str]:
    """In what `theirs` does not agree with `ours`; empty: the same person.

    Compared are family and given (together, of any name's use; case, diacritics and punctuation
    set aside), the full birth date and the gender; missing on either side counts as not agreeing.
    Where birth date and gender agree and a number is shared, names are compared loosely
    (human_name.py). Numbers that contradict, a multiple birth and names that are nobody's are never
    the same person. `on`: the day by which a number is no longer in use. The answer names
    elements, never their values.
    """
    reasons = [*_births(ours, theirs)]
    if gender(ours) is None or gender(ours) != gender(theirs):
        reasons.append("gender")
    against = contradictions(ours, theirs, on)
    twin = [_TWIN] if _perhaps_twins(ours, theirs) else []
    loosely = not (reasons or against or twin) and shared(ours, theirs, on)
    named = _names(names(ours), names(theirs), alike if loosely else same)
    return [*named, *reasons, *twin, *against]


def out_of_use(ours: dict[str, Any], theirs: dict[str, Any], *, production: bool) -> list[str]:
    """Why nothing may be attached to the record `theirs`, whoever it is: nobody can overrule it.

    Inactive, replaced by another record, of somebody who died there but not here, or, in
    `production`, labelled as test data.
    """
    reasons = []
    if theirs.get("active") not in (None, True):
        reasons.append("active (the record there is inactive)")
    if any(link.get("type") == "replaced-by" for link in _listed(theirs.get("link"))):
        reasons.append("link (the record there is replaced by another)")
    if _deceased(theirs) and not _deceased(ours):
        reasons.append("deceased (there, but not here)")
    if production and _is_test_data(theirs):
        reasons.append("security label (the record there is test data)")
    return reasons


def same_demographics(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all four agree exactly, what is unknown included: for a record that we created."""
    return all(read(one) == read(other) for read in (names, birth_date, gender))


def near(ours: dict[str, Any], theirs: dict[str, Any], *, by_family: bool = True) -> bool:
    """Whether somebody whom a search by name and birth date finds may be the patient.

    Servers search by the beginning of a name, or by its sound, or pass over a parameter: who has
    another family name and another given name is somebody else who was born that day. `by_family`:
    the search named the family name; who was found without it has one that is nearly ours.
    """
    here, there = str(ours.get("birthDate")), str(theirs.get("birthDate"))
    exact = here.startswith(there) or there.startswith(here)  # as far as both are known
    if not (exact or slipped(here, there)):
        return False
    return any(
        swapped(one, other)
        or (kin(one, other) and (exact or first_alike(one, other)))
        or (
            exact
            and bool(one.given and other.given)
            and first_alike(one, other)
            and (by_family or misspelt(one, other))
        )
        for one in names(ours)
        for other in names(theirs) or {_UNNAMED}
    )


def gender(patient: dict[str, Any]) -> str | None:
    """The administrative gender if it is known."""
    code = patient.get("gender")
    return code if isinstance(code, str) and code in _GENDERS else None


def _names(ours: set[Name], theirs: set[Name], agree: Callable[[Name, Name], bool]) -> list[str]:
    agreeing = [(one, other) for one in ours for other in theirs if agree(one, other)]
    own = [(one, other) for one, other in agreeing if not (one.stands_in or other.stands_in)]
    if own:
        generation = any(one.generation == other.generation for one, other in own)
        return [] if generation else ["suffix"]
    stand_ins = _only_stand_ins(ours) | _only_stand_ins(theirs)
    if agreeing:
        stand_ins |= {name.stands_in for pair in agreeing for name in pair if name.stands_in}
        return sorted(stand_ins)
    if any(swapped(one, other) for one in ours for other in theirs):
        return ["family and given (the other way round)", *sorted(stand_ins)]
    return [*_differing(ours, theirs), *sorted(stand_ins)]


def _only_stand_ins(some: set[Name]) -> set[str]:
    found = {name.stands_in for name in some}
    return found if "" not in found else set()


def _differing(ours: set[Name], theirs: set[Name]) -> list[str]:
    pairs = [(one, other) for one in ours for other in theirs]
    differing = []
    if not any(one.family and one.family == other.family for one, other in pairs):
        differing.append("family")
    if not any(one.given and one.given == other.given for one, other in pairs):
        differing.append("given")
    # A family name of one name and a given name of another do not make a person.
    return differing or ["family", "given"]


def _births(ours: dict[str, Any], theirs: dict[str, Any]) -> Iterable[str]:
    here, there = birth_date(ours), birth_date(theirs)
    if here is None or there is None:
        yield "birth date"
    elif here != there:
        yield differs(here, there)


def _perhaps_twins(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether one of them has a sibling of the same day, and which is which is not said."""
    here, there = (_order(patient) for patient in (ours, theirs))
    return here != there or here == _ONE_OF_THEM


def _order(patient: dict[str, Any]) -> str:
    """Which of a multiple birth (R4 Patient.multipleBirth[x]); empty: none, or nothing is said."""
    order = patient.get("multipleBirthInteger")
    if order is not None:
        return str(order)
    return "" if patient.get("multipleBirthBoolean") in (None, False) else _ONE_OF_THEM


def _deceased(patient: dict[str, Any]) -> bool:
    return patient.get("deceasedBoolean") not in (None, False) or "deceasedDateTime" in patient


def _is_test_data(patient: dict[str, Any]) -> bool:
    meta = patient.get("meta")
    labels = _listed(meta.get("security")) if isinstance(meta, dict) else []
    return any((one.get("system"), one.get("code")) == (ACT_REASON, "HTEST") for one in labels)


def _listed(value: Any) -> list[dict[str, Any]]:
    """Objects in a list, or one without it: a converter from XML writes a list of one so."""
    return [value] if isinstance(value, dict) else dicts(value)
