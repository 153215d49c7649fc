"""The consents of the chart against one disclosure: what they deny, permit and leave open."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from ...errors import Cause, Held
from ...fhir.lossless import UndecodableError, decode, sha256
from ...gap import MENDABLE, GapKind
from ...request import Request
from ...settings import Destination, Source
from ...store.case import gaps
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ..chart.index import Row, Unreadable, body
from ..record.dates import interval
from ..record.links import Links
from ..record.security_labels import Labels
from ..ruleset.mappings import Mappings
from ..ruleset.release_rules import Withhold
from .consent import Denial, Reading, read_consent, tells
from .consent_reviews import are_there, bind, withheld_by
from .provision import Disclosure, Records
from .recipient import Recipient

_UNREAD = (*MENDABLE, GapKind.UNSUPPORTED)


@dataclass(frozen=True)
class Consents:
    """What all active consents say together. A denial is stronger than a permission."""

    denials: tuple[tuple[str, Denial], ...]  # with the key of the consent
    permits: tuple[Records, ...]
    reviewed: Mapping[str, str]  # records that a person's reading withholds → of which consent
    telling: frozenset[str]  # consents that would tell what is withheld
    dateless: frozenset[str]  # types whose records have no date to be judged by
    looks: Mapping[str, frozenset[str]]  # label → rules that guess at what it is about
    said: str  # one hash over what all of them say at this time
    bound: Mapping[str, tuple[str, str]]  # review → the hashes of itself and of what was reviewed

    def denied_by(self, row: Row) -> str | None:
        """The key of a consent that denies the disclosure of a record."""
        return next((key for key, denial in self.denials if self._denies(denial, row)), None)

    def _denies(self, denial: Denial, row: Row) -> bool:
        return (
            denial.records.mean(row, surely=False)
            and not (row.when is None and row.type in self.dateless and denial.records.period)
            and not any(but.mean(row, surely=True) for but in denial.exceptions)
        )

    def seems_denied_by(self, row: Row) -> str | None:
        """The key of a consent that denies a kind of records that this one looks like: a guess."""
        if row.type == "Patient":
            return None
        found = (
            key
            for key, denial in self.denials
            for label in denial.records.labels or ()
            if not row.sensitive.isdisjoint(self.looks.get(label, ()))
            and replace(denial.records, labels=None).mean(row, surely=False)
        )
        return next(found, None)

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
    source: Source,
    destination: Destination,
    mappings: Mappings,
    opened: Callable[[Withhold], bool],
    at: datetime,
) -> Consents:
    """Read the chart's consents for this disclosure. `at`: when it is judged; `opened`: what the
    request's basis lets go already.

    Raises `Held` when one denies it whole (`consent-denies`), has an element in a restricting place
    that can't be evaluated (`consent-unclear`), when the source does not let consents be read
    (`consent-unread`) or when one changed since a person read it (`consent-changed`), unless the
    request says how a person read them. `UsageError` if it names a record that isn't in the chart.
    """
    _were_read(case, request, source)
    recipient = Recipient(case, links, request, destination)
    labels = Labels(mappings.labels)
    now = Disclosure(
        at, mappings.consent.purposes[request.basis.kind], mappings.consent,
        recipient.receives, links.key, labels.named, labels.below,
    )  # fmt: skip
    reviews = {review.record: review for review in request.consents}
    are_there(request.consents, rows)
    bound = bind(case, request.consents)
    readings = {
        row.key: Reading(unclear=("its JSON",)) for row in unreadable if row.type == "Consent"
    }
    telling: list[tuple[str, Reading]] = []
    for key, consent in _consents(case, rows):
        reading = Reading() if key in reviews else read_consent(consent, now)
        readings[key] = reading
        if tells(consent, mappings.consent) or rows[key].sensitive:
            telling.append((key, reading))
    _settled(readings)
    permits = tuple(records for reading in readings.values() for records in reading.permits)
    leaving = [row for row in rows.values() if _labels_let_go(row, permits, mappings, opened)]
    return Consents(
        denials=tuple((key, denial) for key, r in readings.items() for denial in r.denials),
        permits=permits,
        reviewed=withheld_by(reviews.values()),
        telling=frozenset(
            key for key, reading in telling if not _only_of_what_leaves(reading, leaving)
        ),
        dateless=mappings.selection.shared | {"Patient"},
        looks=_looks(mappings),
        said=_hash(readings.values()),
        bound=bound,
    )


def consents_say(
    case: CaseFile,
    request: Request,
    source: Source,
    destination: Destination,
    mappings: Mappings,
    at: str,
) -> str:
    """One hash over what the chart's consents say of this disclosure at an instant."""
    moment = interval(at)
    assert moment is not None, "an instant of ours"
    links, labels = Links(case, source.base_url), Labels(mappings.labels)
    now = Disclosure(
        moment[1], mappings.consent.purposes[request.basis.kind], mappings.consent,
        Recipient(case, links, request, destination).receives, links.key,
        labels.named, labels.below,
    )  # fmt: skip
    reviewed = {review.record for review in request.consents}
    readings = []
    for record in chart.of_type(case, "Consent"):
        key = f"Consent/{record.id}"
        try:
            consent = decode(record.body)
        except UndecodableError:
            readings.append(Reading(unclear=("its JSON",)))
            continue
        readings.append(Reading() if key in reviewed else read_consent(consent, now))
    return _hash(readings)


