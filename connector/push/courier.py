"""One write after another until each entry stands there or is refused: exactly once in effect.

Intent is committed before bytes leave, the answer after. An unclear answer is settled by reading,
and only what is found absent is sent again. A refusal is narrowed down by halves to the entries
that cause it: those are `rejected`, the rest goes.
"""

from ..endpoint import Answer
from ..endpoint.shape import describe
from ..errors import DestinationRefused
from ..fhir.bundle import Write, transaction
from ..fhir.lossless import UndecodableError
from ..fhir.record import with_identity
from ..fhir.systems import TAG
from ..store import delivery
from .addresses import Addresses
from .answers import Kind, kind_of, places
from .desk import Desk, parts
from .exchange import may_try_again, post
from .lookup import Place, find
from .plan import Unit


class Courier:
    """Carries units of the packet. `essential`: entries without which there is no delivery."""

    def __init__(self, desk: Desk, essential: frozenset[str]) -> None:
        self._desk = desk
        self._essential = essential
        self.addresses = Addresses(desk)

    def settle_intended(self) -> None:
        """Settle by reading what an earlier run may have sent without hearing the answer."""
        rows = delivery.deliveries(self._desk.case, "intended")
        self._look([[f"{row.type}/{row.id}"] for row in rows])
        for write_no in sorted({row.write_no for row in rows}):
            self._desk.ledger.answer(self._desk.handle, write_no, None, "settled by reading")

    def carry(self, units: list[Unit]) -> None:
        """Bring `units` over. Afterwards every entry of them is `sent` or `rejected`.

        Raises `DestinationRefused` (also when an essential entry is refused), `Waiting`, `Held`.
        """
        if self._desk.settings.write != "conditional":
            # Here the server does not look itself before it writes.
            self._intend([key for unit in units for key in unit])
            self._look(units)
        attempt = 0
        while units := self._open(units):
            attempt += 1
            kind, words, answer = self._send([key for unit in units for key in unit])
            if kind is Kind.DONE:
                return
            if kind is Kind.FORBIDDEN:
                raise DestinationRefused(
                    f"push: {words}",
                    "Check `auth` of this destination and what its account may write.",
                )
            if kind is Kind.UNCLEAR:
                self._settle_after_pause(units, attempt, answer, words)
            elif answer is not None and answer.status == 409 and attempt == 1:
                # Somebody else may be writing the same at this moment: look after a pause.
                self._settle_after_pause(units, attempt, None, words)
            else:
                self._isolate(units, words)
                return

    def _send(self, keys: list[str]) -> tuple[Kind, str, Answer | None]:
        desk = self._desk
        write_no = self._intend(keys)
        bundle = transaction("transaction", self._writes(keys))
        answer = post(desk, write_no, bundle, len(keys), "push")
        kind, words, proved = _judged(keys, answer)
        status = answer.status if answer else None
        # In this order: rows that are still `intended` after a crash get a ledger answer anyway.
        desk.ledger.answer(desk.handle, write_no, status, kind.value)
        self._settle(proved)
        return kind, words, answer

    def _intend(self, keys: list[str]) -> int:
        write_no = self._desk.ledger.next_write_no(self._desk.handle)
        delivery.intend(self._desk.case, write_no, map(parts, keys))
        return write_no

    def _writes(self, keys: list[str]) -> list[Write]:
        own_ids = self._desk.settings.write == "put"
        beside = {} if own_ids else {key: f"urn:uuid:{parts(key)[1]}" for key in keys}
        return [self._write(key, beside) for key in keys]

    def _write(self, key: str, beside: dict[str, str]) -> Write:
        entry = self._desk.entry(key)
        body = self.addresses.render(entry, beside)
        if self._desk.settings.write == "put":
            return Write(f"{self._desk.endpoint.base_url}/{key}", "PUT", key, body, {})
        condition = {"ifNoneExist": f"_tag={TAG}|{entry.id}"}
        return Write(
            f"urn:uuid:{entry.id}",
            "POST",
            entry.type,
            with_identity(body, None, ()),
            condition if self._desk.settings.write == "conditional" else {},
        )

    def _settle_after_pause(
        self, units: list[Unit], attempt: int, answer: Answer | None, words: str
    ) -> None:
        again = may_try_again(self._desk, attempt, answer)
        self._look(units)
        if not again and (left := self._open(units)):
            raise DestinationRefused(
                f"push: {words}; {sum(map(len, left))} resources of this write are not there",
                "Look at the destination with `connector doctor`; the same command goes on from"
                " here.",
            )

    def _isolate(self, units: list[Unit], words: str) -> None:
        """Narrow down a refusal of `units`: only what is refused when sent alone is rejected."""
        self._look(units)
        left = self._open(units)
        if len(units) == 1:
            for unit in left:
                self._reject(unit, words)
            return
        middle = (len(left) + 1) // 2
        self.carry(left[:middle])
        self.carry(left[middle:])  # rendered only now: it may refer to what was just refused

    def _reject(self, unit: Unit, words: str) -> None:
        for key in unit:
            if key in self._essential:
                raise DestinationRefused(
                    f"the destination does not take the {parts(key)[0]} of the packet: {words}",
                    "Ask the people who run the destination what it requires of it.",
                )
        with self._desk.case.commit():
            for key in unit:
                delivery.reject(self._desk.case, *parts(key), words)
                self.addresses.lose(self._desk.entry(key))

    def _look(self, units: list[Unit]) -> None:
        self._settle(find(self._desk, [key for unit in units for key in unit]))

    def _settle(self, found: dict[str, Place]) -> None:
        delivery.settle(
            self._desk.case,
            ((*parts(key), place.id, place.version) for key, place in found.items()),
        )
        self.addresses.places |= {key: place.reference for key, place in found.items()}

    def _open(self, units: list[Unit]) -> list[Unit]:
        left = ([key for key in unit if key not in self.addresses.places] for unit in units)
        return [unit for unit in left if unit]


def _judged(keys: list[str], answer: Answer | None) -> tuple[Kind, str, dict[str, Place]]:
    """(kind, words safe to print, what is proved to stand) of the answer to a write of `keys`."""
    kind = kind_of(answer)
    if answer is None:
        return kind, "no whole answer from the destination", {}
    if kind is not Kind.DONE:
        return kind, describe(answer), {}
    try:
        proved, words = places(keys, answer.body)
    except UndecodableError:
        return Kind.UNCLEAR, "an answer that is not a FHIR Bundle", {}
    return (Kind.DONE if len(proved) == len(keys) else Kind.REFUSED), words, proved
