"""How long what was supplied or ordered of a medication lasts. Pure.

FHIR R4 medicationdispense.html (`daysSupply`), medicationrequest.html (`dispenseRequest`). Where
several things say it, the longest counts: nobody is to miss what a patient still takes.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ...fhir.shapes import as_dict, dicts
from .dates import interval

# Days that one of a unit is: UCUM codes (R4 Duration), and the words for them.
_UNITS = (
    (1 / 24, ("h", "hour", "hours")),
    (1.0, ("d", "day", "days")),
    (7.0, ("wk", "wks", "week", "weeks")),
    (30.5, ("mo", "mos", "month", "months")),
    (365.25, ("a", "yr", "year", "years")),
)
_DAYS = {name: days for days, names in _UNITS for name in names}
_PER_DAY = {  # Timing.code (R4 v3-GTSAbbreviation)
    "AM": 1, "PM": 1, "QD": 1, "BID": 2, "TID": 3, "QID": 4, "QOD": 1 / 2, "WK": 1 / 7,
    "MO": 1 / 30.5,
}  # fmt: skip
_WORDS = re.compile(r"(?<![\w.])(\d{1,3})[\s-]+(days?|weeks?|months?)\b", re.IGNORECASE)
_LONGEST = 3660.0  # days; a number beyond is a mistake


def lasts_until(resource: dict[str, Any]) -> datetime | None:
    """The last instant for which a medication was supplied, dosed or ordered; None: not said."""
    return max(_ends(resource), default=None)


def _ends(resource: dict[str, Any]) -> Iterator[datetime]:
    order = as_dict(resource.get("dispenseRequest"))
    given = resource.get("whenHandedOver") or resource.get("whenPrepared")
    repeats = order.get("numberOfRepeatsAllowed")
    times = 1 + repeats if isinstance(repeats, int) and 0 <= repeats < 100 else 1
    ordered = resource.get("authoredOn")
    yield from _after(given, _days(resource.get("daysSupply")))
    yield from _after(ordered, _days(order.get("expectedSupplyDuration")), times)
    periods = [order.get("validityPeriod"), resource.get("effectivePeriod")]
    for dosage in dicts(resource.get("dosageInstruction") or resource.get("dosage")):
        timing = as_dict(dosage.get("timing"))
        repeat = as_dict(timing.get("repeat"))
        periods.append(repeat.get("boundsPeriod"))
        yield from _after(given or ordered, _days(repeat.get("boundsDuration")), times)
        for number, unit in _WORDS.findall(str(dosage.get("text") or "")):
            yield from _after(given or ordered, int(number) * _DAYS[unit.casefold()], times)
        for start, quantity in (
            (given, resource.get("quantity")),
            (ordered, order.get("quantity")),
        ):
            yield from _after(start, _taken_in(as_dict(quantity), dosage, timing, repeat), times)
    for period in periods:
        if found := interval(str(as_dict(period).get("end", ""))):
            yield found[1]


def _days(duration: Any) -> float | None:
    """A Duration in days; one without a unit is of days."""
    value = _number(as_dict(duration).get("value"))
    said = [as_dict(duration).get(name) for name in ("code", "unit")]
    known = (_DAYS.get(unit.strip().casefold()) for unit in said if isinstance(unit, str))
    return None if value is None else value * next(filter(None, known), 1.0)


def _taken_in(
    quantity: dict[str, Any], dosage: dict[str, Any], timing: dict[str, Any], repeat: dict[str, Any]
) -> float | None:
    """Days in which a quantity is taken. A dose in another unit than its own counts as one."""
    whole = _number(quantity.get("value"))
    often = _per_day(timing, repeat)
    if whole is None or not often:
        return None
    each = [as_dict(one.get("doseQuantity")) for one in dicts(dosage.get("doseAndRate"))]
    doses = [_number(dose.get("value")) or 0.0 for dose in each if _same_unit(dose, quantity)]
    return whole / (min((dose for dose in doses if dose > 0), default=1.0) * often)


def _per_day(timing: dict[str, Any], repeat: dict[str, Any]) -> float | None:
    period = _number(repeat.get("period"))
    unit = _DAYS.get(str(repeat.get("periodUnit")))
    if period and unit:
        return (_number(repeat.get("frequency")) or 1.0) / (period * unit)
    codings = dicts(as_dict(timing.get("code")).get("coding"))
    return next((_PER_DAY[c] for one in codings if (c := str(one.get("code"))) in _PER_DAY), None)


def _same_unit(dose: dict[str, Any], quantity: dict[str, Any]) -> bool:
    return any(
        dose.get(name) == quantity.get(name) for name in ("code", "unit") if quantity.get(name)
    ) or not (quantity.get("code") or quantity.get("unit"))


def _after(start: Any, days: float | None, times: int = 1) -> Iterator[datetime]:
    began = interval(str(start or ""))
    if began and days is not None and 0 < days * times <= _LONGEST:
        yield began[1] + timedelta(days=days * times)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
