"""What of the packet stands there already: found by reading, or proved by an answer, and kept."""

from ...store.sent import delivery
from ..session import PATIENT, Session, parts
from ..wire.find import Place, find
from ..wire.search_lag import Patience
from .batching import Survey, Unit, flat
from .partial_write import half_taken


class Settling:
    """`places` (entry → `Type/id` there) is kept up to date, and the case file with it."""

    def __init__(self, session: Session, whole: Survey, places: dict[str, str]) -> None:
        self._session = session
        self._whole = whole
        self._places = places

    def look_for(self, units: list[Unit], patience: Patience, note: str = "") -> None:
        """Look for what may be there, and again while the search may lag."""
        self.look(units, note)
        while (left := self.open(units)) and self._searches and patience.again():
            self.look(left, note)
        if not note:
            half_taken(self._session, self._whole, flat(units), self._places)

    def patience(self) -> Patience:
        """For as long as a search may lag behind a write."""
        return Patience(self._session.settings.search_lag_s)

    def look(self, units: list[Unit], note: str = "") -> None:
        """Look once. Raises `Held`, as `find` does."""
        keys = flat(units)
        if not self._session.reads:
            # What else is unclear is sent again: the server looks itself (If-None-Exist).
            keys = [key for key in keys if parts(key)[0] == PATIENT]
        self.settle(find(self._session, keys), note)

    def settle(self, found: dict[str, Place], note: str = "") -> None:
        """Keep where entries stand."""
        delivery.settle(
            self._session.case,
            ((*parts(key), place.id, place.version) for key, place in found.items()),
            note,
        )
        self._places |= {key: place.reference for key, place in found.items()}

    def open(self, units: list[Unit]) -> list[Unit]:
        """What of `units` is not known to stand there."""
        left = ([key for key in unit if key not in self._places] for unit in units)
        return [unit for unit in left if unit]

    @property
    def _searches(self) -> bool:
        """Whether what stands there is found by a search. What has an id of ours is read."""
        return self._session.reads and self._session.settings.write != "put"
