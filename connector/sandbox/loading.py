"""Filling a sandbox from a chart file: ids are kept, so that tests can compare."""

from typing import Any
from urllib.parse import parse_qsl

from ..fhir.lossless import decode
from . import search
from .outcome import Resource
from .references import conditional, rewrite
from .store import Store


def load(store: Store, bundle: bytes) -> None:
    """Store the entries of a transaction, batch or collection Bundle, Synthea's shape included.

    A resource keeps its id; one that `request.ifNoneExist` finds is not stored again. References
    to an entry's fullUrl and conditional references (`Practitioner?identifier=…`) become
    `Type/id`; all others stay as they are. Raises `LookupError` when a condition does not find
    exactly one resource, for instance a practitioner whose bundle was not loaded before, and
    `ValueError` for what is no Bundle of records.
    """
    entries = _entries(decode(bundle))
    references = [_reference(store, entry) for entry in entries]
    renamed = {
        entry["fullUrl"]: reference
        for entry, reference in zip(entries, references, strict=True)
        if "fullUrl" in entry
    }
    resolved: dict[str, str] = {}

    def resolve(reference: str) -> str:
        if reference in renamed:
            return renamed[reference]
        if reference not in resolved:
            condition = conditional(reference)
            resolved[reference] = _only(store, *condition) if condition else reference
        return resolved[reference]

    for entry, reference in zip(entries, references, strict=True):
        if reference not in _found(store, entry):
            rewrite(entry["resource"], resolve, renamed)
            store.commit([store.successor(entry["resource"], reference)])


def _entries(bundle: Any) -> list[Resource]:
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        raise ValueError("no FHIR Bundle")
    entries = bundle.get("entry", [])
    for number, entry in enumerate(entries if isinstance(entries, list) else [None], 1):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise ValueError(f"entry {number} holds no resource")  # noqa: TRY004 - a wrong file
    found: list[Resource] = entries
    return found


def _reference(store: Store, entry: Resource) -> str:
    if found := _found(store, entry):
        return found[0]
    name = entry["resource"]["resourceType"]
    return f"{name}/{entry['resource'].get('id') or store.new_id(name)}"


def _found(store: Store, entry: Resource) -> list[str]:
    """References of what the entry's ifNoneExist finds."""
    condition = entry.get("request", {}).get("ifNoneExist")
    if not condition:
        return []
    name = entry["resource"]["resourceType"]
    query = parse_qsl(condition.rpartition("?")[2])
    return [version.reference for version in search.matches(store, name, query)]


def _only(store: Store, name: str, condition: str) -> str:
    found = search.matches(store, name, parse_qsl(condition))
    if len(found) != 1:
        raise LookupError(
            f"it refers to a {name} by a search that finds {len(found)}, not one (a Synthea"
            " chart needs its hospitals' and practitioners' files before it)"
        )
    return found[0].reference
