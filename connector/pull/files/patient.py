"""Exactly one patient among those that the files hold, or nothing at all."""

from collections.abc import Iterable
from contextlib import closing
from typing import NamedTuple, TypeVar

from ...errors import Held, SourceFailed
from ...fhir.identifiers import identifiers
from ...fhir.lossless import UndecodableError, decode, sha256
from ...fhir.record import peek
from ...fhir.subject import Person, person
from ...fhir.whose import Whose
from ...request import PatientChoice
from ...store.pulled.chart import Record
from ..bases import base_of
from ..input.given import Files
from ..input.history import Deleted
from ..input.not_taken import Told, Untaken
from ..input.register import Key, Register, tokens
from ..input.resources import Given
from ..patient import check_current

_T = TypeVar("_T")

_TWO = "the files hold two patients under this id"

_CHECK = (
    "Look at the files: which Patient is meant? Name that id in the request. Where something"
    " has left already, ask anew under a new request_id; `connector cancel` ends this one."
)


class Chosen(NamedTuple):
    """The patient, how records name them and others, and whether the files hold nobody else."""

    record: Record
    person: Person
    names: frozenset[str]
    alone: bool


def find_patient(given: Files, choice: PatientChoice, register: Register) -> Chosen:
    """The one Patient that the request names. `register` learns what was deleted.

    Raises `Held` (code `patient`) as for a server: none, several, inactive, deleted or replaced.
    """
    matches: dict[str, Record] = {}
    names: dict[str, set[str]] = {}
    numbers: dict[str, set[tuple[str, str]]] = {}
    told = Told()
    with closing(Register()) as patients:
        for found in given.all():
            if isinstance(found, Untaken):
                told.add(found)
            elif isinstance(found, Deleted):
                register.delete(Key(found.type, found.id), found.when)
            elif b'"Patient"' in found.body and found.type == "Patient":
                _note(found, choice, patients, matches, names, numbers)
    if not names:
        raise _nobody(told)
    if len(matches) != 1:
        how_many = len(matches) or "no"
        raise Held("patient", f"{how_many} patients in the files fit, expected one", _CHECK)
    (patient,) = matches.values()
    try:
        check_current(decode(patient.body))
    except UndecodableError:
        raise Held("patient", "the patient's record can't be read", _CHECK) from None
    if register.deleted(Key("Patient", patient.id), patient.body):
        raise Held("patient", "the files say that this patient's record was deleted", _CHECK)
    _check_one(given, patient)
    others = [id_ for id_ in names if id_ != patient.id]
    ours = names[patient.id]
    theirs = _together(names[id_] for id_ in others)
    # A name or a number that two patients share (a family's, say) names neither.
    who = person(
        patient.body,
        frozenset(base for name in ours if (base := base_of(name)) is not None) or None,
        ours,
        theirs,
        _together(numbers[id_] for id_ in others),
    )
    return Chosen(patient, who, frozenset(ours - theirs), not others)


def _note(
    found: Given,
    choice: PatientChoice,
    patients: Register,
    matches: dict[str, Record],
    names: dict[str, set[str]],
    numbers: dict[str, set[tuple[str, str]]],
) -> None:
    """Note how one Patient is called, and take it if the request means it."""
    seen = peek(found.body)
    called = {f"Patient?identifier={token}" for token in tokens(found.body)}
    known = {f"Patient/{seen.id}", *called, *([found.full_url] if found.full_url else [])}
    names.setdefault(seen.id, set()).update(known)
    numbers.setdefault(seen.id, set()).update(identifiers(found.body))
    if seen.id != choice.id and f"Patient?identifier={choice.identifier}" not in called:
        return
    record = Record(seen.type, seen.id, seen.version, sha256(found.body), found.body)
    standing = patients.add(found.full_url, record, keep=False)
    if standing == "contradicts":
        raise Held("patient", _TWO, _CHECK)
    if standing == "new":
        matches[seen.id] = record


def _check_one(given: Files, patient: Record) -> None:
    """`Held` if the files hold another person under the patient's id: another server's, say.

    Of two versions of one person's record the numbers, the birth date or a name stay.
    """
    known = person(patient.body, None)
    for found in given.of_type("Patient"):
        if peek(found.body).id == patient.id and sha256(found.body) != patient.sha256:
            said = set(known.of_patient(decode(found.body)))
            if Whose.OWN not in said and said & {Whose.STRANGER, Whose.OTHERWISE}:
                raise Held("patient", _TWO, _CHECK)


def _nobody(told: Told) -> SourceFailed:
    reasons = [f"{why} ({count})" for why, count in sorted(told.reasons().items())]
    return SourceFailed(
        "; ".join(["the files hold no patient", *reasons]),
        "Name FHIR R4 as JSON: a Bundle, or a folder of Bundles or NDJSON. `connector doctor`"
        " counts what the files hold.",
    )


def _together(sets: Iterable[set[_T]]) -> frozenset[_T]:
    found: set[_T] = set()
    return frozenset(found.union(*sets))
