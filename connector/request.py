"""The request for a second opinion. Pure: no clock, disk or network."""

import re
from contextlib import suppress
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from .deadline import day_ends, due_at, zone_of

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

KeyQuestion = Literal["diagnosis", "treatment", "prognosis"]


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


def _identifier(text: str) -> str:
    if not re.fullmatch(r"[^|\s]+\|\S.*", text):
        raise ValueError("expected system|value")
    return text


def _record(text: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-._]{1,255}", text):
        raise ValueError("expected Type/id, for example DiagnosticReport/123")
    return text


def _patient_id(text: str) -> str:
    """The id of a Patient, also where it is written as a reference."""
    found = text.strip().removeprefix("Patient/")
    if found == "REPLACE-ME":
        raise ValueError("still the placeholder: expected the patient's id")
    if not found or re.search(r"[/\s|]", found):
        raise ValueError("expected the id alone, what stands behind Patient/")
    return found


def _token(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise ValueError("expected up to 64 letters, digits, dots, hyphens, underscores")
    return text


Moment = Annotated[str, AfterValidator(_fhir_moment)]
Need = Annotated[Moment, AfterValidator(_to_come)]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]
Npi = Annotated[str, AfterValidator(_npi)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Record = Annotated[str, AfterValidator(_record)]
Token = Annotated[str, AfterValidator(_token)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_seen)]
PatientId = Annotated[str, AfterValidator(_patient_id)]


class PatientChoice(Written):
    """Which patient: the id at that server, or a business identifier as `system|value`."""

    id: PatientId | None = None
    identifier: Identifier | None = None

    @model_validator(mode="after")
    def _one(self) -> "PatientChoice":
        if (self.id is None) == (self.identifier is None):
            raise ValueError("expected exactly one of id and identifier")
        return self


class DestinationPatient(Written):
    """Who the patient is over there, when the request knows: one of three."""

    id: PatientId | None = None
    identifier: Identifier | None = None
    create: bool = False

    @model_validator(mode="after")
    def _one(self) -> "DestinationPatient":
        if [self.id is not None, self.identifier is not None, self.create].count(True) != 1:
            raise ValueError("expected exactly one of id, identifier and create: true")
        return self


class Organization(Written):
    """An organisation by name, with its NPI where it has one."""

    name: Text
    npi: Npi | None = None


class Practitioner(Written):
    """A clinician by name, with the NPI where there is one."""

    family: Text
    given: Text | None = None
    npi: Npi | None = None


class Telecom(Written):
    """How to reach somebody by phone or e-mail."""

    phone: Text | None = None
    email: Text | None = None


class Party(Written):
    """One side of the request: who asks (requester) or who is asked (performer)."""

    organization: Organization | None = None
    practitioner: Practitioner | None = None
    specialty: Text | None = None
    telecom: Telecom = Telecom()


class Meeting(Written):
    """The first meeting with the other team."""

    start: Need
    mode: Literal["in-person", "online", "written", "undecided"] = "undecided"

    @model_validator(mode="after")
    def _with_time(self) -> "Meeting":
        if "T" not in self.start:
            raise ValueError("start: expected date and time with offset")
        return self


class Signer(Written):
    """Whose form it is, as it stands on the form."""

    family: Text
    birth_date: Day


class Basis(Written):
    """On what ground the records may leave; of a signed form, what the person who read it says."""

    kind: Literal["treatment", "patient-authorization"] = "treatment"
    document: Path | None = None
    read_by: Text | None = None
    patient: Signer | None = None
    covers: tuple[Token, ...] = ()  # what it names beyond a general authorization, as `part-2`
    until: Moment | None = None

    @model_validator(mode="after")
    def _document(self) -> "Basis":
        signed = self.kind == "patient-authorization"
        if signed != (self.document is not None):
            raise ValueError("a patient-authorization, and only it, needs its signed document")
        said = (self.read_by, self.patient, self.until)
        if not signed and (self.covers or any(said)):
            raise ValueError("read_by, patient, covers and until are of a patient-authorization")
        if self.covers and not all(said):
            raise ValueError(
                "covers: somebody has to say who read it (read_by), whose it is (patient) and until"
                " when it holds (until)"
            )
        return self


class ConsentsChecked(Written):
    """Who vouches for consents that the source does not let be read, and on what ground."""

    by: Text
    reason: Text


class ConsentReview(Written):
    """What a person made of a consent in the chart: it counts instead of the rules' own reading."""

    record: Record
    reviewed_by: Text
    withhold: tuple[Record, ...]  # what it holds back; () when it stops nothing
    reviewed_on: Moment | None = None  # a consent that changed since is to be read again

    @field_validator("record")
    @classmethod
    def _a_consent(cls, record: str) -> str:
        if not record.startswith("Consent/"):
            raise ValueError("expected Consent/id")
        return record


class SentSeparately(Written):
    """An item of the checklist that comes another way than in the packet, and how."""

    item: Token
    how: Text


class Request(Written):
    """One second opinion asked for. docs/request.schema.json is made from this class."""

    request_id: Token
    patient: PatientChoice
    key_question: KeyQuestion
    question: Text
    source: Text
    destination: Text
    needed_by: Need | None = None
    meeting: Meeting | None = None
    also: tuple[KeyQuestion, ...] = ()
    case_type: Token = "general"
    condition: Record | None = None
    initiated_by: Literal["patient", "physician"] = "patient"
    requester: Party = Party()
    performer: Party = Party()
    destination_patient: DestinationPatient | None = None
    scope: Literal["checklist", "whole-chart"] = "checklist"
    first_opinion: tuple[Record, ...] = ()
    hinge: tuple[Record, ...] = ()
    include: tuple[Record, ...] = ()
    exclude: tuple[Record, ...] = ()
    sent_separately: tuple[SentSeparately, ...] = ()
    surgery: bool | None = None  # planned or not; None: as the chart says
    basis: Basis = Basis()
    consents: tuple[ConsentReview, ...] = ()
    consents_checked: ConsentsChecked | None = None
    opt_in_notes: tuple[Text, ...] = ()
    patient_story: Text | None = None

    @model_validator(mode="after")
    def _a_deadline(self) -> "Request":
        if self.needed_by is None and self.meeting is None:
            raise ValueError(
                "expected needed_by or meeting: without one nobody knows when it is late"
            )
        return self

    @model_validator(mode="after")
    def _each_item_once(self) -> "Request":
        items = [said.item for said in self.sent_separately]
        if len(items) != len(set(items)):
            raise ValueError("sent_separately: expected each item once")
        return self

    @property
    def due(self) -> str:
        """When the records have to be there, as written: needed_by, else the meeting's start."""
        if self.needed_by is not None:
            return self.needed_by
        assert self.meeting is not None
        return self.meeting.start

    @property
    def zone(self) -> tzinfo:
        """Where days are counted: at the meeting; else as `needed_by` is written."""
        return zone_of(self.meeting.start if self.meeting else self.needed_by)

    @property
    def due_at(self) -> datetime:
        """The last instant (UTC) at which the records are in time."""
        return due_at(self.due, self.zone)

    @property
    def over_at(self) -> datetime:
        """When nobody needs them any more (UTC): the day of the meeting has ended."""
        return max(self.due_at, day_ends(self.meeting.start)) if self.meeting else self.due_at
