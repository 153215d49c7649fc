"""What became of each planted record, and of what a case says must be told or is no answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.clinic.charts import Case, Resource, key
from benchmarks.clinic.program import Seen, ask_all

_NO_SECTION = "other"  # the section for what no other takes: nothing planted belongs there


@dataclass
class Tally:
    """How many of how many, and what is wrong, in words."""

    held: int = 0
    of: int = 0
    wrong: list[str] = field(default_factory=list)

    def count(self, holds: bool, wrong: str) -> None:
        self.of += 1
        self.held += holds
        if not holds:
            self.wrong.append(wrong)

    def __str__(self) -> str:
        return f"{self.held} of {self.of}" if self.of else "-"


@dataclass
class Judged:
    """One case: its planted records, and what it tells of items."""

    name: str
    case_type: str
    selected: Tally = field(default_factory=Tally)
    section: Tally = field(default_factory=Tally)
    status: Tally = field(default_factory=Tally)
    known: Tally = field(default_factory=Tally)
    answers: Tally = field(default_factory=Tally)
    missing: Tally = field(default_factory=Tally)
    false_answers: Tally = field(default_factory=Tally)
    how: dict[str, int] = field(default_factory=dict)  # code | category | words → records

    @property
    def tallies(self) -> tuple[Tally, ...]:
        return (
            self.selected, self.section, self.status, self.known, self.answers, self.missing,
            self.false_answers,
        )  # fmt: skip

    @property
    def wrong(self) -> list[str]:
        return [f"{self.name}: {line}" for tally in self.tallies for line in tally.wrong]


def judge(cases: list[Case]) -> list[Judged]:
    seen = ask_all((case.records, case.request) for case in cases)
    return [judged(*pair) for pair in zip(cases, seen, strict=True)]


def judged(case: Case, seen: Seen) -> Judged:
    found = Judged(case.name, str(case.request.get("case_type", "general")))
    if seen.problem:
        found.selected.count(False, f"no packet: {seen.problem}")
        return found
    called = {key(record): record for record in case.records}
    for expected in case.expect:
        _judge_record(found, expected, called[expected["record"]], seen)
    for item in case.missing:
        told = seen.missing.get(item) or seen.items.get(item, {})
        holds = bool(told.get("ask")) and told["kind"] != "present"
        found.missing.count(holds, f"{item}: not told as missing ({told.get('kind')})")
    listed = [r for group in seen.told["outline"].get("unknown", ()) for r in group["records"]]
    for record in case.unknown:
        found.known.count(record in listed, f"{record}: not among those of unknown kind")
    said = " ".join(seen.told["outline"].get("people", ())).lower()
    for word in case.people:
        found.status.count(word.lower() in said, f"not told before approval: {word} ({said})")
    for item, record in case.not_answers:
        kind = seen.items.get(item, {}).get("kind")
        holds = kind not in (None, "present") and item not in seen.answers(record)
        by = [each for each in seen.explained if item in seen.answers(each)]
        found.false_answers.count(
            holds, f"{item}: told as {kind}, answered by {', '.join(by)}; {record} is no answer"
        )
    return found


def _judge_record(found: Judged, expected: dict[str, Any], resource: Resource, seen: Seen) -> None:
    record = expected["record"]
    said = seen.explained.get(record, {})
    wanted = expected.get("selected", True)  # None: it may, or may not
    selected = said.get("outcome") == "selected"
    if wanted is not None:
        found.selected.count(
            selected is wanted,
            f"{record}: {said.get('outcome', 'not in the chart')}"
            f" ({said.get('rule')}: {said.get('reason')})",
        )
    kinds = said.get("kinds", {})
    for kind, how in expected.get("known", {}).items():
        found.known.count(
            kinds.get(kind) == how, f"{record}: {kind} by {kinds.get(kind)}, not by {how} ({kinds})"
        )
    for kind in expected.get("unknown", ()):
        found.known.count(kind not in kinds, f"{record}: {kind} by {kinds.get(kind)}, and is none")
    for how in {*kinds.values()}:
        found.how[how] = found.how.get(how, 0) + 1
    for item in expected.get("answers", ()):
        found.answers.count(
            item in seen.answers(record), f"{record}: answers {seen.answers(record)}, not {item}"
        )
    if not (wanted and selected):
        return
    shelves = seen.shelf(record)
    names = [section.id for section in shelves]
    section = expected.get("section")
    holds = section in names if section else any(name != _NO_SECTION for name in names)
    found.section.count(holds, f"{record}: in {names or 'no section'}, not in {section or 'one'}")
    for word in expected.get("status", ()):
        called = [*_called(resource), *expected.get("readable", ())]
        rows = [row for section in shelves for row in section.rows]
        holds = any(
            word.lower() in row and any(name.lower() in row for name in called) for row in rows
        )
        found.status.count(holds, f"{record}: no row of it says {word}")


def _called(resource: Resource) -> Iterator[str]:
    """What a record may be called in a row."""
    for name in ("code", "type", "medicationCodeableConcept", "vaccineCode", "scope"):
        concept = resource.get(name)
        if isinstance(concept, dict):
            yield from filter(None, [concept.get("text")])
            yield from (c["display"] for c in concept.get("coding", ()) if c.get("display"))
    for name in ("description", "title"):
        if isinstance(resource.get(name), str):
            yield resource[name]