def _were_read(case: CaseFile, request: Request, source: Source) -> None:
    """What can't be read counts against the disclosure: nobody knows what it says."""
    if request.consents_checked or source.consents_checked:
        return
    for gap in gaps.of(case):
        if "Consent" in gap.types and gap.kind in _UNREAD:
            raise Held(
                "consent-unread",
                f"the patient's consents could not be read at the source ({gap.kind}: {gap.why})",
                "Let this client read Consent there; or have somebody who knows the consents say in"
                " the request that none stands against this (`consents_checked`: by, reason).",
            )


def _hash(readings: Iterable[Reading]) -> str:
    return sha256(json.dumps(sorted(json.dumps(_plain(r)) for r in readings)).encode())


def _plain(value: Any) -> Any:
    """A value of dataclasses and sets as one that has one order."""
    if is_dataclass(value):
        return [_plain(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _looks(mappings: Mappings) -> dict[str, frozenset[str]]:
    """Label → the rules of the heuristic that guess at the same kind."""
    system = mappings.labels.systems[0].url
    return {
        f"{each.system or system}|{code}": frozenset(
            rule.id for rule in mappings.heuristic.rules if rule.kind == each.tell
        )
        for each in mappings.labels.lists
        if each.tell
        for code in each.codes
    }


def _labels_let_go(
    row: Row,
    permits: Collection[Records],
    mappings: Mappings,
    opened: Callable[[Withhold], bool],
) -> bool:
    """Whether no label of a record keeps it here, under these permissions."""
    for rule in mappings.release.rules:
        labels = rule.labels & row.labels
        if labels and not opened(rule):
            named = (p.labels for p in permits if p.labels and p.mean(row, surely=True))
            if "consent" not in rule.unless or not labels <= frozenset().union(*named):
                return False
    return True


def _only_of_what_leaves(reading: Reading, rows: Iterable[Row]) -> bool:
    """Whether a Consent only permits, and each label it names is on a record that it lets go."""
    if reading.denials or not any(records.labels for records in reading.permits):
        return False
    named = frozenset().union(*(records.labels or () for records in reading.permits))
    let_go = [row.labels for row in rows if any(r.mean(row, surely=True) for r in reading.permits)]
    return named <= frozenset().union(*let_go)


def _settled(readings: Mapping[str, Reading]) -> None:
    unclear = sorted({name for reading in readings.values() for name in reading.unclear})
    causes = [
        Cause(code, rule="consent", consent=key)
        for key, reading in readings.items()
        for code, holds in (
            ("consent-unclear", bool(reading.unclear)),
            ("consent-denies", _denies_all(reading)),
        )
        if holds
    ]
    if unclear:
        raise Held(
            "consent-unclear",
            f"a consent in the chart may deny this: {', '.join(unclear)} can't be evaluated",
            "Read the patient's active consents at the source, and say in the request what they"
            " withhold (`consents`).",
            causes,
        )
    if causes:
        raise Held(
            "consent-denies",
            "a consent in the chart denies this disclosure",
            "Do not send. If the patient decided otherwise since, have the consent at the source"
            " changed, or say in the request how you read it (`consents`).",
            causes,
        )


def _denies_all(reading: Reading) -> bool:
    return any(d.records == Records() and not d.exceptions for d in reading.denials)


def _consents(case: CaseFile, rows: Mapping[str, Row]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, row in rows.items():
        if row.type == "Consent" and (consent := body(case, key)):
            yield key, consent
