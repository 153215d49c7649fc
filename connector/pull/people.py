"""Whose record is it, among records of many patients: ours, another's, or nobody's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ..fhir.lossless import decode, members
from ..fhir.references import Kind, parse, plain_names, spans
from .compartment import OWN_TYPES

# Elements that say whose record it is, as in records.py.
_WHOSE = ("subject", "patient", "beneficiary", "individual", "for", "candidate")
_ABSOLUTE = re.compile(r"(?P<base>https?://.+)/[A-Z][A-Za-z]+/[^/?#]+(?:/_history/[^/#]+)?\Z")

Whose = Literal["ours", "another", "nobody"]


def base_of(reference: str) -> str | None:
    """The server's base of an absolute reference to `Type/id`; None if it is none."""
    found = _ABSOLUTE.fullmatch(reference)
    return found["base"] if found else None


@dataclass(frozen=True)
class People:
    """`ours`: every way to refer to our patient. `others`: likewise, of the other patients."""

    ours: frozenset[str]
    others: frozenset[str]

    def whose(self, resource_type: str, body: bytes) -> Whose:
        """Decided by the elements made for that; where they name no patient, by any reference.

        Raises `UndecodableError`.
        """
        top = members(body)
        stated = [decode(top[name]) for name in _WHOSE if name in top]
        found = self._named(reference for value in stated for reference in _references(value))
        if found == "nobody" and resource_type in OWN_TYPES - {"Provenance"}:
            found = self._named(span.value for span in spans(plain_names(body)))
        return found

    def _named(self, references: Iterable[str]) -> Whose:
        named = {self._patient(reference) for reference in references}
        return "ours" if "ours" in named else "another" if "another" in named else "nobody"

    def _patient(self, reference: str) -> Whose:
        if reference in self.ours:
            return "ours"
        target = parse(reference, base_of(reference) or "")
        if target.kind is Kind.LOCAL and target.type == "Patient":
            # A version, or a base that no file states.
            return "ours" if self._by_id(reference, target.local) else "another"
        if reference in self.others or target.type == "Patient":
            return "another"
        return "nobody"

    def _by_id(self, reference: str, local: str) -> bool:
        base = base_of(reference)
        known = {base_of(name) for name in self.ours} - {None}
        return local in self.ours and (base is None or not known or base in known)


def _references(value: Any) -> Iterable[str]:
    for item in value if isinstance(value, list) else [value]:
        reference = item.get("reference") if isinstance(item, dict) else None
        if isinstance(reference, str):
            yield reference
