"""What a person decided about who the patient is at the destination, and for how long it holds.

A decision is about two records as they were seen. If what is compared of either changes
afterwards, nobody has decided about what they are now, and the case is held anew.
"""

from collections.abc import Iterable
from typing import Any

from ...errors import Held, UsageError
from ...fhir.lossless import canonical, decode, sha256
from ...store.mapped import packet
from ..session import Session
from .candidates import CHOOSE, Candidate, Judged, may_create, settled

NEW = "new"  # the choice of none of those found
_SEEN = (
    "name", "birthDate", "gender", "identifier", "multipleBirthBoolean", "multipleBirthInteger",
)  # fmt: skip
_LOOK = "`connector resolve CASE` shows the records as they are now."


def listing(session: Session, own: packet.Entry, judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Keep what is put before a person, and return it: references and elements, no values.

    Of each: `patient` (`Patient/ID`, or "new"), `found`, `differs`, and `refused`: why it can't be
    chosen, or nothing.
    """
    records = list(judged)
    known = settled(session, own)
    rows = [
        {
            "patient": f"Patient/{one.candidate.id}",
            "found": one.candidate.found,
            "differs": one.person,
            "refused": ", ".join(one.record),
            "seen": seen(own, [one]),
        }
        for one in records
    ]
    if may_create(session):
        rows.append(
            {
                "patient": NEW,
                "found": "a new record, beside those above" if records else "a new record",
                "differs": [],
                "refused": _new_refused(records, known),
                "seen": seen(own, records),
            }
        )
    session.case.state.patient_listing = {"asked": _asked(session), "rows": rows}
    return rows


def choose(session: Session, chosen: str, by: str, at: str) -> None:
    """Record the decision for `chosen` (`Patient/ID`, `ID` or "new"), one of the last listing.

    Raises `UsageError` if it was not listed or can't be chosen. The next `resolve` acts on it.
    """
    shown = session.case.state.patient_listing
    if shown is None or shown["asked"] != _asked(session):
        raise UsageError("nobody has looked at the records yet", _LOOK)
    rows = {row["patient"]: row for row in shown["rows"]}
    row = rows.get(chosen) or rows.get(f"Patient/{chosen}")
    if row is None:
        raise UsageError("the choice is none of the records listed", _LOOK)
    if row["refused"]:
        raise UsageError(
            f"that record can't be chosen: {row['refused']}",
            "Have the record corrected by those who keep it, or choose another.",
        )
    made = {"by": by, "at": at, "asked": shown["asked"], **row}
    session.case.state.patient_choices = [*session.case.state.patient_choices, made]


def current(session: Session) -> dict[str, Any] | None:
    """The decision in force: the last one, unless the request names another record since."""
    made = session.case.state.patient_choices
    last: dict[str, Any] | None = made[-1] if made else None
    return last if last and last["asked"] == _asked(session) else None


def covers(made: dict[str, Any] | None, own: packet.Entry, one: Judged) -> bool:
    """Whether the decision is for this record. `Held` if it is, and either has changed since."""
    if made is None or made["patient"] != f"Patient/{one.candidate.id}":
        return False
    _unchanged(made, own, [one])
    return True


def stands_alone(made: dict[str, Any], own: packet.Entry, judged: Iterable[Judged]) -> None:
    """`Held` unless those found are still the ones that were seen when "new" was chosen."""
    _unchanged(made, own, judged)


def seen(own: packet.Entry, judged: Iterable[Judged]) -> str:
    """SHA-256 over what is compared of our Patient and of each of theirs, by id."""
    theirs = {one.candidate.id: _part(one.patient) for one in judged}
    return sha256(canonical([_part(decode(own.body)), theirs]))


def _unchanged(made: dict[str, Any], own: packet.Entry, judged: Iterable[Judged]) -> None:
    if made["seen"] != seen(own, judged):
        raise Held(
            "identity",
            "what is compared of the records changed since one of them was chosen",
            CHOOSE,
        )


def _part(patient: dict[str, Any]) -> dict[str, Any]:
    return {name: patient.get(name) for name in _SEEN}


def _new_refused(records: list[Judged], known: Candidate | None) -> str:
    if known is not None:
        return "records of this case stand under another one already"
    agree = any(not one.person for one in records)
    return "one of those found agrees in everything: it would be there twice" if agree else ""


def _asked(session: Session) -> dict[str, Any] | None:
    named = session.request.destination_patient
    return named.model_dump() if named else None
