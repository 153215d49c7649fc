"""Values of records in words: quantities, ranges, results, doses. Digits as they are written."""

from collections.abc import Iterator
from typing import Any

from ...fhir.shapes import as_dict, as_text, dicts, items
from .words import called, concept

# v3-ObservationInterpretation, where a source gives the code alone.
_FLAGS = {
    "H": "high", "HH": "critically high", "HU": "significantly high", "L": "low",
    "LL": "critically low", "LU": "significantly low", "N": "normal", "A": "abnormal",
    "AA": "critically abnormal", "POS": "positive", "NEG": "negative", "DET": "detected",
    "ND": "not detected", "IND": "indeterminate", "S": "susceptible", "R": "resistant",
    "I": "intermediate", "<": "below the scale", ">": "above the scale", "U": "significant rise",
    "D": "significant fall", "RR": "reactive", "NR": "not reactive",
}  # fmt: skip
# UCUM and R4 event timing, as people say them.
_UNITS = {"h": "hour", "d": "day", "wk": "week", "mo": "month", "a": "year", "min": "minute"}


def result(holder: dict[str, Any]) -> str:
    """`value[x]` of an Observation or component (R4 observation.html)."""
    for name, found in holder.items():
        if name.startswith("value"):
            return value(found)
    absent = called(holder.get("dataAbsentReason"))
    return f"no value ({absent})" if absent else ""


def value(found: Any) -> str:
    """Any of R4's data types that a value may have."""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if not isinstance(found, dict):
        return "" if isinstance(found, list) else str(found)
    if "numerator" in found or "denominator" in found:
        parts = (found.get("numerator"), found.get("denominator"))
        return " : ".join(quantity(as_dict(part)) for part in parts)
    if "low" in found or "high" in found:
        return f"{quantity(as_dict(found.get('low')))} to {quantity(as_dict(found.get('high')))}"
    if "start" in found or "end" in found:
        return f"{found.get('start', '')} to {found.get('end', '')}"
    if "value" in found:
        return quantity(found)
    if "data" in found:
        return "a recorded curve"
    return called(found)


def quantity(found: dict[str, Any]) -> str:
    """Comparator, number, unit."""
    parts = (found.get("comparator"), found.get("value"), found.get("unit") or found.get("code"))
    return " ".join(str(part) for part in parts if part is not None)


def flags(holder: dict[str, Any]) -> Iterator[str]:
    """What the laboratory says of a result: high, low, resistant."""
    for item in items(holder.get("interpretation")):
        words = concept(item)
        codes = [str(coding.get("code") or "") for coding in dicts(as_dict(item).get("coding"))]
        yield next((_FLAGS[code] for code in codes if code in _FLAGS and not words), words)


def reference(holder: dict[str, Any]) -> Iterator[str]:
    """What is usual: `(reference 3.5 to 5 mmol/L)`."""
    for each in dicts(holder.get("referenceRange")):
        low, high = (quantity(as_dict(each.get(end))) for end in ("low", "high"))
        span = f"{low} to {high}" if low and high else f"{low} or more" if low else ""
        span = span or (f"{high} or less" if high else as_text(each.get("text")))
        if span:
            yield f"(reference {span})"


def doses(found: Any) -> Iterator[str]:
    """Dosages in words: their text, else what their parts say (R4 dosage.html)."""
    for each in dicts(found if isinstance(found, list) else [found]):
        if text := as_text(each.get("text")):
            yield text
        elif built := " ".join(filter(None, _dose(each))):
            yield built


def _dose(dosage: dict[str, Any]) -> Iterator[str]:
    for part in [*dicts(dosage.get("doseAndRate")), dosage]:
        for name in ("doseQuantity", "doseRange", "dose", "rateQuantity", "rateRange", "rateRatio"):
            if name in part and isinstance(part[name], dict):
                told = value(part[name])
                yield told if " " in told or not told else f"{told} each time"
    timing = as_dict(dosage.get("timing"))
    yield called(timing.get("code")) or _often(as_dict(timing.get("repeat")))
    yield called(dosage.get("route"))
    if dosage.get("asNeededBoolean") is True:
        yield "as needed"
    elif need := called(dosage.get("asNeededCodeableConcept")):
        yield f"as needed for {need}"


def _often(repeat: dict[str, Any]) -> str:
    times, period, unit = (repeat.get(name) for name in ("frequency", "period", "periodUnit"))
    if not period:
        return ", ".join(str(when) for when in items(repeat.get("when")))
    word = _UNITS.get(str(unit), str(unit or ""))
    every = word if str(period) in ("1", "1.0") else f"{period} {word}s"
    often = {"1": "once", "2": "twice"}.get(str(times or 1), f"{times} times")
    return f"{often} every {every}"
