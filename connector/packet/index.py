"""First pass over the chart: one small row per record, so that a chart never has to fit in memory.

A row holds what the rules ask about; the body stays in the case file until the packet is written.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

from ..fhir.lossless import UndecodableError, decode
from ..fhir.references import Kind, Target, attachment_nodes, named, parse, plain_names
from ..store import chart
from ..store.casefile import CaseFile
from . import words
from .change import Rule
from .moments import OPEN, Interval, interval
from .rules import Status, TypeStatus

# Where a record's own date stands, first found wins (R4: the elements behind the `date` searches).
_DATES = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "performedDateTime",
    "performedPeriod", "occurrenceDateTime", "occurrencePeriod", "period", "date", "started",
    "authoredOn", "issued", "recordedDate", "onsetDateTime", "onsetPeriod", "dateAsserted",
    "whenHandedOver", "recorded", "created", "startDate", "statusDate", "authored",
)  # fmt: skip
_CODES = ("code", "type", "vaccineCode", "medicationCodeableConcept", "relationship")
_STATUSES = ("status", "lifecycleStatus", "clinicalStatus")
_ERROR = "entered-in-error"
_NO_TARGETS: frozenset[str] = frozenset()
_Sets = dict[frozenset[str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """What the rules may ask about one record. `key` is `Type/id` at the source."""

    key: str
    type: str
    id: str
    status: str  # "unstated" when it has none
    document_status: str  # DocumentReference.docStatus
    intent: str
    verification: frozenset[str]  # verificationStatus
    error: bool
    readable: bool
    codes: frozenset[str]
    categories: frozenset[str]
    labels: frozenset[str]
    title: str
    finding: str  # what it says, in a line
    says_none: str  # List.emptyReason: why the source's own list is empty
    written: str  # the date as written
    when: Interval | None
    refers: tuple[str, ...]  # keys of records in the chart; of a Provenance: without its targets
    targets: frozenset[str] = _NO_TARGETS  # Provenance.target

    @property
    def last(self) -> datetime:
        """The last instant the record may be from; without a date, before everything."""
        return self.when[1] if self.when else datetime.min.replace(tzinfo=OPEN.tzinfo)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record whose JSON can't be decoded: it can't travel."""

    key: str
    type: str
    id: str


class Links:
    """What references point to: the record in the chart, when it is there.

    The pull step resolved conditional, absolute and urn references and wrote them into `target`.
    """

    def __init__(self, case: CaseFile, base_url: str) -> None:
        self._base_url = base_url
        self._here = {f"{t}/{i}" for t, i in case.rows("SELECT type, id FROM record")}
        self._resolved = {
            reference: f"{t}/{i}"
            for reference, t, i in case.rows(
                "SELECT reference, type, id FROM target WHERE status = 'had'"
            )
        }
        self._keys: dict[str, str | None] = {}
        self.had_attachments = {
            url for (url,) in case.rows("SELECT url FROM attachment WHERE status = 'had'")
        }

    def target(self, reference: str) -> Target:
        """What kind of reference it is."""
        return parse(reference, self._base_url)

    def key(self, reference: str) -> str | None:
        """`Type/id` of the record in the chart, or None."""
        # Most references are to the patient, an encounter, a physician: looked up once.
        if reference not in self._keys:
            self._keys[reference] = self._look_up(reference)
        return self._keys[reference]

    def _look_up(self, reference: str) -> str | None:
        if reference in self._here:
            return reference
        target = self.target(reference)
        key = target.local if target.kind is Kind.LOCAL else self._resolved.get(reference)
        return key if key in self._here else None


def read_rows(
    case: CaseFile, links: Links, status: Status, rules: Sequence[Rule] = ()
) -> Iterator[Row | Unreadable]:
    """One row per record, in the order of the chart, of what it is after `rules` changed it."""
    sets: _Sets = {}  # most records have the codes of many others: each set is kept once
    for record in chart.records(case):
        try:
            resource = decode(record.body)
        except UndecodableError:
            yield Unreadable(f"{record.type}/{record.id}", record.type, record.id)
            continue
        for rule in rules:
            deque(rule.edit(record.type, resource), maxlen=0)
        yield _row(record, resource, links, status.types.get(record.type), sets)


