"""Whether one pulled resource belongs in the chart. Pure."""

import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from ..fhir.about import SUBJECT, TAKE_PART
from ..fhir.lossless import UndecodableError, decode, sha256
from ..fhir.record import peek
from ..fhir.salvage import deeper_than
from ..fhir.subject import Person
from ..fhir.whose import Whose
from ..gap import GapKind
from ..store.pulled.chart import Record

# FHIR resources are some ten levels deep. Later steps walk a record with several calls a level, and
# the interpreter allows a thousand.
_DEPTH_MAX = 100
_HUGE_EXPONENT = re.compile(rb"\d[eE][+-]?\d{5}")


class Problem(NamedTuple):
    """Why a resource is not taken: `kind` and `why` of the gap."""

    kind: GapKind
    why: str


UNREADABLE = Problem(GapKind.FAILED, "at least one record could not be read")
SUBSETTED = Problem(GapKind.REFUSED, "the server sent at least one record only in part (SUBSETTED)")
TOO_DEEP = Problem(GapKind.FAILED, f"at least one record is nested deeper than {_DEPTH_MAX} levels")
ANOTHER_PATIENT = Problem(GapKind.FAILED, "a record of another patient came back")
ABOUT_SEVERAL = Problem(GapKind.FAILED, "a record about several people, which is not taken")
UNNAMED = Problem(
    GapKind.FAILED, "a record that does not say whose it is, in an answer that may be anybody's"
)
NAMED_OTHERWISE = Problem(
    GapKind.FAILED,
    "a record that gives its patient another name, and nothing to know them by: not taken",
)
NAMES_ANOTHER = Problem(GapKind.REFUSED, "names another person beside the patient")
NO_PATIENT = Problem(GapKind.NOT_ASKED, "is about something that is no patient: not taken")
# of references
TO_ANOTHER = Problem(GapKind.NOT_ASKED, "a reference to another patient is not followed")
TO_SEVERAL = Problem(GapKind.NOT_ASKED, "a record about several people is not pulled")
ELSEWHERE = Problem(GapKind.NOT_ASKED, "references to other servers are not followed")
ABOUT_NO_PATIENT = Problem(GapKind.FAILED, "a record that names no patient came back")


class Came(Enum):
    """How a record came: what binds one that does not say whose it is."""

    SEARCHED = "searched"  # by a search for this patient, whose answer shows that it was one
    UNBOUND = "unbound"  # by a search for this patient, as we have to believe
    REFERRED = "referred"  # as what a record of the patient refers to


@dataclass(frozen=True)
class Sieve:
    """What one patient's chart takes, from the server at `base_url`.

    `person`: all that is known of how records name the patient; without one, the id alone.
    """

    base_url: str
    patient_id: str
    left_out: frozenset[str]  # types that are not stored, whatever brings them
    bytes_max: int = 100_000_000
    person: Person = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.person is None:
            known = Person(self.patient_id, frozenset({self.base_url}))
            object.__setattr__(self, "person", known)

    def at(self, *bases: str) -> "Sieve":
        """The same, where the server is known by further addresses."""
        known = self.person.bases or frozenset()
        if known.issuperset(bases):
            return self
        return replace(self, person=replace(self.person, bases=known.union(bases)))

    def examine(self, body: bytes, came: Came = Came.REFERRED) -> Record | Problem | None:
        """The record to store, the problem it is, or None for a type that is left out."""
        if len(body) > self.bytes_max:
            return Problem(
                GapKind.REFUSED, f"at least one record is larger than {self.bytes_max} bytes"
            )
        if deeper_than(body, _DEPTH_MAX):
            return TOO_DEEP
        try:
            seen = peek(body)
            if seen.type in self.left_out:
                return None
            _check_readable(body)
            whose = self.person.whose(body)
        except UndecodableError:
            return UNREADABLE
        if problem := _of(whose, seen.type, came):
            return problem
        if seen.subsetted:
            return SUBSETTED
        return Record(seen.type, seen.id, seen.version, sha256(body), body)


def _of(whose: Whose, resource_type: str, came: Came) -> Problem | None:
    if whose is Whose.STRANGER:
        return ANOTHER_PATIENT
    if whose is Whose.SEVERAL:
        return ABOUT_SEVERAL
    if whose is Whose.OTHERWISE:
        return NAMED_OTHERWISE
    if whose is Whose.OWN or came is Came.REFERRED:
        return None
    if whose is Whose.NOBODY:
        # What a search by patient brings along (a Practitioner) is no claim about the patient.
        return ABOUT_NO_PATIENT if resource_type in SUBJECT else None
    if came is Came.UNBOUND or resource_type in TAKE_PART:
        return UNNAMED  # where a patient only takes part, no subject can be given to it either
    return None


def _check_readable(body: bytes) -> None:
    """Raise `UndecodableError` for what a later step could not decode.

    Cutting a page checks all but two things: that text is UTF-8, and that numbers can be held.
    """
    try:
        body.decode()
    except UnicodeDecodeError:
        raise UndecodableError("not UTF-8") from None
    if _HUGE_EXPONENT.search(body):
        decode(body)
