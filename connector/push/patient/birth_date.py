"""Birth dates: whether one is known to the day, and which others a slip of the pen makes of it."""

import re
from datetime import date, timedelta
from typing import Any

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_YEAR_MIN = 1870  # nobody alive was born before: a date exchanged into one is of nobody


def birth_date(patient: dict[str, Any]) -> str | None:
    """The birth date if it is given to the day."""
    born = partial(patient)
    return born if born is not None and len(born) == 10 else None


def partial(patient: dict[str, Any]) -> str | None:
    """The birth date if it is a FHIR date: a year, a month or a day."""
    born = patient.get("birthDate")
    return born if isinstance(born, str) and _DATE.fullmatch(born) else None


def slipped(one: str, other: str) -> bool:
    """Whether one birth date may have been taken for the other: one of its `slips`, or a digit."""
    digits = sum(a != b for a, b in zip(one, other, strict=False))
    return other in slips(one) or (len(one) == len(other) and digits == 1)


def slips(born: str) -> list[str]:
    """The days that are taken for `born` by mistake: a day apart, two digits or day and month
    exchanged. Empty if `born` is no day.
    """
    try:
        day = date.fromisoformat(born)
    except ValueError:
        return []
    beside = [day - timedelta(days=1)] if day > date.min else []
    beside += [day + timedelta(days=1)] if day < date.max else []
    digits = born.replace("-", "")
    exchanged = [digits[:4] + digits[6:] + digits[4:6]]
    exchanged += [
        digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
        for at in range(len(digits) - 1)
    ]
    found = [one.isoformat() for one in beside]
    for one in exchanged:
        written = f"{one[:4]}-{one[4:6]}-{one[6:]}"
        if _exists(written) and int(one[:4]) >= _YEAR_MIN:
            found.append(written)
    return sorted(set(found) - {born})


def differs(ours: str, theirs: str) -> str:
    """In which way two days differ, in words without values."""
    if theirs not in slips(ours):
        return "birth date"
    days = abs((date.fromisoformat(ours) - date.fromisoformat(theirs)).days)
    return f"birth date ({'a day apart' if days == 1 else 'digits, or day and month, exchanged'})"


def _exists(written: str) -> bool:
    try:
        return bool(date.fromisoformat(written))
    except ValueError:
        return False
