"""What must stand at the destination after a transfer, computed from the chart files alone.

Nothing here comes from the connector: not its counts, not its parser, not its equality. A carried
record is found at the destination by its tag, whose code is the derived id
`uuid5(source id, "Type/id")`, and compared with the record of the file, both in the file's own
references. Problems come back as short strings; an empty list is the proof.
"""

import base64
import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any
from xml.etree import ElementTree

from tests.real.charts import Chart, Resource, key, map_nodes, references, strings
from tests.real.destination import Destination

# Financial and audit types never travel; Coverage does.
NEVER_CARRIED = frozenset(
    {
        "Account",
        "AuditEvent",
        "ChargeItem",
        "ChargeItemDefinition",
        "Claim",
        "ClaimResponse",
        "Contract",
        "CoverageEligibilityRequest",
        "CoverageEligibilityResponse",
        "EnrollmentRequest",
        "EnrollmentResponse",
        "ExplanationOfBenefit",
        "InsurancePlan",
        "Invoice",
        "PaymentNotice",
        "PaymentReconciliation",
    }
)
# Carried only when a carried record leads to them.
ACTORS = frozenset({"Location", "Organization", "Practitioner", "PractitionerRole"})
SET_BY_SERVER = frozenset({"versionId", "lastUpdated", "source"})
MAY_GROW = frozenset({"tag", "security", "profile"})

Notes = Mapping[str, list[str]]  # attached bytes (base64) → DiagnosticReports that have them


@dataclass(frozen=True)
class Transfer:
    """One chart on its way: from which source, under which names, to which Patient."""

    chart: Chart
    source_id: uuid.UUID
    """`id` of the source in connector.toml."""
    source_url: str
    tag_system: str
    patient: str
    """`Patient/id` at the destination."""

    @cached_property
    def by_key(self) -> Mapping[str, Resource]:
        """`Type/id` -> record of the files."""
        return {key(r): r for r in (*self.chart.shared, *self.chart.records)}

    @cached_property
    def by_code(self) -> Mapping[str, str]:
        """Derived id -> `Type/id` of the files."""
        return {str(uuid.uuid5(self.source_id, name)): name for name in self.by_key}

    @cached_property
    def whole_chart(self) -> frozenset[str]:
        """What a transfer of the whole chart carries: the records and every actor they lead to."""
        found: set[str] = set()
        ahead = [
            key(r)
            for r in self.chart.records
            if r["resourceType"] not in NEVER_CARRIED | ACTORS | {"Patient"}
        ]
        while ahead:
            name = ahead.pop()
            if name in found:
                continue
            found.add(name)
            for target in references(self.by_key[name]):
                kind = target.partition("/")[0]
                if target in self.by_key and kind not in NEVER_CARRIED | {"Patient"}:
                    ahead.append(target)
        return frozenset(found)


def problems(
    transfer: Transfer, destination: Destination, expected: Iterable[str] | None = None
) -> list[str]:
    """All that is wrong with what arrived of one chart.

    `expected`: the `Type/id` that must have arrived; without it, the whole chart. Whatever else
    arrived of the chart is held to the same measure.
    """
    arrived = _arrived(transfer, destination)
    wanted = transfer.whole_chart if expected is None else frozenset(expected)
    found = [f"{name} missing" for name in sorted(wanted - arrived.keys())]
    found += [f"{n} stands {len(at)} times" for n, at in arrived.items() if len(at) > 1]
    found += [f"{n} never travels" for n in arrived if n.partition("/")[0] in NEVER_CARRIED]
    if expected is None:
        strangers = arrived.keys() - wanted - {key(transfer.chart.patient)}
        found += [f"{n} not of this chart" for n in strangers if n.partition("/")[0] not in ACTORS]
    home = {at: name for name, places in arrived.items() for at in places}
    home[transfer.patient] = key(transfer.chart.patient)
    notes = _notes(transfer, arrived)
    for name, places in arrived.items():
        if name != key(transfer.chart.patient):
            sent = _as_sent(transfer, transfer.by_key[name], arrived, notes)
            for place in places:
                read = _homeward(destination.resources[place], home)
                found += [f"{name} {what}" for what in record_differences(sent, read)]
    return [*found, *dangling(transfer.source_url, destination)]


def dangling(source_url: str, destination: Destination) -> list[str]:
    """References and addresses at the destination that lead nowhere, or back to the source."""
    found = []
    for name, resource in destination.resources.items():
        contained = {f"#{c['id']}" for c in resource.get("contained", [])} | {"#"}
        for target in references(resource):
            if target.startswith("#"):
                resolved = target in contained
            else:
                resolved = target.partition("/_history/")[0] in destination.resources
            if not resolved:
                found.append(f"{name} refers to {target}, which is not there")
        for address in strings(resource, "url", "reference"):
            if address.startswith((source_url, "urn:uuid:")):
                found.append(f"{name} holds the address {address}")
    return found


def authored(transfer: Transfer, destination: Destination, kind: str) -> list[Resource]:
    """Resources of one type about the transfer's patient that are no record of the chart."""
    arrived = {at for places in _arrived(transfer, destination).values() for at in places}
    return [
        resource
        for name, resource in destination.resources.items()
        if resource["resourceType"] == kind
        and name not in arrived
        and transfer.patient in references(resource)
    ]


def record_differences(sent: Resource, read: Resource) -> list[str]:
    """Where a record that was read back is not the one sent; both with the same references."""
    return _lost_labels(sent, read) + differences(_content(sent), _content(read))


