"""The resources of a packet that are ours: who asks, what is asked, what is where, who sent it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ... import __version__
from ...fhir import systems
from ...fhir.ids import authored_id, case_handle, derived_id
from ...fhir.lossless import decode
from ...fhir.systems import CONFIDENTIALITY
from ...request import Organization, Request
from ...settings import Destination, Source
from ..carry.coverage import ChangedBy
from ..checklist.supplied import Document
from ..ruleset.mappings import Mappings
from ..ruleset.release_rules import Notice
from . import parties
from .confidentiality import label_of
from .news import News, Revision, moved
from .request_elements import actor_name, key_questions, original, signed_document
from .templates import Authored, author, in_hundreds

# What each packet of a case has anew; all else of ours stays the same resource.
_ANEW = frozenset({"Change", "Communication", "Composition", "Provenance"})
_UNNAMED = Organization(name="Sending organisation (not named in the configuration)")


@dataclass(frozen=True)
class Content:
    """What the case brings to the templates. References are in packet form."""

    subject: str
    condition: str | None
    hinge: Sequence[str]
    first_opinion: Sequence[str]
    missing: Sequence[str]
    separately: Sequence[str]
    sections: Sequence[dict[str, Any]]
    confidentiality: str
    notices: Sequence[Notice] = ()  # what binds whoever receives it


class Writer:
    """Writes the authored resources of one case. No clock is read: all dates are `as_of`."""

    def __init__(
        self,
        request: Request,
        source: Source,
        destination: Destination,
        mappings: Mappings,
        as_of: str,
        asked_at: str,
        environment: Literal["test", "production"],
        revision: Revision,
    ) -> None:
        self._request = request
        self._source = source
        self._mappings = mappings
        self._wanted_tags = mappings.destination(destination.programme).tags
        self._revision = revision
        self._test = environment == "test"
        self._purpose = "TREAT" if request.basis.kind == "treatment" else "PATRQT"
        self.owner_entry = parties.owner_entry(source, destination)
        placer = f"{source.id}/{request.request_id}"
        number = revision.number
        former = [Revision(number - 1).label(placer)] if number else []
        self._names: dict[str, Any] = {
            "asOf": as_of,
            "askedAt": asked_at,
            # The same request of the same source has the same placer number for ever.
            "placer": {"system": systems.PLACER, "value": placer},
            # Each packet of it has its own summary, which takes the place of the one before.
            "contents": {"system": systems.PLACER, "value": revision.label(placer)},
            "replaces": [{"system": systems.PLACER, "value": value} for value in former],
            "inputSystem": systems.TASK_INPUT,
            "purpose": self._purpose,
            "title": ": ".join(filter(None, ("Second opinion", request.performer.specialty))),
            "specialty": request.performer.specialty,
            "sourceEndpoint": f"urn:uuid:{source.id}",
            "destinationEndpoint": destination.base_url or f"urn:uuid:{destination.id}",
            "question": request.question,
            "due": request.due,
            "meeting": request.meeting.start if request.meeting else None,
            "mode": request.meeting.mode if request.meeting else "undecided",
            "keyQuestions": key_questions(request),
            "notes": [note for note in (request.question, request.patient_story) if note],
            "notices": [],
            "owner": parties.their_organization(request.performer, destination, self.owner_entry),
        }

    def actors(self) -> list[Authored]:
        """Records office, requester, device: shared by all cases of the source."""
        asks = self._request.requester
        office = self._source.organization or asks.organization or _UNNAMED
        requesting = asks.organization or office
        asks_at, source_at = parties.contacts(asks.telecom), parties.contacts(self._source.telecom)
        self._names["recordsOrganization"] = parties.organization(office, source_at)
        made = [self._shared("RecordsOffice", "Organization", actor_name(office))]
        self._names["recordsOffice"] = requester = {"reference": made[0].reference}
        if actor_name(requesting) != actor_name(office):
            own = [] if asks.practitioner else asks_at
            self._names["requesterOrganization"] = parties.organization(requesting, own)
            made.append(
                self._shared("RequesterOrganization", "Organization", actor_name(requesting))
            )
            requester = {"reference": made[-1].reference}
        self._names["requesterOrganizationReference"] = requester
        who = "its office"
        self._names["practitionerReference"] = None
        if person := asks.practitioner:
            who = person.npi or f"{person.family}, {person.given or ''}"
            self._names["practitioner"] = parties.practitioner(person)
            made.append(self._shared("Practitioner", "Practitioner", who))
            self._names["practitionerReference"] = requester = {"reference": made[-1].reference}
        if reached := asks_at or source_at:
            self._names["requesterSpecialty"] = [asks.specialty] if asks.specialty else []
            self._names["requesterTelecom"] = reached
            role = f"{who} at {actor_name(requesting)}"
            made.append(self._shared("PractitionerRole", "PractitionerRole", role))
            requester = {"reference": made[-1].reference}
        self._names["requester"] = requester
        self._names["version"] = __version__
        made.append(self._shared("Device", "Device", f"connector {__version__}"))
        self._names["device"] = {"reference": made[-1].reference}
        self._names |= self._asked()
        return made

    def _asked(self) -> dict[str, Any]:
        """Who is asked: a role where there is a way to reach it (US Core pd-1), contained in what
        names it, since a registry has no use for our copies of its own staff.
        """
        asked = self._request.performer
        person = asked.practitioner and parties.their_practitioner(asked.practitioner)
        performer, contained = person or self._names["owner"], []
        if reached := parties.contacts(asked.telecom):
            names = {
                **self._names,
                "person": person or None,
                "performerSpecialty": [asked.specialty] if asked.specialty else [],
                "performerTelecom": reached,
            }
            role = author("PerformerRole", self._mappings.templates["PerformerRole"], names)
            performer, contained = {"reference": f"#{role.id}"}, [decode(role.body)]
        return {"performer": performer, "performerRole": contained}

    def letters(self, content: Content) -> list[Authored]:
        """Consent (if there is a signed one), Composition, ServiceRequest, Task. After `actors`."""
        self._names |= {
            "subject": {"reference": content.subject},
            "condition": {"reference": content.condition} if content.condition else None,
            "hinge": [{"reference": reference} for reference in content.hinge],
            "missing": list(content.missing),
            "separately": list(content.separately),
            "confidentiality": content.confidentiality,
            "notices": [label_of(notice.label) for notice in content.notices],
        }
        made = []
        if self._request.basis.document is not None:
            made.append(
                self._own(
                    "Consent",
                    "Consent",
                    document=signed_document(self._request, self._source.attachment_bytes_max),
                )
            )
        made.append(self._own("Composition", "Composition", sections=list(content.sections)))
        self._names["composition"] = {"reference": made[-1].reference}
        supporting = [
            *(authored.reference for authored in reversed(made)),
            *content.hinge,
            *content.first_opinion,
        ]
        self._names["supporting"] = [{"reference": r} for r in dict.fromkeys(supporting)]
        made.append(self._own("ServiceRequest", "ServiceRequest"))
        self._names["serviceRequest"] = {"reference": made[-1].reference}
        made.append(self._own("Task", "Task"))
        self._names["task"] = {"reference": made[-1].reference}
        return made

    def update(self, news: News) -> Authored:
        """What tells the receiving team of an update. After `letters`."""
        told = self._revision.told
        edited = moved(told, self._request) if told else []
        return self._own("Communication", "Communication", payload=list(news.payload(edited)))

    def document(self, document: Document, body: bytes) -> Authored:
        """A document that somebody brought. After `letters`, which bring its subject and labels."""
        variables = document.variables(body)
        return self._own("DocumentReference", "DocumentReference", document.name, **variables)

    def envelope(self, digest: str) -> dict[str, Any]:
        """What a Bundle of this packet has around the entries. After `letters`.

        `digest`: the packet's hash; other content is another message (messageheader.html: a new
        id). Its header is None when sender or receiver can't be reached: BSeR wants
        a PractitionerRole for both, US Core a telecom for each.
        """
        header = None
        sender: str = self._names["requester"]["reference"]
        if sender.startswith("PractitionerRole/") and self._names["performerRole"]:
            label = f"MessageHeader/{digest}"
            header = decode(self._own("MessageHeader", "MessageHeader", label).body)
        labels = [
            {"system": CONFIDENTIALITY, "code": self._names["confidentiality"]},
            *self._names["notices"],
        ]
        if self._test:
            labels.append({"system": systems.ACT_REASON, "code": "HTEST"})
        return {
            "timestamp": self._names["asOf"],
            "labels": labels,
            "owner_entry": self.owner_entry,
            "message_header": header,
        }

    def provenances(self, targets: list[str]) -> Iterator[Authored]:
        """One Provenance for every hundred of the packet's entries."""
        for number, hundred in enumerate(in_hundreds(targets), 1):
            yield self._own("Provenance", "Provenance", f"Provenance-{number}", targets=hundred)

    def changes(self, changed: Iterable[ChangedBy]) -> Iterator[Authored]:
        """What rules changed: for each rule, one Provenance for every hundred of its records."""
        number = 0
        for by in changed:
            for start in range(0, len(by.records), 100):
                some = by.records[start : start + 100]
                number += 1
                yield self._own(
                    "Change",
                    "Provenance",
                    f"Change-{number}",
                    change=f"{by.reason} ({by.rule}): {', '.join(by.paths)}",
                    targets=[{"reference": reference} for reference, _ in some],
                    originals=[original(self._source, key) for _, key in some],
                )

    def _shared(self, template: str, resource_type: str, name: str) -> Authored:
        # A FHIR id holds no colon, so no carried record's id is derived from such a name.
        new_id = derived_id(self._source.id, resource_type, f"authored:{name}")
        return self._author(template, new_id, str(self._source.id), [], template, {})

    def _own(self, template: str, resource_type: str, label: str = "", **extra: Any) -> Authored:
        label = label or template
        request_id = self._request.request_id
        name = self._revision.label(label) if template in _ANEW else label
        new_id = authored_id(self._source.id, request_id, resource_type, name)
        labels = [
            {"system": CONFIDENTIALITY, "code": self._names["confidentiality"]},
            {"system": systems.ACT_REASON, "code": self._purpose},
            *self._names["notices"],
        ]
        run = case_handle(self._source.id, request_id)
        return self._author(template, new_id, run, labels, label, extra)

    def _author(
        self,
        template: str,
        new_id: str,
        run: str,
        labels: list[dict[str, str]],
        label: str,
        extra: dict[str, Any],
    ) -> Authored:
        tags = [{"system": systems.TAG, "code": new_id}]
        if labels:  # not on what is shared: another programme may have it already, tagged otherwise
            tags += [tag.model_dump(exclude_none=True) for tag in self._wanted_tags]
        if self._test:
            tags.append({"system": systems.RUN, "code": run})
            labels = [*labels, {"system": systems.ACT_REASON, "code": "HTEST"}]
        meta = {"security": labels, "tag": tags} if labels else {"tag": tags}
        names = {**self._names, **extra, "id": new_id, "meta": meta}
        return author(template, self._mappings.templates[template], names, label)
