"""Exactly one patient among those that the files hold, or nothing at all."""

from contextlib import closing

from ..errors import Held, SourceFailed
from ..fhir.lossless import UndecodableError, decode, sha256
from ..fhir.record import peek
from ..request import PatientChoice
from ..store.chart import Record
from .given import Files
from .patient import check_current
from .people import People
from .records import Problem
from .register import Register, tokens

_CHECK = (
    "Look at the files: which Patient is meant? Name that id in a request with a new request_id;"
    " `connector cancel` ends this one."
)


def find_patient(given: Files, choice: PatientChoice) -> tuple[Record, People]:
    """The one Patient that the request names, and how everybody is referred to.

    Raises `Held` (code `patient`) as for a server: none, several, inactive or replaced.
    """
    matches: dict[str, Record] = {}
    names: dict[str, set[str]] = {}
    with closing(Register()) as register:
        for found in given.of_type("Patient"):
            seen = peek(found.body)
            called = {f"Patient?identifier={token}" for token in tokens(found.body)}
            known = {f"Patient/{seen.id}", *called, *([found.full_url] if found.full_url else [])}
            names.setdefault(seen.id, set()).update(known)
            if seen.id == choice.id or f"Patient?identifier={choice.identifier}" in called:
                record = Record(seen.type, seen.id, seen.version, sha256(found.body), found.body)
                standing = register.add(found.full_url, record, keep=False)
                if standing == "contradicts":
                    raise Held("patient", "the files hold two patients under this id", _CHECK)
                if standing == "new":
                    matches[seen.id] = record
    if not names:
        reasons = {
            f.why for path in given.paths for f in given.each(path) if isinstance(f, Problem)
        }
        raise SourceFailed(
            "; ".join(["the files hold no patient", *sorted(reasons)]),
            "Name FHIR R4 as JSON: a Bundle, or a folder of Bundles or NDJSON.",
        )
    if len(matches) != 1:
        how_many = len(matches) or "no"
        raise Held("patient", f"{how_many} patients in the files fit, expected one", _CHECK)
    (patient,) = matches.values()
    try:
        check_current(decode(patient.body))
    except UndecodableError:
        raise Held("patient", "the patient's record can't be read", _CHECK) from None
    others = frozenset(name for id_, own in names.items() if id_ != patient.id for name in own)
    # A name that two patients share (an identifier of a family, say) names neither.
    return patient, People(frozenset(names[patient.id] - others), others)
