"""Exactly one patient, or nothing at all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..endpoint import Endpoint
from ..errors import Answered, EndpointError, Held, SourceFailed
from ..fhir.lossless import UndecodableError, decode, sha256
from ..fhir.names import words
from ..fhir.record import peek
from ..fhir.references import Kind, Target, parse
from ..fhir.shapes import items
from ..request import PatientChoice
from ..store.case.casefile import CaseFile
from ..store.pulled.chart import Record
from .lookup import carries, find, read

_MERGES_MAX = 5  # of records merged one into the next
_CHECK = (
    "Find out which record at the source is this person's, and name it in the request. Where"
    " something has left already, ask anew under a new request_id; `connector cancel` ends this"
    " one."
)


@dataclass(frozen=True, slots=True)
class Found:
    """The patient whose chart is pulled. `replaced`: the request named a record merged into it.

    `read`: false for a record that the source gives in an export only.
    """

    record: Record
    replaced: bool
    read: bool = True


def find_patient(source: Endpoint, choice: PatientChoice) -> Found:
    """The one Patient at the source that the request names, or the one it was merged into.

    Raises `Held` (code `patient`) for none or several, for one that is inactive, and for a merge
    that can't be confirmed; `SourceFailed` if the source can't be asked. No message holds an id.
    """
    record, patient = _taken(
        lambda: _by_id(source, choice.id) if choice.id else _by_identifier(source, choice),
        choice.id,
    )
    replaced = False
    for _ in range(_MERGES_MAX):
        survivor_id = _survivor_id(source, patient)
        if survivor_id is None:
            _check_active(patient)
            return Found(record, replaced)
        merged, replaced = patient, True
        record, patient = _taken(partial(_by_id, source, survivor_id), survivor_id)
        if not _same_person(merged, patient, source.base_url):
            raise _unconfirmed()
    raise _unconfirmed()


def read_again(source: Endpoint, patient_id: str) -> Record:
    """The patient after the pull. Raises `Held` if the record was merged or closed meanwhile."""
    record, patient = _taken(partial(_by_id, source, patient_id), patient_id)
    if _replaced_by(patient):
        raise Held("patient", "this patient record was merged while it was pulled", _CHECK)
    _check_active(patient)
    return record


def stay_with(case: CaseFile, patient_id: str) -> None:
    """Raise `Held` if the case was opened for another patient than the one found now."""
    if case.state.source_patient not in (None, patient_id):
        raise Held(
            "patient",
            "the request now comes to another patient than when this case was opened",
            "If that is the right record, name its id in the request. Where something has left"
            " already, ask anew under a new request_id; `connector cancel` ends this one.",
        )


def links(record: Record) -> list[Any]:
    """What the record says about others for the same person (R4 patient.html#Patient.link)."""
    return list(decode(record.body).get("link") or [])


def _taken(ask: Callable[[], bytes], patient_id: str | None) -> tuple[Record, dict[str, Any]]:
    try:
        body = ask()
        seen = peek(body)
        patient = decode(body)
    except EndpointError as error:
        raise SourceFailed(
            f"the patient can't be read: {error}",
            error.what_to_do or "Ask the source for read access to Patient.",
        ) from None
    except UndecodableError:
        raise SourceFailed(
            "the patient can't be read: not a FHIR Patient", "Check base_url of the source."
        ) from None
    if seen.type != "Patient" or (patient_id and seen.id != patient_id):
        raise Held("patient", "the source answered with another record than was asked for", _CHECK)
    if seen.subsetted:
        raise SourceFailed("the source shows the patient only in part", "Ask it for full access.")
    return Record(seen.type, seen.id, seen.version, sha256(body), body), patient


def check_current(patient: dict[str, Any]) -> None:
    """`Held` if a record was merged into another one, or is not active."""
    if _replaced_by(patient):
        raise Held("patient", "this patient record was merged into another one", _CHECK)
    _check_active(patient)


def check_brought(patient: Record | None) -> None:
    """`Held` if an export did not bring the patient, or not as one to whom records may be added."""
    if patient is None:
        raise Held("patient", "the export holds no patient with this id", _CHECK)
    check_current(decode(patient.body))


def _by_id(source: Endpoint, patient_id: str) -> bytes:
    try:
        return read(source, "Patient", patient_id)
    except Answered as error:
        if error.status in (404, 410):
            raise Held("patient", "the source has no patient with this id", _CHECK) from None
        raise


def _by_identifier(source: Endpoint, choice: PatientChoice) -> bytes:
    token = choice.identifier or ""
    found = find(source, "Patient", {"identifier": token})
    if not all(carries(body, token) for body in found.values()):
        raise Held(
            "patient",
            "the source finds patients by this identifier who do not have it",
            "Name the patient's id in the request. Where something has left already, ask anew under"
            " a new request_id; `connector cancel` ends this one. Tell the people who run the"
            " source that its search passes over identifiers.",
        )
    if len(found) != 1:
        raise Held(
            "patient",
            f"{len(found) or 'no'} patients at the source have this identifier, expected one",
            _CHECK,
        )
    return next(iter(found.values()))


def _survivor_id(source: Endpoint, patient: dict[str, Any]) -> str | None:
    """The id of the record this one was merged into; None if it stands."""
    replacing = _replaced_by(patient)
    if not replacing:
        return None
    target = _other(replacing[0], source.base_url)
    if len(replacing) > 1 or target.kind is not Kind.LOCAL or target.type != "Patient":
        raise _unconfirmed()
    return target.id


def _same_person(merged: dict[str, Any], survivor: dict[str, Any], base_url: str) -> bool:
    """Whether two records say themselves that they are one person's.

    They share an identifier, or the survivor says that it replaces the other; and neither birth
    date nor gender says otherwise. A link of one side alone may be a slip, and a number a family's:
    a shared identifier counts where a given name is shared too, as far as both have one.
    """
    for name in ("birthDate", "gender"):
        if merged.get(name) and survivor.get(name) and merged[name] != survivor[name]:
            return False
    replaces = {
        _other(link, base_url).local for link in _linked(survivor) if link.get("type") == "replaces"
    }
    if f"Patient/{merged.get('id')}" in replaces:
        return True
    given, kept = _given(merged), _given(survivor)
    named_alike = not given or not kept or not given.isdisjoint(kept)
    return named_alike and bool(_identifiers(merged) & _identifiers(survivor))


def _given(patient: dict[str, Any]) -> set[str]:
    return {
        word
        for name in items(patient.get("name"))
        if isinstance(name, dict)
        for part in items(name.get("given"))
        for word in words(part)
    }


def _identifiers(patient: dict[str, Any]) -> set[tuple[str, str]]:
    items = [item for item in patient.get("identifier") or [] if isinstance(item, dict)]
    return {(i["system"], i["value"]) for i in items if i.get("system") and i.get("value")}


def _linked(patient: dict[str, Any]) -> list[dict[str, Any]]:
    return [link for link in patient.get("link") or [] if isinstance(link, dict)]


def _replaced_by(patient: dict[str, Any]) -> list[dict[str, Any]]:
    """FHIR R4 patient.html#Patient.link: a replaced record must no longer be used."""
    return [link for link in _linked(patient) if link.get("type") == "replaced-by"]


def _other(link: dict[str, Any], base_url: str) -> Target:
    other = link.get("other")
    return parse(str(other.get("reference", "") if isinstance(other, dict) else ""), base_url)


def _unconfirmed() -> Held:
    return Held(
        "patient",
        "this patient record was merged into another one, which can't be confirmed",
        _CHECK,
    )


def _check_active(patient: dict[str, Any]) -> None:
    if patient.get("active") is False:
        raise Held("patient", "this patient record is not active", _CHECK)
