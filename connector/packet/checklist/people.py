"""What a person has to know of the patient and the condition before a packet is approved."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ..chart.index import Row
from ..record.dates import interval

_OLD = 110  # years; nobody is sent for a second opinion at such an age but by a mistake
_OVER = {"resolved": "resolved", "inactive": "inactive", "remission": "in remission"}
_DOUBTED = {"refuted": "refuted", "entered-in-error": "entered in error"}


def people(patient: Mapping[str, Any], condition: Row | None, as_of: datetime) -> Iterator[str]:
    """Sentences without names: a patient who died, an age that can't be right, a condition that
    the chart itself calls refuted or over.
    """
    if patient.get("deceasedBoolean") is True or patient.get("deceasedDateTime"):
        day = str(patient.get("deceasedDateTime") or "")[:10]
        yield f"The source says that the patient has died{f' ({day})' if day else ''}."
    born = interval(str(patient.get("birthDate") or ""))
    if born is None:
        yield "The source knows no birth date of the patient."
    elif born[0] > as_of:
        yield "The patient's birth date lies in the future."
    else:
        birthday = (born[1].month, born[1].day)
        years = as_of.year - born[1].year - ((as_of.month, as_of.day) < birthday)
        if years > _OLD:
            yield f"By the birth date the patient is {years} years old."
        elif years < 1:
            yield "By the birth date the patient is not one year old."
    if condition is None:
        return
    if said := next((_DOUBTED[code] for code in _DOUBTED if code in condition.verification), ""):
        yield f"The chart says that the condition in question is {said}."
    elif condition.status in _OVER:
        yield f"The chart says that the condition in question is {_OVER[condition.status]}."
