"""Whose a record is, as a verdict, and what makes one of several. Pure."""

from collections.abc import Iterable
from enum import Enum

from .about import OTHER_PEOPLE, PERHAPS_NOBODYS, SEVERAL_PEOPLE, SUBJECT, TAKE_PART


class Whose(Enum):
    """What a record says of whom it is about."""

    OWN = "own"  # our patient, and nobody else
    STRANGER = "stranger"  # another person, and our patient nowhere
    SEVERAL = "several"  # our patient and another person, or a Group
    OTHERWISE = "otherwise"  # it gives a name that is not our patient's, and nothing that says more
    UNKNOWN = "unknown"  # it is about a patient, and does not say which
    NOBODY = "nobody"  # not about a patient: a Practitioner, an Observation of a Device


def settled(resource_type: str, found: set[Whose]) -> Whose:
    """What a record says as a whole, by what its elements say."""
    if Whose.SEVERAL in found or {Whose.OWN, Whose.STRANGER} <= found:
        return Whose.SEVERAL
    for verdict in (Whose.STRANGER, Whose.OWN, Whose.OTHERWISE, Whose.UNKNOWN, Whose.NOBODY):
        if verdict in found:
            return verdict
    if resource_type in PERHAPS_NOBODYS:
        return Whose.NOBODY
    about = resource_type in SUBJECT or resource_type in TAKE_PART
    return Whose.UNKNOWN if about else Whose.NOBODY


def worst(found: Iterable[Whose]) -> Whose:
    """The verdict of several on one thing: the least favourable."""
    said = set(found)
    order = (Whose.SEVERAL, Whose.STRANGER, Whose.OWN)
    return next((verdict for verdict in order if verdict in said), Whose.UNKNOWN)


def of_type(resource_type: str) -> Whose:
    """Whom a record is about that names something of this type."""
    if resource_type in SEVERAL_PEOPLE:
        return Whose.SEVERAL
    if resource_type in OTHER_PEOPLE:
        return Whose.STRANGER
    return Whose.UNKNOWN if resource_type == "Patient" else Whose.NOBODY
