"""Gaps: what a failed exchange means, and many small gaps told as one."""

import re
import threading
from collections.abc import Collection

from ..errors import Answered, EndpointError, Forbidden
from ..store.casefile import CaseFile
from ..store.chart import NAMES, Query, add_gap, gaps, parts

_TRANSIENT = (408, 425, 429)
_PLACES_MAX = 5


def kind_of(error: EndpointError) -> str:
    """`refused` if the server (or our own rule) says no, `failed` if something broke."""
    if isinstance(error, Answered):
        client_error = 400 <= error.status < 500 and error.status not in _TRANSIENT
        return "refused" if client_error else "failed"
    return "refused" if isinstance(error, Forbidden) else "failed"


def gap_name(key: str) -> str:
    """What a gap of a query is called: the query's key, without the number of a batch."""
    return key.partition("?batch=")[0]


def gap_type(what: str) -> str:
    """The resource type that a gap is about, or the name of what else it is about."""
    return re.split(r"[ ?]", what, maxsplit=1)[0]


def report(case: CaseFile, expected: Collection[str], what: str, kind: str, why: str) -> None:
    """Store a gap; a second reason for the same gap is told beside the first.

    `expected`: the operator's list of query keys and types; a gap on it is stored as expected.
    """
    with case.commit():
        before = [g.why for g in gaps(case) if (g.what, g.kind) == (what, kind)]
        reasons = before[0].split("; ") if before else []
        if why not in reasons:
            reasons.append(why)
        known = all(part in expected or gap_type(part) in expected for part in parts(what))
        add_gap(case, what, kind, "; ".join(reasons), expected=known)


class Missing:
    """Counts what single references and attachments failed of, to be told without any id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], int] = {}
        self._reasons: dict[tuple[str, str, str], dict[str, set[str]]] = {}

    def add(self, name: str, role: str, kind: str, why: str, where: str = "") -> None:
        """One more `name` in that `role` is missing: told as `name (3 role)`.

        `where`: the record and element that it is missing at; the first few are told.
        """
        with self._lock:
            key = (name, role, kind)
            self._counts[key] = self._counts.get(key, 0) + 1
            places = self._reasons.setdefault(key, {}).setdefault(why, set())
            places.update({where} if where else ())

    def report(self, case: CaseFile, expected: Collection[str]) -> None:
        """Store all as gaps."""
        for (name, role, kind), count in sorted(self._counts.items()):
            for why, places in sorted(self._reasons[name, role, kind].items()):
                told = f"{why}{_told(sorted(places))}"
                report(case, expected, f"{name} ({count} {role})", kind, told)


def _told(places: list[str]) -> str:
    more = [f"and {len(places) - _PLACES_MAX} more"] if len(places) > _PLACES_MAX else []
    return f" ({', '.join([*places[:_PLACES_MAX], *more])})" if places else ""


class Unfound:
    """Searches that were answered as if there was nothing to search, by the status of the answer.

    What was told of them before is kept, so that it is told once for all of a pull.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[int, list[Query]] = {}
        self._told: dict[tuple[str, int], set[str]] = {}

    def add(self, status: int, query: Query) -> None:
        with self._lock:
            self._found.setdefault(status, []).append(query)

    def take(self, status: int) -> list[Query]:
        """Those that came since the last time."""
        with self._lock:
            return self._found.pop(status, [])

    def told(self, kind: str, status: int, names: Collection[str]) -> tuple[str, str]:
        """What the gap was called until now (empty: there was none), and what it is called now."""
        with self._lock:
            known = self._told.setdefault((kind, status), set())
            former = NAMES.join(sorted(known))
            known.update(names)
            return former, NAMES.join(sorted(known))
