"""Taking away resources of ours: deleted, or emptied and marked where they can't go.

Each only in the version that was read and found to be ours. Reading settles every answer.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ...errors import DestinationRefused
from ...fhir.bundle import Write
from ...fhir.lossless import decode, encode
from ...fhir.mistake import entered_in_error
from ...fhir.record import with_identity
from ...store import recalled
from ...store.delivery import Delivery
from ...store.elsewhere import elsewhere
from ...store.recalled import Recalled
from ..records.expected import canonical_sha256
from ..session import TASK, Desk
from ..wire.find import read, resource, version_of
from ..wire.response import Kind
from ..wire.retry import until_done
from ..wire.write import over, retract

CHANGED = "changed at the destination"
SHARED = "another case brought it too"
NEEDED = "what stays there refers to it"


class Removal:
    """What becomes of each resource, by its place (`Type/id` there).

    `rows`: what is to be taken away or not; `versions`: in which version it was read.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
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
        self._desk.forget(f"{one.type}/{one.id}" for one in fates if one.fate == "deleted")
        recalled.keep(self._desk.case, fates)

    def delete(self, places: list[str]) -> None:
        """Delete `places` in one write, but for those that another case has met meanwhile."""
        with self._desk.turn:
            live = elsewhere(self._desk.case).live
            going = []
            for place in places:
                shared = (self.rows[place].type, self.rows[place].id) in live
                self.fate(place, "kept" if shared else "going", SHARED if shared else "")
                going += [] if shared else [place]
            self.keep(places)  # from here on they may be gone
            self._delete(going)

    def mark(self, place: str) -> None:
        """Empty one resource and mark it as entered in error; where that can't be, it remains."""
        with self._desk.turn:
            self._mark(place, NEEDED)
        self.keep([place])

    def _delete(self, places: list[str]) -> None:
        """What the destination won't let go is found by halves and marked."""
        if not places:
            return
        places, heard = until_done(
            self._desk,
            places,
            lambda some: retract(self._desk, list(map(self._deletion, some)), "recall"),
            lambda some, _: self._left(some),
        )
        if places and heard.kind is Kind.UNCLEAR:
            raise _unfinished(heard.words)
        if len(places) == 1:
            self._mark(places[0], f"not deleted: {heard.words}")
            self.keep(places)
        elif places:
            middle = (len(places) + 1) // 2
            self._delete(places[:middle])
            self._delete(places[middle:])

    def _left(self, places: list[str]) -> list[str]:
        """Those of `places` that still stand as they were; the fates of the others."""
        desk = self._desk
        with ThreadPoolExecutor(desk.settings.connections) as pool:
            bodies = list(pool.map(lambda place: read(desk, place), places))
        left = []
        for place, body in zip(places, bodies, strict=True):
            if body is None:
                self.fate(place, "deleted")
            elif version_of(resource(body)) == self.versions[place]:
                left.append(place)
            else:
                self.fate(place, "remains", CHANGED)
        self.keep([place for place in places if place not in left])
        return left

    def _mark(self, place: str, why: str) -> None:
        bodies = self._to_mark(place, why)
        if not bodies:
            return
        left, heard = until_done(
            self._desk,
            bodies,
            lambda some: retract(self._desk, [self._write("PUT", place, *some)], "recall"),
            lambda *_: self._to_mark(place, why),
        )
        if left and heard.kind is Kind.UNCLEAR:
            raise _unfinished(heard.words)
        if left:
            self.fate(place, "remains", f"not marked: {heard.words}")

    def _to_mark(self, place: str, why: str) -> list[bytes]:
        """The form of a resource that says it was entered in error; none if its fate is known."""
        body = read(self._desk, place)
        if body is None:
            self.fate(place, "deleted")
            return []
        resource = decode(body)
        wanted = None if self.rows[place].type == TASK else entered_in_error(resource)
        if wanted is None:
            self.fate(place, "remains", why)
            return []
        emptied = encode(wanted)
        if canonical_sha256(emptied) == canonical_sha256(body):
            self.fate(place, "marked", why)
        elif version_of(resource) != self.versions[place]:
            self.fate(place, "remains", CHANGED)
        else:
            return [with_identity(emptied, str(resource["id"]), ())]
        return []

    def _deletion(self, place: str) -> Write:
        return self._write("DELETE", place, b"")

    def _write(self, method: str, place: str, body: bytes) -> Write:
        name = f"urn:uuid:{self.rows[place].id}"
        return Write(name, method, place, body, over(self.versions[place]))


def _unfinished(words: str) -> DestinationRefused:
    return DestinationRefused(
        f"recall: {words}",
        "Ask the people who run the destination; the same command goes on from here.",
    )
