"""Which records of the files are the patient's: those that say so.

A record that names no patient at all is taken only where the files hold one person and name no
other; that is told, whether it is taken or not.
"""

from collections.abc import Iterable

from ...fhir.about import ENCOUNTERS, SEVERAL_PEOPLE, encounters, telling
from ...fhir.lossless import UndecodableError, members, sha256
from ...fhir.record import Peek, peek
from ...fhir.release import SUCCESSORS, unlike_r4
from ...fhir.types import TYPES
from ...fhir.whose import Whose
from ...gap import FILES, GapKind
from ...store.pulled import chart
from ...store.pulled.chart import Record
from ..compartment import OWN_TYPES
from ..context import Gathering
from ..input.not_taken import Place, Told, Untaken
from ..input.register import Key, Register
from ..input.resources import MALFORMED, Given, Part
from ..records import NAMES_ANOTHER, NO_PATIENT, Problem
from .closure import CONTRADICT, QUERY
from .patient import Chosen

_BATCH = 500  # records in one transaction
_HINTS = (b'"encounter"', b'"context"', b'"partOf"')
_NOTHING = (b"null", b"{}", b"[]")

_ANOTHER = Problem(GapKind.NOT_ASKED, "names a patient who is not among the files")
_UNCLEAR = Problem(GapKind.FAILED, "does not tell whose it is: it names nobody whom the files know")
_OF_THEIR_VISIT = Problem(GapKind.FAILED, "belongs to an encounter of another patient")
_TAKEN = Problem(GapKind.NOT_ASKED, "names no patient; taken, since the files hold one person only")
_NOT_TAKEN = Problem(GapKind.FAILED, "names no patient, and the files hold several: not taken")
_PERHAPS = Problem(GapKind.NOT_ASKED, "names no patient, and the files hold several: not taken")


# What a record says that does not say whose it is.
_UNNAMED = {Whose.UNKNOWN: "missing", Whose.NOBODY: "optional"}
_NAMED = {Whose.UNKNOWN: "unclear", Whose.NOBODY: "other"}
_WHEN_SEVERAL = {
    "missing": _NOT_TAKEN,
    "optional": _PERHAPS,
    "unclear": _UNCLEAR,
    "other": NO_PATIENT,
}


class Taking:
    """Sifts the files, once, into the case file, the register and what is told."""

    def __init__(
        self, gathering: Gathering, register: Register, chosen: Chosen, told: Told
    ) -> None:
        self._gathering, self._register = gathering, register
        self._chosen, self._told = chosen, told
        self._strangers = False
        self._batch: list[Record] = []

    def take(self, parts: Iterable[Part]) -> None:
        """Store what is the patient's, keep at hand what is nobody's, pass over all else."""
        for part in parts:
            if isinstance(part, Untaken):
                self._untaken(part)
            elif isinstance(part, Given):
                self._given(part)
            if len(self._batch) >= _BATCH:
                self._store()
        self._store()

    def settle(self) -> None:
        """Decide of what can be decided only when all was read."""
        for key, place in self._register.visits():
            chart.drop_record(self._gathering.case, *key)
            self._told.add(Untaken(_OF_THEIR_VISIT, Place(*place), key.type))
        for key, _, why in self._register.unnamed():
            body = self._register.body(key)
            if body is not None and self._takes(why):
                record = self._gathering.sieve.examine(body)
                self._batch += [record] if isinstance(record, Record) else []
        self._store()

    def tell_unnamed(self) -> None:
        """Tell of each record that does not name the patient, unless the chart refers to it."""
        for key, place, why in self._register.unnamed():
            there = chart.has_record(self._gathering.case, *key)
            if self._register.body(key) is None:
                continue  # a later version of it names somebody
            if there and self._takes(why):
                self._told.add(Untaken(_TAKEN, Place(*place), key.type))
            elif not there:
                self._told.add(Untaken(_WHEN_SEVERAL[why], Place(*place), key.type))

    def _takes(self, why: str) -> bool:
        return self._alone and why in _UNNAMED.values()

    @property
    def _alone(self) -> bool:
        return self._chosen.alone and not self._strangers

    def _untaken(self, part: Untaken) -> None:
        if part.body:
            try:
                whose = self._chosen.person.whose(part.body)
            except UndecodableError:
                whose = Whose.UNKNOWN
            if whose is Whose.STRANGER:
                self._stranger(part.what, part.place)
                return
        self._told.add(part)

    def _given(self, found: Given) -> None:
        try:
            seen, top = peek(found.body), members(found.body)
            if seen.type in ("Patient", "Provenance"):  # taken before, and after
                return
            whose = self._chosen.person.whose_members(top)
            named = any(bytes(value) not in _NOTHING for _, value in telling(top))
        except UndecodableError:
            self._told.add(Untaken(MALFORMED, found.place))
            return
        if whose is Whose.STRANGER:
            if seen.type in ENCOUNTERS:
                self._register.add_theirs(found.full_url, Key(seen.type, seen.id), found.body)
            self._stranger(seen.type, found.place)
        elif whose is Whose.SEVERAL and seen.type not in SEVERAL_PEOPLE:
            self._tell(NAMES_ANOTHER, seen, found.place)
        elif why := unlike_r4(seen.type, top):
            self._tell(Problem(GapKind.REFUSED, why), seen, found.place)
        elif not self._register.deleted(Key(seen.type, seen.id), found.body):
            self._keep(found, seen, whose, named)

    def _keep(self, found: Given, seen: Peek, whose: Whose, named: bool) -> None:
        record = self._gathering.sieve.examine(found.body)
        if record is None:  # known, so that a reference to it is no gap
            left_out = Record(seen.type, seen.id, seen.version, sha256(found.body), found.body)
            self._register.add(found.full_url, left_out, keep=False)
            return
        if isinstance(record, Problem):
            self._tell(record, seen, found.place)
            return
        own = whose is Whose.OWN
        # What is not stored now may be asked for: a Binary says by its securityContext whose it is.
        at_hand = not own or seen.type not in OWN_TYPES
        standing = self._register.add(found.full_url, record, keep=at_hand)
        if seen.type not in OWN_TYPES:
            return
        if standing == "contradicts":
            self._tell(CONTRADICT, seen, found.place)
        elif standing == "new" and own:
            self._batch.append(record)
            if any(hint in found.body for hint in _HINTS):
                for visit in encounters(found.body):
                    self._register.add_visit(visit, Key(seen.type, seen.id), found.place)
        elif standing == "new":
            why = (_NAMED if named else _UNNAMED).get(whose, "unclear")
            self._register.add_unnamed(Key(seen.type, seen.id), found.place, why)

    def _stranger(self, resource_type: str, place: Place) -> None:
        self._strangers = True
        if self._chosen.alone:
            what = resource_type if resource_type in TYPES else FILES
            self._told.add(Untaken(_ANOTHER, place, what))

    def _tell(self, problem: Problem, seen: Peek, place: Place) -> None:
        known = SUCCESSORS.get(seen.type, seen.type)
        self._told.add(Untaken(problem, place, known if known in TYPES else FILES))

    def _store(self) -> None:
        with self._gathering.case.commit():
            for record in self._batch:
                chart.put_record(self._gathering.case, record, QUERY)
        self._batch.clear()
