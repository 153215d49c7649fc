"""Codes translated by a ConceptMap: the other system's coding beside the one the source wrote.

R4 conceptmap.html. What the source said stays first and as it was; a concept that already has a
coding of the target system gets none of ours, since the source knew better.
"""

from collections.abc import Iterator
from typing import Any

from ..ruleset.change import Elements, Note
from ..ruleset.content_rules import Applies

# R4 valueset-concept-map-equivalence: the others say another thing, or less, or more.
_SAME = ("equal", "equivalent")


class Translation:
    """A ConceptMap where it applies. `concept_map`: a decoded R4 ConceptMap.

    A target that holds only under a condition (dependsOn, product) is left out: it would have to
    be judged by other elements.
    """

    def __init__(self, rule: Applies, concept_map: dict[str, Any]) -> None:
        self.id, self.reason = rule.id, rule.reason
        self._elements = Elements(rule.elements)
        self.members = self._elements.members
        self._targets = frozenset(group.get("target") for group in _list(concept_map, "group"))
        self._codings = targets(concept_map)

    def edit(self, resource_type: str, part: dict[str, Any]) -> Iterator[Note]:
        for path, parent, place in self._elements.found(resource_type, part):
            codings = _codings(parent[place])
            if not codings or any(coding.get("system") in self._targets for coding in codings):
                continue
            added = self._for(codings)
            parent[place]["coding"] += added
            yield Note(self.id, path, "translated" if added else "untranslated")

    def _for(self, codings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        added: list[dict[str, Any]] = []
        for coding in codings:
            known = self._codings.get((coding.get("system"), coding.get("code")), [])
            added += [dict(new) for new in known if new not in added]
        return added


def targets(concept_map: dict[str, Any]) -> dict[tuple[Any, Any], list[dict[str, Any]]]:
    """What a ConceptMap gives for (system, code): the codings of the same meaning."""
    found: dict[tuple[Any, Any], list[dict[str, Any]]] = {}
    for group in _list(concept_map, "group"):
        for element in _list(group, "element"):
            known = found.setdefault((group.get("source"), element.get("code")), [])
            for target in _list(element, "target"):
                coding = {"system": group.get("target"), "code": target.get("code")}
                if "display" in target:
                    coding["display"] = target["display"]
                if _same(target) and coding not in known:
                    known.append(coding)
    return found


def _same(target: dict[str, Any]) -> bool:
    conditions = target.get("dependsOn") or target.get("product")
    return "code" in target and target.get("equivalence") in _SAME and not conditions


def _list(value: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return value.get(name) or []


def _codings(concept: Any) -> list[dict[str, Any]]:
    """The codings of a CodeableConcept that have a code."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    if not isinstance(codings, list):
        return []
    return [coding for coding in codings if isinstance(coding, dict) and "code" in coding]
