"""What stays: withheld records, types that never travel, and what the request or receiver bars."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from ...errors import Held, UsageError
from ...gap import Gap, GapKind, Wanted
from ...request import Request
from ...settings import Destination
from ...store.case import gaps
from ...store.case.casefile import CaseFile
from ...store.mapped.packet import Decision
from ...store.mapped.rulings import Ruling
from ..chart.index import Row, Unreadable
from ..chart.match import is_safety
from ..record.security_labels import Labels
from ..ruleset.mappings import Mappings
from .authorization import Authorization
from .consents import Consents
from .requested import all_in_one, cause, withheld_though_named

UNREADABLE = "unreadable"
KEPT = "person-keeps"


class Why(NamedTuple):
    """Why a record is withheld: the rule, the labels it saw, the record from which it follows."""

    rule: str
    reason: str
    label: str = ""
    because: str = ""


class Barrier:
    """Says of a record whether something keeps it here. The first rule that applies decides.

    Withholding comes before everything that is visible to the receiver: a withheld record that is
    also of a type that never travels must not be named in a logical reference. What has to be
    withheld because of another record is found by `withhold.spread`.

    `inherited`: labels that a record has from another (`inherited_labels.inherit`). `rulings`: what
    persons decided of single records. `holds`: why the packet can't be without what was withheld.
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
        inherited: Mapping[str, Mapping[str, str]],
        rulings: Iterable[Ruling] = (),
    ) -> None:
        self._never = {name: rule for rule in mappings.never.rules for name in rule.types}
        self._labels = Labels(mappings.labels)
        self._labelled = [r for r in mappings.release.rules if not authorization.opens(r)]
        heuristic = mappings.heuristic
        self._guessed = {
            rule.id: rule.reason
            for rule in heuristic.rules
            if heuristic.mode_of(rule.kind) == "withhold" and request.basis.kind not in rule.unless
        }
        if heuristic.minors and heuristic.mode_of(heuristic.minors.kind) == "withhold":
            self._guessed[heuristic.minors.id] = heuristic.minors.reason
        self._kinds_kept = {kind for kind, mode in heuristic.modes.items() if mode == "withhold"}
        self._consents = consents
        self._safety = [rule for rule in mappings.selection.safety if rule.hold_if_withheld]
        self._exclude = frozenset(request.exclude)
        self._images = (
            mappings.selection.images if destination.accepts.images == "reports" else frozenset()
        )
        self._patient = patient
        self._at = at
        self._inherited = inherited
        ruled = list(rulings)
        self.released = frozenset(each.record for each in ruled if each.how == "release")
        self._kept = frozenset(each.record for each in ruled if each.how == "keep")
        self.holds: list[Held] = []

    def keeps(self, row: Row | Unreadable) -> Decision | None:
        """The decision that keeps a record here, or None when it may travel.

        Adds to `holds` when the packet would look complete without it and isn't. Raises `Held` when
        it is the patient's own, `UsageError` when the request excludes the patient.
        """
        if isinstance(row, Unreadable):
            return _stays(row, UNREADABLE, "its JSON can't be decoded")
        if why := self._why(row):
            return self.withhold(row, why)
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

    def withhold(self, row: Row, why: Why) -> Decision:
        """The decision to withhold a record. Adds to `holds` when the packet can't be without it.

        Raises `Held` for the patient's own record.
        """
        decision = Decision(row.type, row.id, "withheld", *why)
        if self.is_patient(row):
            raise all_in_one(
                Held(
                    "withheld-patient",
                    f"a release rule ({why.rule}) withholds the patient's own record",
                    "Correct the label at the source, or send this case on another way.",
                    [cause("withheld-patient", decision)],
                ),
                *self.holds,
            )
        found = (each for each in self._safety if is_safety(each, row, self._at))
        if not row.error and (safety := next(found, None)):
            self._hold(
                decision,
                "withheld-safety",
                f"withheld by a release rule ({why.rule}), and not to be missed: {safety.reason}",
                _remedy(why.rule),
            )
        return decision

    def settle(self, request: Request, decided: Mapping[str, Decision]) -> None:
        """Raise `Held`, with every cause, if the packet can't be without what is withheld."""
        holds = [*self.holds, *withheld_though_named(request, decided)]
        if holds:
            raise all_in_one(*holds)

    def _hold(self, decision: Decision, code: str, message: str, what_to_do: str) -> None:
        self.holds.append(Held(code, message, what_to_do, [cause(code, decision)]))

    def _why(self, row: Row) -> Why | None:
        return self._by_label_or_guess(row) or self._by_consent(row) or self._by_person(row)

    def _by_label_or_guess(self, row: Row) -> Why | None:
        released = row.key in self.released
        if (unknown := self._labels.unknown(row.labels)) and not released:
            why = self._labelled_so(row, unknown, "label-unknown", "nobody knows its label")
            # Where a person has decided, nothing is to tell of it.
            if row.key not in self._exclude | self._kept:
                self._hold(
                    Decision(row.type, row.id, "withheld", *why),
                    "label-unknown",
                    f"a security label of a {row.type} is in no list of labels: it may forbid this",
                    "Find out what it means. Exclude the record (`exclude` in the request), release"
                    " it (`connector release`), or add the label to an own copy of"
                    " release/labels.yaml.",
                )
            return why
        for rule in self._labelled:
            labels = rule.labels & row.labels
            permitted = "consent" in rule.unless and self._consents.permits_labels(row, labels)
            if labels and not permitted and not (released and rule.authorization is None):
                return self._labelled_so(row, sorted(labels), rule.id, rule.reason)
        if released:
            return None
        for each in self._labels.lists(row.labels) if self._kinds_kept else ():
            if each.tell in self._kinds_kept:
                labels = frozenset(row.labels & self._labels.of_list(each))
                return self._labelled_so(
                    row, sorted(labels), f"kind-{each.id}", f"labelled: {each.tell}"
                )
        guess = next((guess for guess in self._guessed if guess in row.sensitive), None)
        return Why(guess, f"heuristic: {self._guessed[guess]}") if guess else None

    def _by_consent(self, row: Row) -> Why | None:
        if consent := self._consents.reviewed.get(row.key):
            said = "a person read a consent so (the request says it)"
            return Why("consent-reviewed", said, because=consent)
        if consent := self._consents.denied_by(row):
            return Why("consent", "a consent in the chart denies it", because=consent)
        if row.key in self._consents.telling:
            return Why("consent-tells", "this consent says what is to be held back")
        consent = self._consents.seems_denied_by(row)
        if consent and row.key not in self.released:
            said = "a consent denies its kind; that it is of it, is a guess"
            return Why("consent-guess", said, because=consent)
        return None

    def _by_person(self, row: Row) -> Why | None:
        return Why(KEPT, "a person keeps it") if row.key in self._kept else None

    def _labelled_so(self, row: Row, labels: list[str], rule: str, reason: str) -> Why:
        came = self._inherited.get(row.key, {})
        origins = [came[label] for label in labels if label in came]
        # One that it has itself is reason enough.
        because = origins[0] if len(origins) == len(labels) else ""
        return Why(rule, reason, ", ".join(labels), because)


def _remedy(rule: str) -> str:
    """What a person can do about a record not to be missed, by the rule that withholds it."""
    if rule == KEPT:
        way = "Take back that it is kept (`connector release CASE Type/id --undo`)"
    elif rule.startswith("consent"):
        way = "Ask the patient: a consent at the source that lets it go, or a review of it"
    else:
        way = "Obtain the patient's authorization for it"
    return f"`connector show` names the record. {way}, or send this case on another way."


def _stays(row: Row | Unreadable, rule: str, reason: str) -> Decision:
    return Decision(row.type, row.id, "not-selected", rule, reason)


def tell_unreadable(case: CaseFile, barred: Mapping[str, Decision]) -> None:
    """Say as gaps which types have records that can't be read."""
    for decision in barred.values():
        if decision.rule == UNREADABLE:
            wanted = Wanted(decision.type, role="a record that can't be read")
            gaps.add(case, Gap((wanted,), GapKind.FAILED, ("its JSON can't be decoded",)))
