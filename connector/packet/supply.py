"""How long what was supplied or ordered of a medication lasts. Pure.

FHIR R4 medicationdispense.html (`daysSupply`), medicationrequest.html (`dispenseRequest`).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from .moments import interval

# Days that one of a unit is (R4: UCUM codes of a Duration).
_DAYS = {"h": 1 / 24, "d": 1.0, "wk": 7.0, "mo": 30.5, "a": 365.25}
_LONGEST = 3660.0  # days; a number beyond is a mistake


def lasts_until(resource: dict[str, Any]) -> datetime | None:
    """The last instant for which a medication was supplied, dosed or ordered; None: not said."""
    return max(_ends(resource), default=None)


def _ends(resource: dict[str, Any]) -> Iterator[datetime]:
    order = _object(resource.get("dispenseRequest"))
    given = resource.get("whenHandedOver") or resource.get("whenPrepared")
    yield from _after(given, resource.get("daysSupply"), 1)
    repeats = order.get("numberOfRepeatsAllowed")
    times = 1 + repeats if isinstance(repeats, int) and 0 <= repeats < 100 else 1
    yield from _after(resource.get("authoredOn"), order.get("expectedSupplyDuration"), times)
    periods = [order.get("validityPeriod"), resource.get("effectivePeriod")]
    dosages = resource.get("dosageInstruction") or resource.get("dosage")
    for dosage in dosages if isinstance(dosages, list) else []:
        timing = _object(_object(dosage).get("timing"))
        periods.append(_object(timing.get("repeat")).get("boundsPeriod"))
    for period in periods:
        if found := interval(str(_object(period).get("end", ""))):
            yield found[1]


def _after(start: Any, duration: Any, times: int) -> Iterator[datetime]:
    began = interval(str(start or ""))
    value = _object(duration).get("value")
    if began is None or isinstance(value, bool) or value is None:
        return
    try:
        days = float(value) * times * _DAYS.get(str(_object(duration).get("code") or "d"), 1.0)
    except (TypeError, ValueError):
        return
    if 0 < days <= _LONGEST:
        yield began[1] + timedelta(days=days)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
