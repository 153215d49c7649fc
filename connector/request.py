"""The request for a second opinion. Pure: no clock, disk or network."""

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Literal

from pydantic import field_validator, model_validator

from .deadline import day_ends, due_at, zone_of
from .model import (
    Day,
    Identifier,
    Included,
    Moment,
    Need,
    Npi,
    PatientId,
    Record,
    Text,
    Token,
    Written,
)

KeyQuestion = Literal["diagnosis", "treatment", "prognosis"]


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
    include: tuple[Included, ...] = ()  # also numbers of the list of unknown kind
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
