"""The CodeSystems, ValueSets and ConceptMaps of terminology/: what a code means there."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..ruleset.content_rules import Terminology
from ..ruleset.examples import NOTHING
from .translate import targets

Codes = dict[str, str]  # code → display


def code_systems(terminology: Mapping[str, Terminology]) -> dict[str, Codes]:
    """The codes of each CodeSystem that lists them all (`content: complete`), by its url."""
    return {
        file.resource["url"]: _codes(file.resource.get("concept"))
        for file in terminology.values()
        if file.resource.get("resourceType") == "CodeSystem"
        and file.resource.get("content") == "complete"
    }


def undefined(value: Any, terminology: Mapping[str, Terminology]) -> list[str]:
    """Codings in a resource, as `system|code`, whose CodeSystem is there and has no such code."""
    known = code_systems(terminology)
    return sorted(
        f"{system}|{code}"
        for system, code in _codings(value)
        if system in known and code not in known[system]
    )


def meaning(file: Terminology, token: str, terminology: Mapping[str, Terminology]) -> str:
    """What a file says of `system|code`: its display, or what a ConceptMap makes of it.

    `none` if it does not know the code.
    """
    system, _, code = token.rpartition("|")
    resource = file.resource
    if resource.get("resourceType") == "ConceptMap":
        added = targets(resource).get((system, code), [])
        return ", ".join(f"{coding['system']}|{coding['code']}" for coding in added) or NOTHING
    if resource.get("resourceType") == "CodeSystem":
        known = {resource.get("url"): _codes(resource.get("concept"))}
    else:
        known = dict(_included(resource, code_systems(terminology)))
    return known.get(system, {}).get(code, NOTHING)


def _included(value_set: dict[str, Any], known: dict[str, Codes]) -> Iterator[tuple[str, Codes]]:
    for include in value_set.get("compose", {}).get("include", []):
        system = include.get("system", "")
        every = known.get(system, {})
        listed = _codes(include.get("concept"))
        yield system, {c: d or every.get(c, c) for c, d in listed.items()} if listed else every


def _codes(concepts: Any) -> Codes:
    """Concepts and those below them."""
    codes: Codes = {}
    for concept in concepts or ():
        codes[concept["code"]] = concept.get("display", "")
        codes |= _codes(concept.get("concept"))
    return codes


def _codings(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("system"), str) and isinstance(value.get("code"), str):
            yield value["system"], value["code"]
        for child in value.values():
            yield from _codings(child)
    elif isinstance(value, list):
        for child in value:
            yield from _codings(child)
