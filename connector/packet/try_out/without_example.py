"""Which rules of a mapping file want an example of their own, and which of them one is about."""

from collections.abc import Sequence
from typing import Any

from ..ruleset.content_rules import Programme
from ..ruleset.kinds import CodeSystems, KindsFile
from ..ruleset.release_rules import Heuristic, LabelTerms, Never, Release
from ..ruleset.rules import ChecklistFile, File, Sections, Selection, Status


def rules_of(file: File) -> dict[str, tuple[str | int, ...]]:
    """What wants an example of its own, by what `covers` says, and where it stands in the file."""

    def listed(where: str, ids: Sequence[str]) -> dict[str, tuple[str | int, ...]]:
        return {rule: (where, number, "id") for number, rule in enumerate(ids)}

    if isinstance(file, ChecklistFile):
        return listed("items", [str(item.get("id")) for item in file.items])
    if isinstance(file, Status):
        return {name: ("types", name) for name in file.types}
    if isinstance(file, KindsFile):
        return listed("kinds", [kind.id for kind in file.kinds])
    if isinstance(file, CodeSystems):
        return {}
    if isinstance(file, Selection):
        return listed("safety", [rule.id for rule in file.safety])
    if isinstance(file, Release) and (notes := file.notes_of_withheld_encounters):
        place = ("notes_of_withheld_encounters",)
        return listed("rules", [rule.id for rule in file.rules]) | {notes.id: place}
    if isinstance(file, Release | Heuristic | Never):
        return listed("rules", [rule.id for rule in file.rules])
    if isinstance(file, LabelTerms):
        return listed("lists", [each.id for each in file.lists])
    if isinstance(file, Sections):
        return listed("sections", [s.id for s in file.sections if not s.text])
    if isinstance(file, Programme):
        return listed("items", [item.id for item in file.items]) | listed(
            "changes", [change.id for change in file.changes]
        )
    return {"": ()}  # the file as a whole


def covers(example: Any, file: File) -> str:
    """Which of `rules_of` an example is about."""
    if isinstance(file, ChecklistFile):
        return str(example.item)
    if isinstance(file, Status):
        return str(example.record.get("resourceType"))
    if isinstance(file, Programme):
        return example.item or example.change or ""
    if isinstance(file, Selection | Release | Heuristic | LabelTerms | Never | Sections):
        return str(example.found)
    if isinstance(file, KindsFile):
        # An example is about the first kind that it names.
        return str(example.found[0]).partition(" by ")[0] if example.found != "none" else ""
    return ""
