"""SMART scopes: the least to ask for, and what the granted ones allow. Pure.

SMART App Launch 2.2, scopes-and-launch-context: `system/Type.read|write|*` (version 1) and
`system/Type.cruds` (version 2; letters in this order; a query after `?` narrows it).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_SCOPE = re.compile(
    r"system/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<can>read|write|\*|c?r?u?d?s?)(?P<query>\?.*)?"
)
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
READ = "rs"
WRITE = "cu"


@dataclass(frozen=True, slots=True)
class Scope:
    """One system scope. `can`: letters of c, r, u, d, s; `narrowed`: by a query."""

    text: str
    type: str
    can: frozenset[str]
    narrowed: bool

    def covers(self, resource_type: str, letters: str) -> bool:
        return self.type in ("*", resource_type) and self.can >= set(letters)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows. `scopes` None: the server did not say it in system scopes."""

    asked: tuple[str, ...]
    scopes: tuple[Scope, ...] | None
    expires_in_s: float | None

    def allows(self, resource_type: str, letters: str) -> bool | None:
        """Whether each of `letters` is granted for the type; None: nobody knows before asking."""
        if self.scopes is None:
            return None
        return all(any(s.covers(resource_type, one) for s in self.scopes) for one in letters)

    def in_part(self, resource_type: str, letters: str) -> bool:
        """Whether it is granted through a query only, so that some records stay out of sight."""
        whole = [s for s in self.scopes or () if not s.narrowed]
        everything = all(any(s.covers(resource_type, one) for s in whole) for one in letters)
        return bool(self.allows(resource_type, letters)) and not everything


def parse(texts: Iterable[str]) -> tuple[Scope, ...]:
    """The system scopes among `texts`; others (`openid`, a server's own words) are left out."""
    found = (_SCOPE.fullmatch(text) for text in texts)
    return tuple(
        Scope(m[0], m["type"], frozenset(_V1.get(m["can"], m["can"])), m["query"] is not None)
        for m in found
        if m and m["can"]
    )


def letters_for(resource_type: str, letters: str) -> str:
    """A Binary is read by its id only: to search it is never asked for."""
    return letters.replace("s", "") if resource_type == "Binary" else letters


def least(
    types: Collection[str],
    rights: Collection[str],
    capabilities: Collection[str],
    supported: Collection[str],
) -> tuple[str, ...]:
    """The scopes to ask for: for each type and right (`READ`, `WRITE`) the narrowest there is.

    `capabilities`, `supported`: of the server's smart-configuration. A server that lists system
    scopes is asked for listed ones only, because an unknown scope makes some refuse the whole
    request (Keycloak does). Version 2 where only that is declared; otherwise version 1.
    """
    listed = [scope for scope in parse(supported) if not scope.narrowed]
    newer = "permission-v2" in capabilities and "permission-v1" not in capabilities
    wanted = [(name, letters_for(name, right)) for name in sorted(types) for right in rights]
    if not listed:
        return tuple(dict.fromkeys(_written(*one, newer) for one in wanted))
    return tuple(_listed(wanted, listed, newer))


def _listed(wanted: list[tuple[str, str]], listed: list[Scope], newer: bool) -> list[str]:
    """Of `listed`, as few as cover what can be covered, in one way of writing if one does.

    Some servers refuse a request that mixes `system/*.rs` with `system/*.r` or `system/*.read`.
    """
    one_way = [scope for scope in listed if _is_v1(scope) != newer]
    for among in (one_way, [scope for scope in listed if scope not in one_way], listed):
        wholly = all(_fit(one, among) or not _fit(one, listed) for one in wanted)
        if wholly:
            break
    chosen: list[Scope] = []
    # What few scopes fit comes first: it may bring the rest along.
    for one in sorted(wanted, key=lambda one: (len(_fit(one, among)), one)):
        fit = _fit(one, among)
        if fit and not _fit(one, chosen):
            chosen.append(min(fit, key=lambda s: (s.type == "*", len(s.can))))
    for scope in list(chosen):
        rest = [other for other in chosen if other is not scope]
        if all(_fit(one, rest) or not _fit(one, chosen) for one in wanted):
            chosen = rest
    return sorted(scope.text for scope in chosen)


def _fit(one: tuple[str, str], scopes: list[Scope]) -> list[Scope]:
    return [scope for scope in scopes if scope.covers(*one)]


def _written(name: str, letters: str, newer: bool) -> str:
    if newer:
        return f"system/{name}.{letters}"
    return f"system/{name}.{'read' if 'r' in letters else 'write'}"


def _is_v1(scope: Scope) -> bool:
    return scope.text.rpartition(".")[2] in _V1
