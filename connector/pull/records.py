"""Whether one pulled resource belongs in the chart. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..fhir.lossless import UndecodableError, decode, members, sha256
from ..fhir.record import peek
from ..fhir.references import Kind, parse
from ..fhir.salvage import deeper_than
from ..store.chart import Record

# Elements that say whose record it is (R4: subject and patient in most types, Coverage.beneficiary,
# ResearchSubject.individual, Task.for, EnrollmentRequest.candidate).
_WHOSE = ("subject", "patient", "beneficiary", "individual", "for", "candidate")
# FHIR resources are some ten levels deep. Later steps walk a record with several calls a level, and
# the interpreter allows a thousand.
_DEPTH_MAX = 100
_HUGE_EXPONENT = re.compile(rb"\d[eE][+-]?\d{5}")


class Problem(NamedTuple):
    """Why a resource is not taken: `kind` and `why` of the gap."""

    kind: str
    why: str


UNREADABLE = Problem("failed", "at least one record could not be read")
SUBSETTED = Problem("refused", "the server sent at least one record only in part (SUBSETTED)")
TOO_DEEP = Problem("failed", f"at least one record is nested deeper than {_DEPTH_MAX} levels")
ANOTHER_PATIENT = Problem("failed", "a record of another patient came back")


@dataclass(frozen=True, slots=True)
class Sieve:
    """What one patient's chart takes, from the server at `base_url`."""

    base_url: str
    patient_id: str
    left_out: frozenset[str]  # types that are not stored, whatever brings them
    bytes_max: int = 100_000_000

    def examine(self, body: bytes) -> Record | Problem | None:
        """The record to store, the problem it is, or None for a type that is left out."""
        if len(body) > self.bytes_max:
            return Problem("refused", f"at least one record is larger than {self.bytes_max} bytes")
        if deeper_than(body, _DEPTH_MAX):
            return TOO_DEEP
        try:
            seen = peek(body)
            if seen.type in self.left_out:
                return None
            _check_readable(body)
            another = self.of_another(seen.type, seen.id, body)
        except UndecodableError:
            return UNREADABLE
        if another:
            return ANOTHER_PATIENT
        if seen.subsetted:
            return SUBSETTED
        return Record(seen.type, seen.id, seen.version, sha256(body), body)

    def of_another(self, resource_type: str, resource_id: str, body: bytes) -> bool:
        """Whether the record names a patient of this server, and only others than ours."""
        if resource_type == "Patient":
            return resource_id != self.patient_id
        top = members(body)
        named = {id_ for name in _WHOSE if name in top for id_ in self._patients(decode(top[name]))}
        return bool(named) and self.patient_id not in named

    def _patients(self, value: Any) -> Iterator[str]:
        for item in value if isinstance(value, list) else [value]:
            reference = item.get("reference") if isinstance(item, dict) else None
            if isinstance(reference, str):
                target = parse(reference, self.base_url)
                if target.kind is Kind.LOCAL and target.type == "Patient":
                    yield target.id


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
