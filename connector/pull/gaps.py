"""Gaps: what a failed exchange means, and many small gaps told as one."""

import threading
from collections.abc import Collection

from ..errors import Answered, EndpointError, Forbidden
from ..gap import Gap, GapKind, Wanted
from ..store.case import gaps
from ..store.case.casefile import CaseFile
from ..store.pulled.query_plan import Query

_TRANSIENT = (408, 425, 429)
_PLACES_MAX = 5


def kind_of(error: EndpointError) -> GapKind:
    """`refused` if the server (or our own rule) says no, `failed` if something broke."""
    if isinstance(error, Answered):
        client_error = 400 <= error.status < 500 and error.status not in _TRANSIENT
        return GapKind.REFUSED if client_error else GapKind.FAILED
    return GapKind.REFUSED if isinstance(error, Forbidden) else GapKind.FAILED


def report(
    case: CaseFile, expected: Collection[str], wanted: tuple[Wanted, ...], kind: GapKind, why: str
) -> None:
    """Store a gap; a second reason for the same gap is told beside the first.

    `expected`: the operator's list of query keys and types; a gap on it is stored as expected.
    """
    with case.commit():
        before = gaps.find(case, wanted, kind)
        reasons = tuple(dict.fromkeys([*(before.reasons if before else ()), why]))
        known = all(str(each) in expected or each.type in expected for each in wanted)
        gaps.add(case, Gap(wanted, kind, reasons, known))


class Missing:
    """Counts what single references and attachments failed of, to be told without any id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[Wanted, GapKind], int] = {}
        self._reasons: dict[tuple[Wanted, GapKind], dict[str, set[str]]] = {}

    def add(self, name: str, role: str, kind: GapKind, why: str, where: str = "") -> None:
        """One more `name` in that `role` is missing: told as `name (3 role)`.

        `where`: the record and element that it is missing at; the first few are told.
        """
        with self._lock:
            key = (Wanted(name, role=role), kind)
            self._counts[key] = self._counts.get(key, 0) + 1
            places = self._reasons.setdefault(key, {}).setdefault(why, set())
            places.update({where} if where else ())

    def report(self, case: CaseFile, expected: Collection[str]) -> None:
        """Store all as gaps."""
        for (wanted, kind), count in sorted(self._counts.items()):
            for why, places in sorted(self._reasons[wanted, kind].items()):
                told = f"{why}{_told(sorted(places))}"
                report(case, expected, (wanted._replace(number=count),), kind, told)


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
        self._told: dict[tuple[GapKind, int], set[Wanted]] = {}

    def add(self, status: int, query: Query) -> None:
        with self._lock:
            self._found.setdefault(status, []).append(query)

    def take(self, status: int) -> list[Query]:
        """Those that came since the last time."""
        with self._lock:
            return self._found.pop(status, [])

    def told(
        self, kind: GapKind, status: int, wanted: Collection[Wanted]
    ) -> tuple[tuple[Wanted, ...], tuple[Wanted, ...]]:
        """What the gap was about until now (nothing: there was none), and what it is about now."""
        with self._lock:
            known = self._told.setdefault((kind, status), set())
            former = tuple(sorted(known, key=str))
            known.update(wanted)
            return former, tuple(sorted(known, key=str))
