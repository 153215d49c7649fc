"""The consents of the chart against one disclosure: what they deny, permit and leave open."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import Held, UsageError
from ..request import ConsentReview, Request
from ..settings import Destination
from ..store.casefile import CaseFile
from .consent import Denial, Disclosure, Reading, Records, read_consent, tells
from .index import Row, Unreadable, body
from .links import Links
from .mappings import Mappings
from .recipient import Recipient


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
    recipient = Recipient(case, links, request, destination)
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
