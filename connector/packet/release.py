"""What stays: withheld records, types that never travel, and what the request or receiver bars."""

from collections.abc import Iterable

from ..errors import Held, UsageError
from ..request import Request
from ..settings import Destination
from ..store.packet import Decision
from .index import Row, Unreadable
from .mappings import Mappings
from .match import any_means
from .rules import Withhold

UNREADABLE = "unreadable"


class Barrier:
    """Says of a record whether something keeps it here. The first rule that applies decides.

    Withholding comes before everything that is visible to the receiver: a withheld record that is
    also of a type that never travels must not be named in a logical reference.
    """

    def __init__(
        self, mappings: Mappings, request: Request, destination: Destination, patient: str
    ) -> None:
        self._never = {name: rule for rule in mappings.never.rules for name in rule.types}
        self._withhold = [
            rule for rule in mappings.release.rules if request.basis.kind not in rule.unless
        ]
        self._safety = [rule for rule in mappings.selection.safety if rule.hold_if_withheld]
        self._exclude = frozenset(request.exclude)
        self._images = (
            mappings.selection.images if destination.accepts.images == "reports" else frozenset()
        )
        self._patient = patient

    def keeps(self, row: Row | Unreadable) -> Decision | None:
        """The decision that keeps a record here, or None when it may travel.

        Raises `Held` when the packet would look complete without it and isn't, `UsageError` when
        the request excludes the patient.
        """
        if isinstance(row, Unreadable):
            return _stays(row, UNREADABLE, "its JSON can't be decoded")
        if row.error:
            return Decision(
                row.type, row.id, "entered-in-error", "entered-in-error", "the source says so"
            )
        if rule := self._withheld_by(row):
            self._hold(row)
            return Decision(row.type, row.id, "withheld", rule.id, rule.reason)
        if never := self._never.get(row.type):
            return _stays(row, never.id, never.reason)
        if row.type == "Patient" and row.id != self._patient:
            return _stays(row, "other-patient", "not the patient of this case")
        if row.key in self._exclude:
            if row.type == "Patient":
                raise UsageError("exclude: the patient can't be excluded", "Correct the request.")
            return _stays(row, "request-exclude", "the request excludes it")
        if row.type in self._images:
            return _stays(row, "destination-accepts", "the receiving team takes reports only")
        return None

    def _withheld_by(self, row: Row) -> Withhold | None:
        return next((rule for rule in self._withhold if rule.labels & row.labels), None)

    def _hold(self, row: Row) -> None:
        if row.type == "Patient":
            raise Held(
                "withheld-patient",
                "a release rule withholds the patient's own record",
                "Correct the label at the source, or send this case on another way.",
            )
        if any(any_means(rule.match, row) for rule in self._safety):
            raise Held(
                "withheld-safety",
                "an allergy or an active medication is withheld by a release rule",
                "Obtain the patient's authorization for it, or send this case on another way.",
            )


def _stays(row: Row | Unreadable, rule: str, reason: str) -> Decision:
    return Decision(row.type, row.id, "not-selected", rule, reason)


def must_travel(request: Request, decided: dict[str, Decision], pulled: Iterable[str]) -> None:
    """What the request names has to be in the chart and has to leave; otherwise it is told.

    Raises `UsageError` naming the field and position (never the id), `Held` if it is withheld.
    """
    known = frozenset(pulled)
    named = {
        "condition": [request.condition] if request.condition else [],
        "include": request.include,
        "hinge": request.hinge,
        "first_opinion": request.first_opinion,
    }
    for position, key in enumerate(request.exclude):
        if key not in known:
            raise _not_there("exclude", position)
    for field, keys in named.items():
        for position, key in enumerate(keys):
            if key not in known:
                raise _not_there(field, position)
            _leaves(field, position, decided[key])


def _leaves(field: str, position: int, decision: Decision) -> None:
    if decision.outcome == "withheld":
        raise Held(
            "withheld-named",
            f"{field}, number {position + 1}: a release rule ({decision.rule}) withholds it",
            "Obtain the patient's authorization for it, or take it out of the request.",
        )
    if decision.outcome != "selected":
        raise UsageError(
            f"{field}, number {position + 1}: it can't travel ({decision.rule})",
            "Take it out of the request.",
        )


def _not_there(field: str, position: int) -> UsageError:
    return UsageError(
        f"{field}, number {position + 1}: no such record in the patient's chart",
        "Correct the request: Type/id as the source knows it.",
    )