def _row(
    record: chart.Record, resource: Any, links: Links, rules: TypeStatus | None, sets: _Sets
) -> Row:
    resource_type, resource_id = intern(record.type), record.id

    def tokens(*values: Any) -> frozenset[str]:
        found = frozenset(token for value in values for token in _tokens(value))
        return sets.setdefault(found, found)

    written, when = _date(resource)
    status = _status(resource)
    verification = tokens(resource.get("verificationStatus"))
    targets = _NO_TARGETS
    if resource_type == "Provenance":
        targets = frozenset(_keys(resource.pop("target", None), links))
        refers = _keys(resource, links)
    else:
        refers = filter(None, map(links.key, named(plain_names(record.body))))
    return Row(
        key=f"{resource_type}/{resource_id}",
        type=resource_type,
        id=resource_id,
        status=status,
        document_status=str(resource.get("docStatus") or ""),
        intent=str(resource.get("intent") or ""),
        verification=verification,
        error=_ERROR in (status, resource.get("docStatus")) or _ERROR in verification,
        readable=rules is None or all(_any(resource, group, links) for group in rules.readable),
        codes=tokens(*map(resource.get, _CODES)),
        categories=tokens(resource.get("category")),
        labels=tokens(_object(resource.get("meta")).get("security")),
        title=intern(words.title(resource)),
        finding=words.finding(resource),
        says_none=_says_none(resource),
        written=written,
        when=when,
        refers=tuple(dict.fromkeys(refers)),
        targets=targets,
    )


def _status(resource: dict[str, Any]) -> str:
    for name in _STATUSES:
        value = resource.get(name)
        if isinstance(value, str):
            return intern(value)
        # clinicalStatus is a CodeableConcept: its plain code, whatever the system
        for token in _tokens(value):
            if "|" not in token:
                return token
    return "unstated"


def _date(resource: dict[str, Any]) -> tuple[str, Interval | None]:
    for name in _DATES:
        value = resource.get(name)
        if isinstance(value, str) and (found := interval(value)):
            return value, found
        if isinstance(value, dict):
            first, last = interval(str(value.get("start"))), interval(str(value.get("end")))
            if first or last:
                # A period without end goes on (R4 datatypes.html#Period).
                lasts = last[1] if last else OPEN
                return str(value.get("start") or value["end"]), (
                    first[0] if first else lasts,
                    lasts,
                )
    return "", None


def _tokens(value: Any) -> Iterator[str]:
    """`system|code` and `code` of a Coding, a CodeableConcept or a list of either."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            continue
        codings = item.get("coding") if isinstance(item.get("coding"), list) else [item]
        for coding in codings or []:
            code = coding.get("code") if isinstance(coding, dict) else None
            if isinstance(code, str):
                yield intern(f"{coding.get('system', '')}|{code}")
                yield intern(code)


def _any(resource: dict[str, Any], group: Iterable[str], links: Links) -> bool:
    for pattern in group:
        names = [pattern]
        if pattern.endswith("*"):
            names = [name for name in resource if name.startswith(pattern[:-1])]
        if any(_filled(name, resource.get(name), links) for name in names):
            return True
    return False


def _filled(name: str, value: Any, links: Links) -> bool:
    if name in ("content", "presentedForm"):
        return any(
            node.get("data") or node.get("url") in links.had_attachments
            for node in attachment_nodes({name: value})
        )
    if name == "result":
        return any(True for _ in _keys(value, links))
    return value not in (None, "", [], {})


def _keys(value: Any, links: Links) -> Iterator[str]:
    """Records of the chart that the references inside `value` point to."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            reference = node.get("reference")
            if isinstance(reference, str) and (key := links.key(reference)):
                yield key
            stack.extend(child for child in node.values() if isinstance(child, dict | list))
        elif isinstance(node, list):
            stack.extend(child for child in node if isinstance(child, dict | list))


def _says_none(resource: dict[str, Any]) -> str:
    if resource["resourceType"] != "List":
        return ""
    return next((t for t in _tokens(resource.get("emptyReason")) if "|" not in t), "")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
