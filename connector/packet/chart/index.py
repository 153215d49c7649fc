"""First pass over the chart: one small row per record, so that a chart never has to fit in memory.

A row holds what the rules ask about; the body stays in the case file until the packet is written.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from sys import intern
from typing import Any

from ...fhir.attachments import attachment_nodes
from ...fhir.lossless import UndecodableError, decode, encode
from ...fhir.references import named, objects, other_names, plain_names
from ...fhir.shapes import items
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ..record import findings, words
from ..record.belongs_to import belongs_to, labelled_parts, own_names
from ..record.dates import OPEN, Interval
from ..record.endpoint_secrets import Secrets
from ..record.kinds import KindFinder, Kinds, both, finder_of
from ..record.links import Links, identifier_token
from ..record.medication_supply import lasts_until
from ..record.security_labels import Labels
from ..record.sensitive_kinds import Guesses
from ..ruleset.change import Rule
from ..ruleset.mappings import Mappings
from ..ruleset.rules import TypeStatus
from . import opened
from .elements import (
    ERROR,
    NOTES,
    any_filled,
    coded_beside,
    date_of,
    in_own_words,
    keys_in,
    named_as,
    replaced_by,
    says_none,
    status_of,
    tokens_of,
)

# Kinds that a section tells in words alone; of all others its records tell.
_IN_WORDS = ("patient-goals", "patient-story")
_INSIDE_MAX = 2000  # records in documents, looked at one by one
_CODES = ("code", "type", "scope", "vaccineCode", "medicationCodeableConcept", "relationship")
_NO_TARGETS: frozenset[str] = frozenset()
# A Reference has one Identifier, where almost everything else has a list of them.
_LOGICAL = re.compile(rb'"identifier"\s*:\s*\{')
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
    site: str  # where in the body (bodySite), in words
    written: str  # the date as written
    when: Interval | None
    refers: tuple[str, ...]  # keys of records in the chart; of a Provenance: without its targets
    targets: frozenset[str] = _NO_TARGETS  # Provenance.target
    names: tuple[str, ...] = ()  # what else its references say: ids, and identifiers `system|value`
    contents: frozenset[str] = _NO_TARGETS  # of a note: what its attachments hold, see `Links`
    places: tuple[str, ...] = ()  # names of the encounters and episodes it belongs to
    own_names: tuple[str, ...] = ()  # of one of these: its identifiers
    sensitive: frozenset[str] = _NO_TARGETS  # rules of the guess at sensitive kinds
    kinds: Kinds = field(default_factory=dict)  # of kinds/*.yaml
    inside: tuple["Row", ...] = ()  # of a note or Composition: what stands in it, and counts
    holds: frozenset[str] = _NO_TARGETS  # keys and identifiers of all that stands in them
    replaces: tuple[str, ...] = ()  # of a document: keys of those that it says it replaces
    own_words: bool = False  # of a Goal: it is the patient who says it
    supplied_until: datetime | None = None  # of a medication: how long what was given lasts
    labelled_parts: tuple[str, ...] = ()  # of a document: records in sections that have a label

    @property
    def known(self) -> Kinds:
        """Its kinds, and those of what stands in it, each by what is most to be trusted."""
        return reduce(both, (each.kinds for each in self.inside), self.kinds)

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


def body(case: CaseFile, key: str) -> dict[str, Any] | None:
    """A record of the chart, decoded; None if it is not there or can't be."""
    resource_type, _, resource_id = key.partition("/")
    try:
        record = chart.record(case, resource_type, resource_id)
        resource: dict[str, Any] | None = decode(record.body) if record else None
    except UndecodableError:
        return None
    return resource


def read_rows(
    case: CaseFile,
    links: Links,
    mappings: Mappings,
    rules: Sequence[Rule] = (),
) -> Iterator[Row | Unreadable]:
    """One row per record, in the order of the chart, of what it is after `rules` changed it."""
    labels = Labels(mappings.labels)
    secrets = Secrets.of(case, mappings.endpoints)
    guesses = Guesses(mappings.heuristic)
    finder = finder_of(mappings.kinds)
    sets: _Sets = {}  # most records have the codes of many others: each set is kept once
    for record in chart.records(case):
        try:
            resource = decode(record.body)
        except UndecodableError:
            yield Unreadable(f"{record.type}/{record.id}", record.type, record.id)
            continue
        if secrets.may_be_in(record.body):
            secrets.mask(resource)
        for rule in rules:
            deque(rule.edit(record.type, resource), maxlen=0)
        presence = mappings.status.types.get(record.type)
        held = opened.inside(case, resource, record.body, links)
        names = named_as(resource)
        row = _row(record, resource, links, presence, labels, sets)
        row = replace(
            row,
            sensitive=guesses.of(record.type, record.body),
            kinds=finder.of(row.type, row.codes, row.categories, names),
        )
        if held.resources:
            row = _with(row, held, links, mappings, labels, guesses, finder, sets)
        if record.type == "Composition":
            row = replace(row, inside=tuple(_told(row, resource, finder)))
        implied = finder.labels(row.known)
        yield replace(row, labels=row.labels | labels.of_contents(implied)) if implied else row


