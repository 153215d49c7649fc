"""The consents of the chart against one disclosure: what they deny, permit and leave open."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import Held, UsageError
from ..fhir import systems
from ..request import ConsentReview, Request
from ..settings import Destination
from ..store.casefile import CaseFile
from .consent import Denial, Disclosure, Json, Reading, Records, Truth, read_consent, tells
from .index import Row, Unreadable, body
from .links import Links, identifier_token
from .mappings import Mappings

_NOT_A_TEAM = ("Patient", "RelatedPerson", "Device")  # actors that a receiving team never is


@dataclass(frozen=True)
class Consents:
    """What all active consents say together. A denial is stronger than a permission."""

    denials: tuple[Denial, ...]
    permits: tuple[Records, ...]
    reviewed: frozenset[str]  # records that a person's reading withholds
    telling: frozenset[str]  # consents that would tell what is withheld
    dateless: frozenset[str]  # types whose records have no date to be judged by

    def denies(self, row: Row) -> bool:
        """Whether a consent denies the disclosure of a record."""
        return any(
            denial.records.mean(row, surely=False)
            and not (row.when is None and row.type in self.dateless and denial.records.period)
            and not any(but.mean(row, surely=True) for but in denial.exceptions)
            for denial in self.denials
        )

    def permits_labels(self, row: Row, labels: Collection[str]) -> bool:
        """Whether consents permit a record and name each of these labels of it."""
        named = [p.labels for p in self.permits if p.labels and p.mean(row, surely=True)]
        return frozenset(labels) <= frozenset().union(*named)


def gather(
    case: CaseFile,
    links: Links,
    rows: Mapping[str, Row],
    unreadable: Iterable[Unreadable],
    request: Request,
    destination: Destination,
    mappings: Mappings,
    at: datetime,
) -> Consents:
    """Read the chart's consents for this disclosure. `at`: the case's `as_of`.

    Raises `Held` when one denies it whole (`consent-denies`) or has an element in a restricting
    place that can't be evaluated (`consent-unclear`), unless the request says how a person read it.
    `UsageError` if the request names a record there that isn't in the chart.
    """
    recipient = _Recipient(case, links, request, destination)
    now = Disclosure(
        at, mappings.consent.purposes[request.basis.kind], mappings.consent,
        recipient.receives, links.key,
    )  # fmt: skip
    reviews = {review.record: review for review in request.consents}
    _are_there(request.consents, rows)
    readings = [Reading(unclear=("its JSON",)) for row in unreadable if row.type == "Consent"]
    telling: list[tuple[str, Reading]] = []
    for key, consent in _consents(case, rows):
        reading = Reading() if key in reviews else read_consent(consent, now)
        readings.append(reading)
        if tells(consent):
            telling.append((key, reading))
    _settled(readings)
    return Consents(
        denials=tuple(denial for reading in readings for denial in reading.denials),
        permits=tuple(records for reading in readings for records in reading.permits),
        reviewed=_withheld_by(reviews.values()),
        telling=frozenset(
            key for key, reading in telling if not _only_of_what_leaves(reading, rows.values())
        ),
        dateless=mappings.selection.shared | {"Patient"},
    )


def _are_there(reviews: Sequence[ConsentReview], rows: Collection[str]) -> None:
    for number, review in enumerate(reviews, 1):
        if not {review.record, *review.withhold} <= set(rows):
            raise UsageError(
                f"consents, number {number}: no such record in the patient's chart",
                "Correct the request: Type/id as the source knows it.",
            )


def _only_of_what_leaves(reading: Reading, rows: Iterable[Row]) -> bool:
    """Whether a Consent only permits, and each label it names is on a record that it lets go."""
    if reading.denials or not reading.permits:
        return False
    named = frozenset().union(*(records.labels or () for records in reading.permits))
    let_go = [row.labels for row in rows if any(r.mean(row, surely=True) for r in reading.permits)]
    return named <= frozenset().union(*let_go)


def _settled(readings: Iterable[Reading]) -> None:
    unclear = sorted({name for reading in readings for name in reading.unclear})
    if unclear:
        raise Held(
            "consent-unclear",
            f"a consent in the chart may deny this: {', '.join(unclear)} can't be evaluated",
            "Read the patient's active consents at the source, and say in the request what they"
            " withhold (`consents`).",
        )
    if any(d.records == Records() and not d.exceptions for r in readings for d in r.denials):
        raise Held(
            "consent-denies",
            "a consent in the chart denies this disclosure",
            "Do not send. If the patient decided otherwise since, have the consent at the source"
            " changed, or say in the request how you read it (`consents`).",
        )


def _withheld_by(reviews: Iterable[ConsentReview]) -> frozenset[str]:
    return frozenset(key for review in reviews for key in review.withhold)


def _consents(case: CaseFile, rows: Mapping[str, Row]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, row in rows.items():
        if row.type == "Consent" and (consent := body(case, key)):
            yield key, consent


class _Recipient:
    """Who receives the packet, as request and configuration name them."""

    def __init__(
        self, case: CaseFile, links: Links, request: Request, destination: Destination
    ) -> None:
        self._case = case
        self._links = links
        organization, person = request.performer.organization, request.performer.practitioner
        npi = organization.npi if organization else None
        self._organization = {f"{systems.NPI}|{npi}"} if npi else set()
        if "|" in (destination.owner or ""):
            self._organization.add(str(destination.owner))
        self._person = {f"{systems.NPI}|{person.npi}"} if person and person.npi else set()
        self._name = _folded(organization.name) if organization else ""

    def receives(self, actor: Json, consent: Json) -> Truth:
        """Whether a Reference in a Consent is to who receives; None if that can't be told."""
        identifier = actor.get("identifier")
        if isinstance(identifier, dict):
            found = self._identified([identifier], actor.get("type") == "Organization")
            if found is not None:
                return found
        reference = str(actor.get("reference", ""))
        if reference.startswith("#"):
            contained = consent.get("contained") or []
            resource = next((c for c in contained if f"#{c.get('id')}" == reference), None)
        else:
            key = self._links.key(reference)
            resource = body(self._case, key) if key else None
        if resource is None:
            return False if any(f"{name}/" in reference for name in _NOT_A_TEAM) else None
        return self._is(resource, consent)

    def _is(self, resource: Json, consent: Json) -> Truth:
        kind = resource.get("resourceType")
        if kind in _NOT_A_TEAM:
            return False
        if kind == "PractitionerRole":
            who = (resource.get(name) for name in ("practitioner", "organization"))
            person, place = (
                self.receives(w, consent) if isinstance(w, dict) else None for w in who
            )
            return True if person else place
        if kind not in ("Organization", "Practitioner"):
            return None
        items = resource.get("identifier")
        identifiers = [i for i in items if isinstance(i, dict)] if isinstance(items, list) else []
        found = self._identified(identifiers, kind == "Organization")
        if found is None and kind == "Organization" and self._name:
            return True if _folded(str(resource.get("name", ""))) == self._name else None
        return found

    def _identified(self, identifiers: list[dict[str, Any]], organization: bool) -> Truth:
        """By identifier. Another organisation isn't the recipient; a person may work there."""
        theirs = {identifier_token(item) for item in identifiers}
        if theirs & (self._organization | self._person):
            return True
        known = {token.partition("|")[0] for token in self._organization}
        if organization and known & {token.partition("|")[0] for token in theirs}:
            return False
        return None


def _folded(text: str) -> str:
    """A name without case, diacritics and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(c for c in plain if not unicodedata.combining(c))))
