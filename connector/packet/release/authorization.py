"""What a patient's signed authorization opens, as the person who read it says.

A program can't read a form. So a person does, and says in the request (`basis`) who they are, whose
form it is, what it names beyond a general authorization (42 CFR 2.31 and 45 CFR 164.508 want some
kinds named), and until when it holds. Nothing of that is guessed from the file.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ...deadline import due_at
from ...errors import Held, UsageError
from ...fhir.lossless import UndecodableError, decode
from ...fhir.names import words
from ...fhir.shapes import objects_in
from ...request import Basis
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ..ruleset.mappings import Mappings
from ..ruleset.release_rules import Withhold


class Authorization:
    """What the request's basis lets go, judged at a time."""

    def __init__(self, basis: Basis, names: frozenset[str]) -> None:
        self._signed = basis.kind == "patient-authorization"
        self._names = names

    def opens(self, rule: Withhold) -> bool:
        """Whether records that `rule` would withhold may leave on this ground."""
        if not self._signed or "patient-authorization" not in rule.unless:
            return False
        return rule.authorization is None or rule.authorization in self._names


def authorization(
    case: CaseFile, basis: Basis, mappings: Mappings, patient: str, at: datetime
) -> Authorization:
    """Hold the statement against the chart and the clock. `patient`: the id at the source.

    Raises `Held` when the form is another person's (`basis-patient`) or has run out
    (`basis-expired`), `UsageError` for a kind that no release rule knows.
    """
    known = {rule.authorization for rule in mappings.release.rules if rule.authorization}
    if strange := sorted(set(basis.covers) - known):
        raise UsageError(
            f"basis.covers: no release rule knows {strange[0]!r}",
            f"It may be: {', '.join(sorted(known))}.",
        )
    if basis.until is not None and due_at(basis.until) < at:
        raise Held(
            "basis-expired",
            "the patient's authorization has run out (`basis.until`)",
            "Obtain a new one. Without it, put `basis` back to treatment.",
        )
    if basis.patient is not None and not _is_of(case, basis, patient):
        raise Held(
            "basis-patient",
            "the authorization is of somebody else: its name or birth date (`basis.patient`) is"
            " not the patient's",
            "Look at the form again; if it is the patient's, correct `basis.patient`.",
        )
    return Authorization(basis, frozenset(basis.covers))


def statement(basis: Basis, mappings: Mappings) -> list[str]:
    """What the dry run says of the basis: the form, who read it, what it opens, until when."""
    if basis.kind != "patient-authorization":
        return ["Basis: treatment; no authorization opens what the release rules withhold."]
    read = f"read by {basis.read_by}" if basis.read_by else "nobody says who read it"
    until = f", until {basis.until}" if basis.until else ", without an end"
    named = Authorization(basis, frozenset(basis.covers))
    opened = [rule.id for rule in mappings.release.rules if named.opens(rule)]
    named_only = [
        f"{rule.id} (`covers: [{rule.authorization}]` would)"
        for rule in mappings.release.rules
        if rule.authorization and not named.opens(rule)
    ]
    lines = [f"Basis: the patient's authorization, {read}{until}.", f"  It opens: {_and(opened)}."]
    if named_only:
        lines.append(f"  It does not open, as it is not said to name them: {_and(named_only)}.")
    return lines


def _and(names: list[str]) -> str:
    return ", ".join(names) or "nothing"


def _is_of(case: CaseFile, basis: Basis, patient: str) -> bool:
    found = chart.record(case, "Patient", patient)
    try:
        resource: dict[str, Any] = decode(found.body) if found else {}
    except UndecodableError:
        return False
    assert basis.patient is not None
    family = words(basis.patient.family)
    born = resource.get("birthDate") == basis.patient.birth_date
    return born and any(family == said for said in _families(resource.get("name")))


def _families(names: Any) -> Iterator[tuple[str, ...]]:
    for name in objects_in(names):
        yield words(name.get("family"))
