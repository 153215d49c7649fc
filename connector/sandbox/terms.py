"""What a stored resource can be found by: (parameter, value) pairs for the inverted index."""

from collections.abc import Iterable, Iterator
from typing import Any

from .outcome import Resource
from .parameters import NONE, PARAMETERS

Term = tuple[str, str]
COMPARTMENT = "*"  # not a parameter's name: by whom the compartment holds the resource


def terms(resource: Resource, links: Iterable[tuple[str, str]]) -> frozenset[Term]:
    """Every term of a resource; `links` are its `references.links`.

    A token is found as `system|code`, `code` and `system|`, without a system as `|code` too; a
    reference as `Type/id` and as the bare `id`.
    """
    parameters = PARAMETERS.get(resource["resourceType"], NONE)
    found = {("_id", resource["id"]), *_meta(resource)}
    for name, paths in parameters.tokens.items():
        found.update((name, token) for path in paths for token in _tokens(_at(resource, path)))
    # A date is found by its month and by its year too (search.html#date).
    found.update(
        ("birthdate", born[:most])
        for name, born in set(found)
        if name == "birthdate"
        for most in (4, 7)
    )
    targets = list(links)
    for name, paths in parameters.references.items():
        for path, target in targets:
            if path in paths:
                found.update({(name, target), (name, target.partition("/")[2])})
    found.update(
        (COMPARTMENT, target) for path, target in targets if path in parameters.compartment
    )
    return frozenset(found)


def _meta(resource: Resource) -> Iterator[Term]:
    meta = resource.get("meta", {})
    for name in ("tag", "security"):
        yield from ((f"_{name}", token) for token in _tokens(meta.get(name, [])))
    yield from (("_profile", profile) for profile in meta.get("profile", []))


def _at(value: Any, path: str) -> list[Any]:
    """All values at a dotted element path, lists flattened."""
    values = [value]
    for name in path.split("."):
        children = (item.get(name) for item in values if isinstance(item, dict))
        values = [item for child in children for item in (_listed(child))]
    return values


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _tokens(values: list[Any]) -> Iterator[str]:
    """Search tokens of codes, Codings, CodeableConcepts and Identifiers."""
    for value in values:
        if isinstance(value, str):
            yield from _token(None, value)
        elif isinstance(value, dict) and "coding" in value:
            yield from _tokens(value["coding"])
        elif isinstance(value, dict):
            yield from _token(value.get("system"), value.get("value") or value.get("code"))


def _token(system: str | None, code: Any) -> Iterator[str]:
    if system:
        yield f"{system}|"
    if isinstance(code, str):
        yield code
        yield f"{system or ''}|{code}"
