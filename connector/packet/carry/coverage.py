"""What became of the chart's elements on their way into the packet, counted by element path."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from ...store.mapped.coverage import Changed, Line
from ...store.pulled.chart import Record
from ..ruleset.change import Note

_OURS = ("resourceType", "id")  # told anew in every packet
CUT = "withheld-reference"  # what named a withheld record; never told to the receiver
TRIMMED = "provenance-trimmed"  # targets of a Provenance that do not travel
LOGICAL = "reference-logical"  # a reference to what does not travel: an identifier in its place
EMBEDDED = "attachment-embedded"  # bytes in place of a URL that opens for nobody else
MOVED = "content-in-document"  # a report's bytes that stand in its document, which refers to it


class ChangedBy(NamedTuple):
    """What one rule changed. `records`: packet reference and `Type/id` at the source of each."""

    rule: str
    reason: str
    paths: Sequence[str]
    records: Sequence[tuple[str, str]]


class Named(Protocol):
    """Something that changes records, by the id and reason of its rule."""

    @property
    def id(self) -> str: ...

    @property
    def reason(self) -> str: ...


class Coverage:
    """Counts while the packet is written.

    `carried` counts records by their top-level elements (`Observation.code`): to know them, a
    record need not be decoded. The other counts are of changes, at the path where each was made.
    """

    def __init__(self) -> None:
        self._shapes: Counter[tuple[str, ...]] = Counter()
        self._noted: Counter[tuple[str, str]] = Counter()
        self.changed: list[Changed] = []

    def add(self, record: Record, members: Sequence[str], notes: Iterable[Note]) -> None:
        """Count one record as it travels: the names of its members, and what was done to it."""
        self._shapes[(record.type, *members)] += 1
        here: dict[tuple[str, str], Changed] = {}
        for note in notes:
            self._noted[note.path, note.what] += note.times
            if note.what != "untranslated":
                changed = Changed(record.type, record.id, note.rule, note.path, note.what)
                here[note.rule, note.path] = changed
        self.changed += here.values()

    def lines(self) -> list[Line]:
        """The counts, by element path."""
        carried: Counter[str] = Counter()
        for (resource_type, *members), count in self._shapes.items():
            # `_birthDate` holds what else belongs to `birthDate` (R4 json.html#primitive)
            names = {name.removeprefix("_") for name in members if name not in _OURS}
            carried.update({f"{resource_type}.{name}": count for name in names})
        return [
            Line(path, carried[path], *(self._noted[path, what] for what in Line._fields[2:]))
            for path in sorted({*carried, *(path for path, _ in self._noted)})
        ]

    def changed_by(
        self, rules: Iterable[Named], packet_id: Callable[[str], str]
    ) -> Iterator[ChangedBy]:
        """What each of `rules` changed, for those that changed something."""
        for rule in rules:
            done = [changed for changed in self.changed if changed.rule == rule.id]
            keys = dict.fromkeys(f"{changed.type}/{changed.id}" for changed in done)
            if keys:
                paths = sorted({changed.path for changed in done})
                yield ChangedBy(
                    rule.id, rule.reason, paths, [(packet_id(key), key) for key in keys]
                )


def lost(before: Any, after: Any, resource_type: str, rule: str) -> list[Note]:
    """What a decoded record had and has no longer, by path; of what stood inside, nothing more."""
    gone = Counter(_paths(before, resource_type)) - Counter(_paths(after, resource_type))
    return [
        Note(rule, path, "dropped", count)
        for path, count in gone.items()
        if path.rpartition(".")[0] not in gone
    ]


def edits(before: Any, after: Any, resource_type: str, rule: str) -> list[Note]:
    """What a decoded record has in another form or place, by path: nothing is lost by it."""
    found = lost(before, after, resource_type, rule) + lost(after, before, resource_type, rule)
    return [note._replace(what="changed") for note in found]


def _paths(node: Any, path: str) -> Iterator[str]:
    """The path of each element, once for each repetition. A record may be deeper than a stack."""
    stack = [(node, path)]
    while stack:
        node, path = stack.pop()
        if not isinstance(node, dict):
            continue
        for name, child in reversed(node.items()):
            for item in child if isinstance(child, list) else [child]:
                yield f"{path}.{name}"
                stack.append((item, f"{path}.{name}"))
