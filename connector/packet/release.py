"""What stays: withheld records, types that never travel, and what the request or receiver bars."""

from collections.abc import Iterable
from datetime import datetime

from ..errors import Held, UsageError
from ..request import Request
from ..settings import Destination
from ..store.packet import Decision
from .authorization import Authorization
from .consents import Consents
from .index import Row, Unreadable
from .labels import Labels
from .mappings import Mappings
from .match import any_means
from .moments import months_before
from .rules import Safety

UNREADABLE = "unreadable"
_OVER = ("resolved", "inactive", "remission")  # clinicalStatus of a Condition


class Barrier:
    """Says of a record whether something keeps it here. The first rule that applies decides.

    Withholding comes before everything that is visible to the receiver: a withheld record that is
    also of a type that never travels must not be named in a logical reference. What has to be
    withheld because of another record is found by `withhold.spread`.
    """

    def __init__(
        self,
        mappings: Mappings,
        request: Request,
        destination: Destination,
        patient: str,
        consents: Consents,
        authorization: Authorization,
        at: datetime,
    ) -> None:
        self._never = {name: rule for rule in mappings.never.rules for name in rule.types}
        self._labels = Labels(mappings.labels)
        self._labelled = [r for r in mappings.release.rules if not authorization.opens(r)]
        guesses = mappings.heuristic.rules if mappings.heuristic.mode == "withhold" else ()
        self._guessed = [r for r in guesses if request.basis.kind not in r.unless]
        self._consents = consents
        self._safety = [rule for rule in mappings.selection.safety if rule.hold_if_withheld]
        self._exclude = frozenset(request.exclude)
        self._images = (
            mappings.selection.images if destination.accepts.images == "reports" else frozenset()
        )
        self._patient = patient
        self._at = at

    def keeps(self, row: Row | Unreadable) -> Decision | None:
        """The decision that keeps a record here, or None when it may travel.

        Raises `Held` when the packet would look complete without it and isn't, `UsageError` when
        the request excludes the patient.
        """
        if isinstance(row, Unreadable):
            return _stays(row, UNREADABLE, "its JSON can't be decoded")
        if rule := self._withheld_by(row):
            return self.withhold(row, *rule)
        if row.error:
            return Decision(
                row.type, row.id, "entered-in-error", "entered-in-error", "the source says so"
            )
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

    def is_patient(self, row: Row) -> bool:
        """Whether a record is the patient's own."""
        return row.key == f"Patient/{self._patient}"

    def withhold(self, row: Row, rule: str, reason: str) -> Decision:
        """The decision to withhold a record. `Held` when the packet can't be without it."""
        if self.is_patient(row):
            raise Held(
                "withheld-patient",
                f"a release rule ({rule}) withholds the patient's own record",
                "Correct the label at the source, or send this case on another way.",
            )
        found = (each for each in self._safety if is_safety(each, row, self._at))
        if not row.error and (safety := next(found, None)):
            raise Held(
                "withheld-safety",
                f"withheld by a release rule ({rule}), and not to be missed: {safety.reason}",
                "Obtain the patient's authorization for it, or send this case on another way.",
            )
        return Decision(row.type, row.id, "withheld", rule, reason)

    def _withheld_by(self, row: Row) -> tuple[str, str] | None:
        if self._labels.unknown(row.labels):
            if row.key in self._exclude:  # a person has decided, and nothing is to tell of it
                return "label-unknown", "the request excludes it, and nobody knows its label"
            raise Held(
                "label-unknown",
                f"a security label of a {row.type} is in no list of labels: it may forbid this",
                "Find out what it means. Exclude the record (`exclude` in the request), or add the"
                " label to an own copy of release/labels.yaml.",
            )
        for rule in self._labelled:
            labels = rule.labels & row.labels
            permitted = "consent" in rule.unless and self._consents.permits_labels(row, labels)
            if labels and not permitted:
                return rule.id, rule.reason
        for guess in self._guessed:
            if guess.id in row.kinds:
                return guess.id, f"heuristic: {guess.reason}"
        if row.key in self._consents.reviewed:
            return "consent-reviewed", "a person read a consent so (the request says it)"
        if self._consents.denies(row):
            return "consent", "a consent in the chart denies it"
        if row.key in self._consents.telling:
            return "consent-tells", "this consent says what is to be held back"
        if self._consents.seems_denied(row):
            return "consent-guess", "a consent denies its kind; that it is of it, is a guess"
        return None


def is_safety(safety: Safety, row: Row, at: datetime) -> bool:
    """Whether a rule of the safety set means a record, at the case's `as_of`."""
    if any_means(safety.match, row):
        return not safety.supply or (row.supplied_until is not None and row.supplied_until >= at)
    recent = row.when is None or row.last >= months_before(at, safety.within_months)
    return recent and not safety.kinds.isdisjoint(row.kinds) and row.status not in _OVER


def _stays(row: Row | Unreadable, rule: str, reason: str) -> Decision:
    return Decision(row.type, row.id, "not-selected", rule, reason)


def named(request: Request) -> frozenset[str]:
    """The records that have to travel because the request names them."""
    return frozenset(key for keys in _fields(request).values() for key in keys)


def _fields(request: Request) -> dict[str, tuple[str, ...]]:
    return {
        "condition": (request.condition,) if request.condition else (),
        "include": request.include,
        "hinge": request.hinge,
        "first_opinion": request.first_opinion,
    }


def must_travel(request: Request, decided: dict[str, Decision], pulled: Iterable[str]) -> None:
    """What the request names has to be in the chart and has to leave; otherwise it is told.

    Raises `UsageError` naming the field and position (never the id), `Held` if it is withheld.
    """
    known = frozenset(pulled)
    for position, key in enumerate(request.exclude):
        if key not in known:
            raise _not_there("exclude", position)
    for field, keys in _fields(request).items():
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