def _with(
    row: Row,
    held: opened.Inside,
    links: Links,
    mappings: Mappings,
    labels: Labels,
    guesses: Guesses,
    finder: KindFinder,
    sets: _Sets,
) -> Row:
    """A row with what stands in the documents of its record.

    A label of it is one of the record, and so is a guess at its kind. Where the record does not
    say what it is, its document's Composition does.
    """
    marks, guessed, kinds = row.labels, row.sensitive, row.kinds
    inside: list[Row] = []
    for resource in held.resources:
        body = encode(resource)
        record = chart.Record(resource["resourceType"], str(resource.get("id")), "", "", body)
        marks |= labels.of(resource, body)
        guessed |= guesses.of(record.type, body)
        if len(inside) == _INSIDE_MAX or row.type not in NOTES:
            continue
        rules = mappings.status.types.get(record.type)
        names = named_as(resource)
        one = _row(record, resource, links, rules, labels, sets)
        if record.type == "Composition":
            if mappings.vague.issuperset(kinds):
                kinds = finder.of(row.type, one.codes, one.categories, names) or kinds
            inside += _told(one, resource, finder) if _counts(one, rules) else ()
        elif _counts(one, rules):
            known = finder.of(one.type, one.codes, one.categories, names)
            # Its references lead to what stands beside it, not to records of the chart.
            inside.append(replace(one, kinds=known, refers=(), names=(), targets=_NO_TARGETS))
    for bundle in held.around:
        marks |= labels.of(bundle, encode(bundle))
    return replace(
        row,
        labels=marks,
        sensitive=guessed,
        kinds=kinds,
        inside=tuple(inside),
        holds=held.names,
    )


def _told(row: Row, composition: dict[str, Any], finder: KindFinder) -> Iterator[Row]:
    """What the sections of a Composition tell that have words and no records: a patient's story."""
    for section in findings.sections_of(composition):
        if section.get("entry") or not findings.narrative_text(section):
            continue
        named = {"resourceType": row.type, "type": section.get("code")}
        if isinstance(section.get("title"), str):
            named["title"] = section["title"]
        codes = frozenset(tokens_of(section.get("code")))
        found = finder.of(row.type, codes, _NO_TARGETS, named_as(named))
        if kinds := {kind: trust for kind, trust in found.items() if kind in _IN_WORDS}:
            yield replace(row, kinds=kinds, codes=codes, refers=(), names=(), inside=())


def _counts(row: Row, rules: TypeStatus | None) -> bool:
    """Whether what stands in a document tells something: it has content, and is not refuted."""
    if row.error or not row.readable:
        return False
    if rules is None:
        return True
    return rules.refuted.isdisjoint(row.verification) and (
        not rules.present or row.status in rules.present
    )


def as_cut(row: Row, resource: dict[str, Any], rules: Sequence[Rule], secrets: Secrets) -> Row:
    """A row with the words that its record has left, `resource` being what was left of it."""
    secrets.mask(resource)
    for rule in rules:
        deque(rule.edit(row.type, resource), maxlen=0)
    said = replace(row, title=intern(words.title(resource)), finding=findings.finding(resource))
    # What the sections of a document told is gone with their texts.
    return replace(said, inside=()) if row.type == "Composition" else said


def _row(
    record: chart.Record,
    resource: Any,
    links: Links,
    rules: TypeStatus | None,
    labels: Labels,
    sets: _Sets,
) -> Row:
    resource_type, resource_id = intern(record.type), record.id

    def tokens(*values: Any) -> frozenset[str]:
        found = frozenset(token for value in values for token in tokens_of(value))
        return sets.setdefault(found, found)

    written, when = date_of(resource)
    status = status_of(resource)
    verification = tokens(resource.get("verificationStatus"))
    body = plain_names(record.body)
    written_references = named(body)
    elsewhere = [said for said in written_references if not links.key(said)]
    names = [name for said in elsewhere for name in other_names(said)]
    if _LOGICAL.search(record.body):
        identifiers = (node.get("identifier") for node in objects(resource))
        names += [identifier_token(found) for found in identifiers if isinstance(found, dict)]
    targets = contents = _NO_TARGETS
    if resource_type == "Provenance":
        targets = frozenset(keys_in(resource.pop("target", None), links))
        refers = keys_in(resource, links)
    else:
        refers = filter(None, map(links.key, written_references))
    urls = [] if b'"url"' not in body else [n.get("url") for n in attachment_nodes(resource)]
    attached = [label for url in urls for label in links.labels(url)]
    if resource_type in NOTES:
        nodes = attachment_nodes(resource)
        contents = frozenset(name for node in nodes for name in links.contents(node))
    return Row(
        key=f"{resource_type}/{resource_id}",
        type=resource_type,
        id=resource_id,
        status=status,
        document_status=str(resource.get("docStatus") or ""),
        intent=str(resource.get("intent") or ""),
        verification=verification,
        error=ERROR in (status, resource.get("docStatus")) or ERROR in verification,
        readable=rules is None
        or all(any_filled(resource, group, links) for group in rules.readable),
        codes=tokens(*map(resource.get, _CODES), *coded_beside(resource)),
        categories=tokens(resource.get("category")),
        labels=labels.of(resource, body) | labels.of_contents(attached),
        title=intern(words.title(resource)),
        finding=findings.finding(resource),
        says_none=says_none(resource),
        site=intern(" ".join(filter(None, map(words.called, items(resource.get("bodySite")))))),
        written=written,
        when=when,
        refers=tuple(dict.fromkeys(refers)),
        targets=targets,
        names=tuple(dict.fromkeys(names)),
        contents=contents,
        places=(*belongs_to(resource, links), *(c for c in map(links.context, urls) if c)),
        own_names=own_names(resource),
        replaces=tuple(replaced_by(resource, links)),
        own_words=in_own_words(resource),
        supplied_until=lasts_until(resource) if resource_type.startswith("Medication") else None,
        labelled_parts=labelled_parts(resource, labels.extensions, links),
    )
