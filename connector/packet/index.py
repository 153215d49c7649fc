"""First pass over the chart: one small row per record, so that a chart never has to fit in memory.

A row holds what the rules ask about; the body stays in the case file until the packet is written.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

from ..fhir import systems
from ..fhir.lossless import UndecodableError, decode
from ..fhir.references import Kind, Target, attachment_nodes, parse
from ..store import chart
from ..store.casefile import CaseFile
from . import words
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


@dataclass(frozen=True, slots=True)
class Row:
    """What the rules may ask about one record. `key` is `Type/id` at the source."""

    key: str
    type: str
    id: str
    status: str  # "unstated" when it has none
    document_status: str  # DocumentReference.docStatus
    intent: str
    error: bool
    readable: bool
    codes: frozenset[str]
    categories: frozenset[str]
    labels: frozenset[str]
    npi: str
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
        self.had_attachments = {
            url for (url,) in case.rows("SELECT url FROM attachment WHERE status = 'had'")
        }

    def target(self, reference: str) -> Target:
        """What kind of reference it is."""
        return parse(reference, self._base_url)

    def key(self, reference: str) -> str | None:
        """`Type/id` of the record in the chart, or None."""
        if reference in self._here:
            return reference
        target = self.target(reference)
        key = target.local if target.kind is Kind.LOCAL else self._resolved.get(reference)
        return key if key in self._here else None


def read_rows(case: CaseFile, links: Links, status: Status) -> Iterator[Row | Unreadable]:
    """One row per record, in the order of the chart."""
    for record in chart.records(case):
        try:
            resource = decode(record.body)
        except UndecodableError:
            yield Unreadable(f"{record.type}/{record.id}", record.type, record.id)
            continue
        yield _row(record.type, record.id, resource, links, status.types.get(record.type))


def _row(
    resource_type: str, resource_id: str, resource: Any, links: Links, rules: TypeStatus | None
) -> Row:
    written, when = _date(resource)
    status = _status(resource)
    targets = _NO_TARGETS
    if resource_type == "Provenance":
        targets = frozenset(_keys(resource.get("target"), links))
        resource = {name: value for name, value in resource.items() if name != "target"}
    return Row(
        key=f"{resource_type}/{resource_id}",
        type=resource_type,
        id=resource_id,
        status=status,
        document_status=str(resource.get("docStatus") or ""),
        intent=str(resource.get("intent") or ""),
        error=_ERROR in (status, resource.get("docStatus"))
        or _ERROR in _tokens(resource.get("verificationStatus")),
        readable=rules is None or all(_any(resource, group, links) for group in rules.readable),
        codes=frozenset(token for name in _CODES for token in _tokens(resource.get(name))),
        categories=frozenset(_tokens(resource.get("category"))),
        labels=frozenset(_tokens(_object(resource.get("meta")).get("security"))),
        npi=_npi(resource),
        title=intern(words.title(resource)),
        finding=words.finding(resource),
        says_none=_says_none(resource),
        written=written,
        when=when,
        refers=tuple(dict.fromkeys(_keys(resource, links))),
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
    return any(
        _filled(name, value, links)
        for pattern in group
        for name, value in resource.items()
        if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))
    )


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
                yield intern(key)
            stack.extend(child for child in node.values() if isinstance(child, dict | list))
        elif isinstance(node, list):
            stack.extend(child for child in node if isinstance(child, dict | list))


def _npi(resource: dict[str, Any]) -> str:
    if resource["resourceType"] in ("Practitioner", "Organization"):
        for item in resource.get("identifier") or []:
            if isinstance(item, dict) and item.get("system") == systems.NPI:
                return str(item.get("value") or "")
    return ""


def _says_none(resource: dict[str, Any]) -> str:
    if resource["resourceType"] != "List":
        return ""
    return next((t for t in _tokens(resource.get("emptyReason")) if "|" not in t), "")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
