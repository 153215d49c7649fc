"""The checklists of a set: each with the items of the one that it extends, changed, and its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ... import yamlfile
from .file import Read, once, wrong
from .names_used import Names, expanded
from .rules import Checklist, ChecklistFile, ChecklistItem, Place


@dataclass(frozen=True)
class _Item:
    """An item of a checklist as it is written, as a rule, and where it was last written."""

    written: dict[str, Any]
    rule: ChecklistItem
    place: Place


class Checklists:
    """`files`: by name. `section`: raises `UsageError` for a section that is not there."""

    def __init__(
        self,
        files: Mapping[str, Read[ChecklistFile]],
        names: Names,
        section: Callable[[str, Place], None],
    ) -> None:
        self._files = files
        self._names = names
        self._section = section
        self._listed: dict[str, dict[str, _Item]] = {}

    def all(self) -> dict[str, Checklist]:
        """Every checklist by its name. `UsageError` for what is wrong with one."""
        return {name: self._checklist(name) for name in self._files}

    def _checklist(self, name: str) -> Checklist:
        items = self._items(name, ())
        rules = tuple(item.rule for item in items.values())
        return Checklist(rules, {key: item.place for key, item in items.items()})

    def _items(self, name: str, chain: Sequence[str]) -> dict[str, _Item]:
        """The items of a checklist: those of the one it extends, changed, and its own."""
        if name not in self._listed:
            self._listed[name] = self._read_items(name, chain)
        return dict(self._listed[name])

    def _read_items(self, name: str, chain: Sequence[str]) -> dict[str, _Item]:
        found = self._files[name]
        self._names.check(found)
        items: dict[str, _Item] = {}
        if base := found.file.extends:
            if base not in self._files:
                raise wrong(found.place("extends"), f"{base}: no such checklist")
            if base in (*chain, name):
                raise wrong(found.place("extends"), f"{base}: extends itself")
            items = self._items(base, (*chain, name))
        for number, gone in enumerate(found.file.without):
            if items.pop(gone, None) is None:
                raise wrong(found.place("without", number), f"{gone}: no such item to leave out")
        once(found, "items", [str(item.get("id")) for item in found.file.items])
        for number, written in enumerate(found.file.items):
            key = str(written.get("id"))
            before = items[key].written if key in items else {}
            items[key] = self._item(found, number, {**before, **written})
        return items

    def _item(self, found: Read[ChecklistFile], number: int, written: dict[str, Any]) -> _Item:
        lines = {
            where[2:]: line for where, line in found.lines.items() if where[:2] == ("items", number)
        }
        rule = yamlfile.load(ChecklistItem, written, lines, str(found.path))
        rule = expanded(rule, self._names.types)
        place = Place(found.path, lines[("id",)])
        self._section(rule.section, Place(found.path, lines.get(("section",), place.line)))
        return _Item(written, rule, place)
