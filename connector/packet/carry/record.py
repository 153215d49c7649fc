"""Second pass: a record as the source sent it → the same record as it travels.

Most records stay bytes: id, tag and reference strings change, all else is what the source sent.
Only a record with an attachment to embed or a reference to cut is decoded, and no digit is lost;
a rule that changes content decodes the members it is about.
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...fhir import references, systems
from ...fhir.attachments import attachments as attachments_of
from ...fhir.ids import derived_id
from ...fhir.lossless import decode, encode, members
from ...fhir.record import identified
from ...fhir.references import Kind
from ..chart.duplicates import Twin
from ..record.attachment import Attached, embed
from ..record.endpoint_secrets import Secrets
from ..record.links import Links
from ..release.redact import cut
from ..release.withheld import Withheld
from ..ruleset.change import Note, Rule, apply
from .coverage import CUT, EMBEDDED, LOGICAL, MOVED, TRIMMED, edits, lost
from .subject_reference import LiteralSubject

# A conditional reference says itself which identifier it means.
_BY_IDENTIFIER = re.compile(r"\?identifier=([^|&]+)\|([^&]+)$")
_URI = "urn:ietf:rfc:3986"  # R4 identifier-registry: the value is a URI


class Fate(NamedTuple):
    """What becomes of a reference string: kept, another string, or an identifier."""

    string: str | None = None
    identifier: dict[str, str] | None = None


_KEPT = Fate()


class Form(NamedTuple):
    """A record in packet form: its derived id, its bytes, and what is not as the source sent it.

    `members`: the names of its top-level members.
    """

    id: str
    body: bytes
    members: tuple[str, ...]
    notes: Sequence[Note]


class Carrier:
    """Puts records into packet form. Records are named by their keys (`Type/id`).

    `merged`: records told in another one. `twins`: DiagnosticReports whose attachment is in a
    DocumentReference that travels too. `subject`: gives records a reference to their patient.
    """

    def __init__(
        self,
        links: Links,
        source_id: uuid.UUID,
        travels: Collection[str],
        withheld: Withheld,
        merged: Mapping[str, str],
        twins: Mapping[str, Twin],
        attached: Callable[[str], Attached | None],
        rules: Sequence[Rule] = (),
        secrets: Secrets | None = None,
        subject: LiteralSubject | None = None,
    ) -> None:
        self._links = links
        self._source_id = source_id
        self._system = f"urn:uuid:{source_id}"
        self._travels = travels
        self._withheld = withheld
        self._merged = merged
        self._twins = twins
        self._reports: dict[str, list[str]] = defaultdict(list)
        for report, twin in twins.items():
            for document in twin.documents:
                self._reports[document].append(report)
        self._attached = attached
        self._rules = rules
        self._secrets = secrets
        self._subject = subject
        self._packet_ids: dict[str, str] = {}
        self._fates: dict[str, Fate] = {}

    def packet_id(self, key: str) -> str:
        """`Type/<derived id>` for `Type/id`."""
        if key not in self._packet_ids:
            resource_type, _, resource_id = key.partition("/")
            new_id = derived_id(self._source_id, resource_type, resource_id)
            self._packet_ids[key] = f"{resource_type}/{new_id}"
        return self._packet_ids[key]

    def named(self, identifier: Any) -> str | None:
        """The packet reference that an identifier of ours stands for; None: it is another's."""
        if not isinstance(identifier, dict) or identifier.get("system") != self._system:
            return None
        return self.packet_id(str(identifier.get("value")))

    def form(self, key: str, body: bytes) -> Form:
        """A record in packet form.

        Raises `UndecodableError` if the bytes are no JSON.
        """
        resource_type = key.partition("/")[0]
        data = references.plain_names(body)
        fates: dict[str, Fate] = {}

        def string(reference: str) -> str | None:
            fate = fates[reference] = self._fate(reference)
            return fate.string

        spliced = references.splice(data, string)
        notes: list[Note] = []
        logical = any(fate.identifier for fate in fates.values())
        secret = self._secrets is not None and self._secrets.are_in(data)
        if logical or secret or self._is_edited(key) or attachments_of(data):
            edited, notes = self._edit(key, data, fates)
            spliced = references.splice(edited, string)
        top = members(spliced)
        if self._subject is not None:
            notes += self._subject.apply(resource_type, top)
        notes += apply(self._rules, resource_type, top)
        new_id = self.packet_id(key).partition("/")[2]
        tag = {"system": systems.TAG, "code": new_id}
        return Form(new_id, identified(top, new_id, [tag]), tuple(top), notes)

    def _fate(self, reference: str) -> Fate:
        # Most references are to the patient, an encounter, a physician: told apart once.
        if reference not in self._fates:
            self._fates[reference] = self._judge(reference)
        return self._fates[reference]

    def _judge(self, reference: str) -> Fate:
        key = self._links.key(reference)
        key = self._merged.get(key, key) if key else None
        if key in self._travels:
            assert key is not None
            return Fate(string=self.packet_id(key))
        target = self._links.target(reference)
        if target.kind is Kind.CONTAINED:
            return _KEPT
        if key or target.kind is Kind.LOCAL:
            return self._logical(key or target.local)
        if target.kind in (Kind.FOREIGN, Kind.URN):
            return Fate(identifier={"system": _URI, "value": reference})
        if match := _BY_IDENTIFIER.search(reference):
            return Fate(identifier={"system": match[1], "value": match[2]})
        return self._logical(reference)

    def _logical(self, value: str) -> Fate:
        # The receiver can ask the source for it by this name; it can't be followed as a link.
        return Fate(identifier={"system": self._system, "value": value})

    def _is_edited(self, key: str) -> bool:
        return key in self._twins or key in self._reports or key in self._withheld.concerns

    def _edit(self, key: str, data: bytes, fates: Mapping[str, Fate]) -> tuple[bytes, list[Note]]:
        resource = decode(data)
        notes: list[Note] = []
        # Before a Provenance is trimmed: with a target that is withheld goes what tells of it.
        if key in self._withheld.concerns and cut(resource, self._withheld):
            notes += lost(decode(data), resource, resource["resourceType"], CUT)
        if resource["resourceType"] == "Provenance":
            notes += _trim(resource, fates)
        shared = twin.contents if (twin := self._twins.get(key)) else frozenset()
        reports = self._reports.get(key, ())
        logical = any(fate.identifier for fate in fates.values())
        steps: Sequence[tuple[str, bool, Callable[[], None]]] = (
            (LOGICAL, logical, lambda: _make_logical(resource, fates)),
            (
                MOVED if shared else EMBEDDED,
                bool(shared or attachments_of(data)),
                lambda: self._embed(resource, shared),
            ),
            (MOVED, bool(reports), lambda: _relate(resource, reports)),
        )
        for rule, needed, step in steps:
            if needed:
                before = decode(encode(resource))
                step()
                notes += edits(before, resource, resource["resourceType"], rule)
        if self._secrets is not None:
            notes += self._secrets.mask(resource)
        return encode(resource), notes

    def _embed(self, resource: dict[str, Any], shared: frozenset[str]) -> None:
        def elsewhere(node: dict[str, Any]) -> bool:
            return bool(shared) and not shared.isdisjoint(self._links.contents(node))

        embed(resource, self._attached, elsewhere)


def _make_logical(resource: Any, fates: Mapping[str, Fate]) -> None:
    references.make_logical(resource, lambda reference: fates[reference].identifier)


def _relate(document: dict[str, Any], reports: Iterable[str]) -> None:
    """Say in a DocumentReference that DiagnosticReports have the same content."""
    for report in reports:
        context = document.setdefault("context", {})
        related = context.setdefault("related", []) if isinstance(context, dict) else None
        if isinstance(related, list) and {"reference": report} not in related:
            related.append({"reference": report})


def _trim(provenance: dict[str, Any], fates: Mapping[str, Fate]) -> list[Note]:
    """Leave only the targets that travel, unless none does."""
    targets = provenance.get("target") or []
    kept = [
        target
        for target in targets
        if isinstance(target, dict)
        and isinstance(reference := target.get("reference"), str)
        and fates[reference].string
    ]
    if not kept or len(kept) == len(targets):
        return []
    provenance["target"] = kept
    return [Note(TRIMMED, "Provenance.target", "dropped", len(targets) - len(kept))]