def differences(sent: Any, read: Any, path: str = "") -> list[str]:
    """Where `read` is not what was sent, as JSON paths. Precision counts: 1.50 is not 1.5."""
    if isinstance(sent, dict) and isinstance(read, dict):
        found = [f"lost {path}{name}" for name in sent.keys() - read.keys()]
        found += [f"gained {path}{name}" for name in read.keys() - sent.keys()]
        for name in sent.keys() & read.keys():
            found += differences(sent[name], read[name], f"{path}{name}.")
        return found
    if isinstance(sent, list) and isinstance(read, list) and len(sent) == len(read):
        pairs = enumerate(zip(sent, read, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{path}{i}.")]
    return [] if _same(sent, read) else [f"differs at {path.rstrip('.')}"]


def _arrived(transfer: Transfer, destination: Destination) -> dict[str, list[str]]:
    """`Type/id` of the files -> where it stands at the destination."""
    arrived: dict[str, list[str]] = {}
    for (kind, code), places in destination.tagged(transfer.tag_system).items():
        name = transfer.by_code.get(code, "")
        if name.partition("/")[0] == kind:
            arrived[name] = places
    return arrived


def _as_sent(
    transfer: Transfer, record: Resource, arrived: Iterable[str], notes: Notes
) -> Resource:
    """A record of the files as it must arrive: what stayed behind is named by identifier only."""
    carried = {*arrived, key(transfer.chart.patient)}

    def logical(node: dict[str, Any]) -> dict[str, Any]:
        target = node.get("reference")
        if not isinstance(target, str) or target not in transfer.by_key or target in carried:
            return node
        rest = {name: item for name, item in node.items() if name != "reference"}
        return {"identifier": {"system": f"urn:uuid:{transfer.source_id}", "value": target}, **rest}

    sent: Resource = map_nodes(_only_targets_there(record, carried), logical)
    return _note_once(sent, notes)


def _notes(transfer: Transfer, carried: Iterable[str]) -> Notes:
    """Attached bytes that both a document and a report of what arrived have, as base64."""
    found = [transfer.by_key[name] for name in carried if name in transfer.by_key]
    documents = {
        content["attachment"].get("data")
        for record in found
        if record["resourceType"] == "DocumentReference"
        for content in record["content"]
    }
    notes: dict[str, list[str]] = defaultdict(list)
    for record in found:
        if record["resourceType"] == "DiagnosticReport":
            for form in record.get("presentedForm", []):
                if form.get("data") in documents - {None}:
                    notes[form["data"]].append(key(record))
    return notes


def _only_targets_there(record: Resource, carried: Collection[str]) -> Resource:
    """A Provenance speaks of what arrived, unless nothing of it did."""
    if record["resourceType"] != "Provenance":
        return record
    targets = [item for item in record["target"] if item.get("reference") in carried]
    return {**record, "target": targets} if targets else record


def _note_once(record: Resource, notes: Notes) -> Resource:
    """The bytes of a note are in its DocumentReference alone; report and document name each other.

    A report that has the same attachment keeps what describes it, with size and SHA-1.
    """
    if record["resourceType"] == "DiagnosticReport":
        form = [
            _described(item) if item.get("data") in notes else item
            for item in record.get("presentedForm", [])
        ]
        return {**record, "presentedForm": form} if form else record
    if record["resourceType"] == "DocumentReference":
        reports = {name for item in record["content"] for name in _reports(item, notes)}
        if reports:
            context = record.get("context", {})
            related = [*context.get("related", []), *({"reference": r} for r in sorted(reports))]
            return {**record, "context": {**context, "related": related}}
    return record


def _reports(content: Resource, notes: Notes) -> list[str]:
    return notes.get(content["attachment"].get("data", ""), [])


def _described(attachment: Resource) -> Resource:
    content = base64.b64decode(attachment["data"])
    sha1 = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    rest = {name: item for name, item in attachment.items() if name != "data"}
    return {"size": len(content), "hash": sha1, **rest}


def _homeward(resource: Resource, home: Mapping[str, str]) -> Resource:
    """A resource of the destination with its references in the file's names."""

    def renamed(node: dict[str, Any]) -> dict[str, Any]:
        target = node.get("reference")
        if not isinstance(target, str) or target not in home:
            return node
        return {**node, "reference": home[target]}

    read: Resource = map_nodes(resource, renamed)
    return read


def _content(resource: Resource) -> Resource:
    """A resource without its id, what the server sets, and the labels that it may add to."""
    aside = SET_BY_SERVER | MAY_GROW
    meta = {n: v for n, v in resource.get("meta", {}).items() if n not in aside}
    rest = {name: item for name, item in resource.items() if name not in ("id", "meta")}
    return {**rest, "meta": meta}


def _lost_labels(sent: Resource, read: Resource) -> list[str]:
    before, after = sent.get("meta", {}), read.get("meta", {})
    return [
        f"lost one of meta.{name}"
        for name in sorted(MAY_GROW)
        if any(label not in after.get(name, []) for label in before.get(name, []))
    ]


def _same(sent: Any, read: Any) -> bool:
    if isinstance(sent, bool) or isinstance(read, bool):
        return sent is read
    if isinstance(sent, int | Decimal) and isinstance(read, int | Decimal):
        return Decimal(sent).as_tuple() == Decimal(read).as_tuple()
    if isinstance(sent, str) and isinstance(read, str) and sent.startswith("<div"):
        return ElementTree.canonicalize(sent) == ElementTree.canonicalize(read)
    return bool(sent == read)
