"""Taking away resources of ours: deleted, or emptied and marked where they can't go.

Each only in the version that was read and found to be ours. Reading settles every answer.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from ..errors import DestinationRefused
from ..fhir.bundle import Write
from ..fhir.lossless import decode, encode
from ..fhir.mistake import entered_in_error
from ..fhir.record import with_identity
from ..store import recalled
from ..store.delivery import Delivery
from ..store.elsewhere import elsewhere
from ..store.recalled import Recalled
from .answers import Kind
from .desk import TASK, Desk
from .exchange import may_try_again
from .expected import canonical_sha256
from .lookup import read, resource, version_of
from .second import send

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
        with self._turn():
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
        with self._turn():
            self._mark(place, NEEDED)
        self.keep([place])

    @contextmanager
    def _turn(self) -> Iterator[None]:
        settings = self._desk.settings
        with self._desk.ledger.turn(str(settings.id), settings.wait_max_s):
            yield

    def _delete(self, places: list[str]) -> None:
        """What the destination won't let go is found by halves and marked."""
        desk, attempt = self._desk, 0
        while places:
            attempt += 1
            kind, answer, words = send(desk, list(map(self._deletion, places)), "recall")
            places = self._left(places)
            if not places or (kind is not Kind.DONE and may_try_again(desk, attempt, answer)):
                continue
            if kind is Kind.UNCLEAR:
                raise _unfinished(words)
            if len(places) == 1:
                self._mark(places[0], f"not deleted: {words}")
                self.keep(places)
                return
            middle = (len(places) + 1) // 2
            self._delete(places[:middle])
            places, attempt = places[middle:], 0

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
        desk, failure, attempt = self._desk, "", 0
        while True:
            body = read(desk, place)
            if body is None:
                return self.fate(place, "deleted")
            resource = decode(body)
            wanted = None if self.rows[place].type == TASK else entered_in_error(resource)
            if wanted is None:
                return self.fate(place, "remains", why)
            emptied = encode(wanted)
            if canonical_sha256(emptied) == canonical_sha256(body):
                return self.fate(place, "marked", why)
            if version_of(resource) != self.versions[place]:
                return self.fate(place, "remains", CHANGED)
            if failure:
                return self.fate(place, "remains", f"not marked: {failure}")
            attempt += 1
            emptied = with_identity(emptied, str(resource["id"]), ())
            kind, answer, words = send(desk, [self._write("PUT", place, emptied)], "recall")
            if kind is Kind.UNCLEAR and not may_try_again(desk, attempt, answer):
                raise _unfinished(words)
            failure = "" if kind is Kind.UNCLEAR else words

    def _deletion(self, place: str) -> Write:
        return self._write("DELETE", place, b"")

    def _write(self, method: str, place: str, body: bytes) -> Write:
        version = self.versions[place]
        condition = {"ifMatch": f'W/"{version}"'} if version else {}
        return Write(f"urn:uuid:{self.rows[place].id}", method, place, body, condition)


def _unfinished(words: str) -> DestinationRefused:
    return DestinationRefused(
        f"recall: {words}",
        "Ask the people who run the destination; the same command goes on from here.",
    )
