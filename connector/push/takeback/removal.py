"""Taking away resources of ours: deleted, or emptied and marked where they can't go.

Each only in the version that was read and found to be ours. Reading settles every answer.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ...errors import DestinationRefused
from ...fhir.lossless import decode, encode
from ...fhir.mistake import entered_in_error
from ...store.sent import recalled
from ...store.sent.delivery import Delivery
from ...store.sent.elsewhere import elsewhere
from ...store.sent.recalled import Recalled
from ..records.expected import canonical_sha256
from ..session import TASK, Session
from ..wire.change import Change, Stands, Theirs, bring
from ..wire.read import read, resource, version_of
from ..wire.response import Heard, Kind
from ..wire.write import retract

CHANGED = "changed at the destination"
SHARED = "another case brought it too"
NEEDED = "what stays there refers to it"


class Removal:
    """What becomes of each resource, by its place (`Type/id` there).

    `rows`: what is to be taken away or not; `versions`: in which version it was read.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.rows: dict[str, Delivery] = {}
        self.versions: dict[str, str | None] = {}
        self.fates: dict[str, Recalled] = {}

    def fate(self, place: str, fate: str, why: str = "") -> None:
        """Say what becomes of one resource (`Recalled`)."""
        row = self.rows[place]
        self.fates[place] = Recalled(row.type, row.id, place, fate, why)

    def keep(self, places: Sequence[str]) -> None:
        """Keep in the case what was said; what we deleted may be brought again one day."""
        fates = [self.fates[place] for place in places if place in self.fates]
        self._session.forget(f"{one.type}/{one.id}" for one in fates if one.fate == "deleted")
        recalled.keep(self._session.case, fates)

    def delete(self, places: list[str]) -> None:
        """Delete `places` in one write, but for those that another case has met meanwhile."""
        with self._session.turn:
            live = elsewhere(self._session.case).live
            going = []
            for place in places:
                shared = (self.rows[place].type, self.rows[place].id) in live
                self.fate(place, "kept" if shared else "going", SHARED if shared else "")
                going += [] if shared else [place]
            self.keep(places)  # from here on they may be gone
            self._delete(going)

    def mark(self, place: str) -> None:
        """Empty one resource and mark it as entered in error; where that can't be, it remains."""
        with self._session.turn:
            self._mark(place, NEEDED)
        self.keep([place])

    def _delete(self, places: list[str]) -> None:
        """What the destination won't let go is found by halves and marked."""
        if not places:
            return
        changes = [self._change(place, None) for place in places]
        brought = bring(self._session, changes, self._send, self._stand)
        left, words = [change.place for change in brought.left], brought.heard.words
        if left and brought.heard.kind is Kind.UNCLEAR:
            raise _unfinished(words)
        if len(left) == 1:
            self._mark(left[0], f"not deleted: {words}")
            self.keep(left)
        elif left:
            middle = (len(left) + 1) // 2
            self._delete(left[:middle])
            self._delete(left[middle:])

    def _send(self, changes: list[Change]) -> Heard:
        return retract(self._session, [change.write() for change in changes], "recall")

    def _stand(self, changes: Sequence[Change], _: Heard) -> dict[Change, Stands]:
        """What is still there of what was to go; the fates of the others."""
        session = self._session
        with ThreadPoolExecutor(session.settings.connections) as pool:
            bodies = list(pool.map(lambda change: read(session, change.place), changes))
        seen = {}
        for change, body in zip(changes, bodies, strict=True):
            if body is None:
                seen[change] = Stands.DONE
                self.fate(change.place, "deleted")
            elif version_of(resource(body)) == change.version:
                seen[change] = Stands.OURS
            else:
                seen[change] = Stands.THEIRS
                self.fate(change.place, "remains", CHANGED)
        self.keep([change.place for change in changes if seen[change] is not Stands.OURS])
        return seen

    def _mark(self, place: str, why: str) -> None:
        change, _ = self._emptied(place, why)
        if change is None:
            return
        brought = bring(
            self._session, [change], self._send, lambda *_: {change: self._emptied(place, why)[1]}
        )
        if brought.left and brought.heard.kind is Kind.UNCLEAR:
            raise _unfinished(brought.heard.words)
        if brought.left:
            self.fate(place, "remains", f"not marked: {brought.heard.words}")

    def _emptied(self, place: str, why: str) -> tuple[Change | None, Stands]:
        """The change by which a resource says that it was entered in error; None: its fate is said.

        It stands as we left it, or the other is why not.
        """
        body = read(self._session, place)
        if body is None:
            self.fate(place, "deleted")
            return None, Stands.DONE
        found = decode(body)
        wanted = None if self.rows[place].type == TASK else entered_in_error(found)
        if wanted is None:
            self.fate(place, "remains", why)
            return None, Stands.THEIRS
        emptied = encode(wanted)
        if canonical_sha256(emptied) == canonical_sha256(body):
            self.fate(place, "marked", why)
            return None, Stands.DONE
        if version_of(found) != self.versions[place]:
            self.fate(place, "remains", CHANGED)
            return None, Stands.THEIRS
        return self._change(place, emptied), Stands.OURS

    def _change(self, place: str, wanted: bytes | None) -> Change:
        row = self.rows[place]
        key = f"{row.type}/{row.id}"
        return Change(key, place, self.versions[place], wanted, Theirs.REMAIN)


def _unfinished(words: str) -> DestinationRefused:
    return DestinationRefused(
        f"recall: {words}",
        "Ask the people who run the destination; the same command goes on from here.",
    )
