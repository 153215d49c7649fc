"""Strict models of what people write into files, and the types of their fields. Pure."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from .deadline import due_at

# Offsets as R4 has them: to 14 hours.
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"(T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00)))?",
    re.ASCII,
)

# C0 but tab and line ends, DEL, C1, what turns the direction of text, surrogates, no characters.
_UNREADABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class Model(BaseModel):
    """Strict about names: an unknown field is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Written(Model):
    """What people write and other people read, on paper and in XML."""

    @field_validator("*", mode="before")
    @classmethod
    def _readable(cls, value: Any) -> Any:
        """What XML 1.0 can't hold, or what steers a terminal, makes an order nobody can read."""
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str) and (found := unreadable(text)):
                raise ValueError(f"a control character ({found}): take it out")
        return value


def unreadable(text: str) -> str:
    """The first character, as U+000B, that no order can hold or that steers a terminal; or ""."""
    found = _UNREADABLE.search(text)
    return f"U+{ord(found[0]):04X}" if found else ""


def _fhir_moment(text: str) -> str:
    """A FHIR date or dateTime with offset (R4 datatypes.html#dateTime), kept as written."""
    if _MOMENT.fullmatch(text):
        # The library's own words would repeat the text.
        with suppress(ValueError, OverflowError):
            due_at(text)
            return text
    raise ValueError(
        "expected a date, or date and time with seconds and offset, such as"
        " 2026-12-08T17:00:00-05:00"
    )


def _to_come(text: str) -> str:
    """When people meet: far from where the calendar of the machine ends, or of whoever reads it."""
    if not "1900" <= text[:4] <= "2999":
        raise ValueError("expected a year from 1900 to 2999")
    return text


def _day(text: str) -> str:
    with suppress(ValueError):
        if len(text) == len("YYYY-MM-DD"):
            date.fromisoformat(text)
            return text
    raise ValueError("expected a date, for example 1970-02-03")


def _seen(text: str) -> str:
    if not any(one.isprintable() and not one.isspace() for one in text):
        raise ValueError("expected text, not blanks alone")
    return text


def _npi(text: str) -> str:
    """A US National Provider Identifier: ten digits, the last a Luhn check digit over 80840+NPI."""
    digits = [int(d) for d in f"80840{text}"] if re.fullmatch(r"[12][0-9]{9}", text) else [1]
    doubled = [
        d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits[::-1])
    ]
    if sum(doubled) % 10:
        raise ValueError("expected a ten-digit NPI with a correct check digit")
    return text


def shaped(pattern: str, expected: str) -> Callable[[str], str]:
    """A check that a text is of a pattern as a whole; `expected`: what it is told to be else."""
    whole = re.compile(pattern)

    def check(text: str) -> str:
        if not whole.fullmatch(text):
            raise ValueError(f"expected {expected}")
        return text

    return check


_record = shaped(
    r"[A-Z][A-Za-z]+/[A-Za-z0-9\-._]{1,255}", "Type/id, for example DiagnosticReport/123"
)
_token = shaped(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "up to 64 letters, digits, dots, hyphens, underscores"
)


def _included(text: str) -> str:
    if re.fullmatch(r"[1-9][0-9]{0,4}-[0-9a-f]{4,64}", text):
        return text
    if re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise ValueError("expected the whole number as the list shows it, for example 3-a1f0")
    return _record(text)


def _patient_id(text: str) -> str:
    """The id of a Patient, also where it is written as a reference."""
    found = text.strip().removeprefix("Patient/")
    if found == "REPLACE-ME":
        raise ValueError("still the placeholder: expected the patient's id")
    if not found or re.search(r"[/\s|]", found):
        raise ValueError("expected the id alone, what stands behind Patient/")
    return found


Moment = Annotated[str, AfterValidator(_fhir_moment)]
Need = Annotated[Moment, AfterValidator(_to_come)]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]
Npi = Annotated[str, AfterValidator(_npi)]
Identifier = Annotated[str, AfterValidator(shaped(r"[^|\s]+\|\S.*", "system|value"))]
Record = Annotated[str, AfterValidator(_record)]
Included = Annotated[str, AfterValidator(_included)]
Token = Annotated[str, AfterValidator(_token)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_seen)]
PatientId = Annotated[str, AfterValidator(_patient_id)]
