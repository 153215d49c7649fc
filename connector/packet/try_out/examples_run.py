"""What the rules of a mapping file make of its examples.

Every example goes the way of a case: records through a case file, templates through the gate.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...errors import UsageError
from ...fhir.lossless import UndecodableError, decode, encode, sha256
from ...fhir.references import objects
from ...store.case.casefile import CaseFile
from ...store.pulled import chart
from ...store.pulled.records import drop_all
from ..author.layout import in_order, ordered, section_of
from ..author.templates import author
from ..carry import terms
from ..carry.rules_in_force import rule_of
from ..chart.about_condition import AboutCondition
from ..chart.index import Row, read_rows
from ..chart.match import Shelf, any_means, is_safety
from ..checklist.assess import presence
from ..record.dates import instant
from ..record.endpoint_secrets import Secrets
from ..record.links import Links
from ..record.security_labels import Labels
from ..release.consent import read_consent
from ..release.provision import Disclosure
from ..release.relations import is_note
from ..release.shadows import Tellers
from ..release.withheld import Withheld
from ..ruleset.change import Elements
from ..ruleset.content_rules import Programme, Terminology
from ..ruleset.examples import (
    AS_OF,
    NOTHING,
    ItemExample,
    OrderExample,
    ProgrammeExample,
    RuleExample,
)
from ..ruleset.kinds import KindsFile
from ..ruleset.mappings import Mappings
from ..ruleset.release_rules import (
    ConsentTerms,
    EndpointSecrets,
    Heuristic,
    LabelTerms,
    Never,
    Release,
    Shadows,
)
from ..ruleset.rules import (
    Advice,
    ChecklistFile,
    ChecklistItem,
    File,
    Order,
    Sections,
    Selection,
    Status,
    Template,
)


@dataclass(frozen=True)
class Bench:
    """Where examples are tried: a mapping set, and a case file that holds one example at a time."""

    mappings: Mappings
    case: CaseFile

    @classmethod
    @contextmanager
    def set_up(cls, mappings: Mappings) -> Iterator["Bench"]:
        """A bench with a case file of its own, gone afterwards."""
        with (
            TemporaryDirectory() as folder,
            CaseFile.open(Path(folder)) as case,
            case.rebuildable(),
        ):
            yield cls(mappings, case)

    def rows(self, *records: dict[str, Any]) -> list[Row]:
        """The records as the rules see them. `UsageError` for what is no FHIR resource."""
        keys = []
        with self.case.commit():
            drop_all(self.case)
            for number, record in enumerate(records):
                if "resourceType" not in record:
                    raise UsageError("the record has no resourceType", "Say of what type it is.")
                resource = {"id": f"example-{number}", **record}
                name, new_id, body = resource["resourceType"], resource["id"], encode(resource)
                kept = chart.Record(name, new_id, "1", sha256(body), body)
                chart.put_record(self.case, kept, "example")
                keys.append(f"{name}/{new_id}")
        links = Links(self.case, "https://example.org/fhir")
        found = {row.key: row for row in read_rows(self.case, links, self.mappings)}
        return [row for key in keys if isinstance(row := found[key], Row)]


def outcome(bench: Bench, name: str, file: File, example: Any) -> Any:
    """What an example's `is` has to say. `name`: the file's, without folder and suffix.

    Raises `ConnectorError` where there is nothing to say: a template that fails, say.
    """
    if isinstance(file, Order):
        return _in_order(bench, bench.mappings.orders[name], example)  # type: ignore[index]
    if isinstance(file, Template):
        return _holding(bench, name, file, example.variables, example.found)
    if isinstance(file, Terminology):
        return terms.meaning(file, example.code, bench.mappings.terminology)
    if isinstance(file, Programme):
        return _programme(bench, bench.mappings.programmes[name], example)
    if isinstance(file, ConsentTerms):
        return _consent(file, example.record)
    if isinstance(file, EndpointSecrets):
        notes = Secrets(file).mask(decode(encode(example.record)))
        return notes[0].rule if notes else NOTHING
    if isinstance(file, Shadows):
        return _shadow(bench, file, example.record)
    if isinstance(file, ChecklistFile):
        return _item(bench, bench.mappings.checklist(name).items, example)
    if isinstance(file, Sections):
        row, about = _about(bench, example)
        return section_of(row, bench.mappings.sections, about) or NOTHING
    (row,) = bench.rows(example.record)
    if isinstance(file, KindsFile):
        known = tuple(f"{kind} by {trust}" for kind, trust in sorted(row.kinds.items()))
        return known or NOTHING
    return _ruled(bench, file, row)


def _item(bench: Bench, items: Sequence[ChecklistItem], example: ItemExample) -> str:
    item = next((item for item in items if item.id == example.item), None)
    if item is None:
        raise UsageError(f"{example.item}: no such item", "Name an item of this file.")
    row, about = _about(bench, example)
    shelf = Shelf.of([row], instant(AS_OF), about)
    if not shelf.all_meant(item.match):
        return "another"
    if not shelf.wanted(item):
        return "older"
    return presence(row, bench.mappings.status)


def _about(bench: Bench, example: ItemExample | RuleExample) -> tuple[Row, AboutCondition]:
    """The record of an example, and what is about the condition that it names."""
    key = example.condition
    asked = [{"resourceType": "Condition", "id": key.removeprefix("Condition/")}] if key else []
    row, *conditions = bench.rows(example.record, *asked)
    return row, AboutCondition.of(key, {each.key: each for each in conditions})


def _ruled(bench: Bench, file: File, row: Row) -> str:
    """The rule, or section, of a file that a record comes under; of status/, what it counts as."""
    if isinstance(file, Status):
        return presence(row, bench.mappings.status)
    found: Iterator[str] = iter(())
    if isinstance(file, Selection):
        at = instant(AS_OF)
        found = (rule.id for rule in bench.mappings.selection.safety if is_safety(rule, row, at))
    elif isinstance(file, Release):
        # Of a note: as if something of its encounter were withheld.
        notes = file.notes_of_withheld_encounters
        said = [notes.id] if notes and is_note(row, notes) else []
        found = iter([*(rule.id for rule in file.rules if rule.labels & row.labels), *said])
    elif isinstance(file, Heuristic):
        found = (rule.id for rule in file.rules if rule.id in row.sensitive)
    elif isinstance(file, LabelTerms):
        labels = Labels(file)
        said = ["unknown"] if labels.unknown(row.labels) else []
        found = iter([*said, *(each.id for each in labels.lists(row.labels))])
    elif isinstance(file, Never):
        found = (rule.id for rule in file.rules if row.type in rule.types)
    elif isinstance(file, Advice):
        found = (name for name in ("surgery",) if any_means(bench.mappings.advice.surgery, row))
    return next(found, NOTHING)


def _shadow(bench: Bench, file: Shadows, record: dict[str, Any]) -> str:
    """Whether a record tells of what has the id `withheld`."""
    links = Links(bench.case, "https://example.org/fhir")
    withheld = Withheld(links)
    for node in objects(record):
        if str(node.get("reference")).endswith("/withheld"):
            withheld.add(node["reference"], None)
    return file.id if Tellers(file, links).tells(record, withheld) else NOTHING


def _consent(file: ConsentTerms, consent: dict[str, Any]) -> str:
    """What a Consent says of a disclosure for treatment to somebody whom nobody knows."""
    now = Disclosure(
        at=instant(AS_OF),
        purposes=file.purposes["treatment"],
        terms=file,
        receives=lambda *_: None,
        record=lambda reference: reference,
    )
    reading = read_consent(consent, now)
    words = {"unclear": reading.unclear, "denies": reading.denials, "permits": reading.permits}
    return next((word for word, found in words.items() if found), NOTHING)


def _in_order(bench: Bench, file: Order, example: OrderExample) -> tuple[str, ...]:
    if example.section is None:
        every = [s for s in bench.mappings.sections.sections if s.id in example.sections]
        first = [name for name in file.sections if name in example.sections]
        return tuple(section.id for section in ordered(every, first))
    rows = bench.rows(*example.records)
    return tuple(row.id for row in in_order(rows, file, example.section, ()))


def _holding(
    bench: Bench, name: str, file: Template, variables: dict[str, Any], expected: Sequence[str]
) -> tuple[str, ...]:
    """Which of the expected FHIRPath expressions hold of the resource that a template gives."""
    from fhirpathpy import compile as compile_fhirpath
    from fhirpathpy.models import models

    resource = decode(author(name, file, variables).body)
    if unknown := terms.undefined(resource, bench.mappings.terminology):
        raise UsageError(
            f"{', '.join(unknown)}: no such code in terminology/", "Correct it, or add the code."
        )
    return tuple(
        expression
        for expression in expected
        if compile_fhirpath(expression, models["r4"])(resource, {}) == [True]
    )


def _programme(bench: Bench, file: Programme, example: ProgrammeExample) -> Any:
    if example.change is not None:
        return _changed(file, example.change, example.record)
    if example.item is not None:
        said = ItemExample.model_construct(item=example.item, record=example.record)
        return _item(bench, file.items, said)
    (row,) = bench.rows(example.record)
    image = row.type in bench.mappings.selection.images
    return "stays" if image and file.accepts.images == "reports" else "travels"


def _changed(file: Programme, name: str, record: dict[str, Any]) -> Any:
    """The record after a change. Numbers are text in these files: they are read as written."""
    change = next((change for change in file.changes if change.id == name), None)
    if change is None:
        raise UsageError(f"{name}: no such change", "Name a change of this file.")
    resource = decode(encode(record))
    for _, parent, place in Elements(getattr(change, "elements", ())).found(
        str(record.get("resourceType")), resource
    ):
        with suppress(UndecodableError):
            parent[place] = decode(str(parent[place]).encode())
    deque(rule_of(change).edit(str(record.get("resourceType")), resource), maxlen=0)
    return _as_text(resource)


def _as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_text(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_as_text(child) for child in value]
    return str(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value
