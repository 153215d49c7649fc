"""One write after another until each entry stands there or is refused: exactly once in effect.

Intent is committed before bytes leave, the answer after. An unclear answer is settled by reading,
and only what is found absent is sent again. A refusal is narrowed down to the entries that cause
it: those are `rejected`, the rest goes.
"""

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from ...errors import DestinationRefused, Held
from ...fhir.bundle import Write
from ...fhir.record import with_identity
from ...fhir.systems import TAG
from ...store.ledger.last_written import Written
from ...store.sent import delivery
from ..session import Session, parts
from ..wire import undeleted
from ..wire.limits import learn, limits_of
from ..wire.response import Heard, Kind, Proof, in_order_of_ids, named
from ..wire.retry import until_done
from ..wire.search_lag import Patience
from ..wire.write import intend, send, settle
from .batching import Survey, Unit, flat
from .partial_write import half_taken
from .reference_map import ReferenceMap
from .refused import Suspects, smaller
from .settling import Settling


class Sender:
    """Carries units of the packet. `essential`: entries without which there is no delivery."""

    def __init__(self, session: Session, whole: Survey, essential: frozenset[str]) -> None:
        self._session = session
        self._whole = whole
        self._essential = essential
        self._suspects = Suspects()
        self.references = ReferenceMap(session)
        self._settling = Settling(session, whole, self.references.places)
        self.limits = limits_of(session)

    def settle_intended(self) -> None:
        """Settle by reading what an earlier run may have sent without hearing the answer."""
        session, writes = self._session, dict[int, list[str]]()
        for row in delivery.deliveries(session.case, "intended"):
            writes.setdefault(row.write_no, []).append(f"{row.type}/{row.id}")
        settled = "settled by reading" if session.reads else "to be sent again"
        for write_no, keys in sorted(writes.items()):
            ago = session.ledger.since_intended(session.handle, write_no)
            self._settling.look_for([keys], Patience(session.settings.search_lag_s - ago))
        settle(session, settled if writes else None)

    def meet(self, keys: Collection[str]) -> None:
        """Find those of `keys` that an earlier delivery of ours brought: they are not sent again.

        Raises `Held` (`deleted`) if one of them is not there any more.
        """
        brought = list(self._session.known(keys)) if self._session.reads else []
        if not brought:
            return
        intend(self._session, brought)
        patience = self._settling.patience()
        self._settling.look_for([[key] for key in brought], patience, delivery.STOOD)
        gone = sorted({parts(key)[0] for key in brought if key not in self.references.places})
        if gone:
            raise Held(
                "deleted",
                f"records that we brought earlier are gone from the destination: {', '.join(gone)};"
                " sending them again would undo a deletion",
                "Ask the people who run the destination why, and exclude them from the request; if"
                " the server was set up anew, give it a new `id` in connector.toml.",
            )

    def refuse(self, keys: list[str], words: str) -> None:
        """Reject `keys` without asking the destination."""
        if keys:
            intend(self._session, keys)
        for key in keys:
            self._reject(key, words)

    def carry(self, units: list[Unit]) -> None:
        """Bring `units` over. Afterwards every entry of them is `sent` or `rejected`.

        One that is answered with 409 or 500 alone is put aside: `finish` tries it once more.
        Raises `DestinationRefused` (also when an essential entry is refused), `Waiting`, `Held`.
        """
        if self._session.settings.write != "conditional":
            # Here the server does not look itself before it writes.
            intend(self._session, flat(units))
            self._settling.look(units, delivery.STOOD)
        units = self._settling.open(units)
        if not units:
            return
        first, sent = True, units

        def once(some: list[Unit]) -> Heard:
            nonlocal first, sent
            heard = self._send(some, first=first)
            first, sent = False, some
            return heard

        left, heard = until_done(self._session, units, once, self._left)
        if not left:
            return
        if heard.kind is Kind.FORBIDDEN:
            raise DestinationRefused(
                f"push: {heard.words}",
                "Check `auth` of this destination and what its account may write.",
            )
        if heard.kind is Kind.REFUSED or heard.status == 500:
            # At 500 the server lives, and trips over this write: perhaps over one record of it.
            self._isolate(left if heard.kind is Kind.UNCLEAR else sent, heard)
            return
        raise self._no_more(heard.words, flat(left))

    def finish(self) -> None:
        """All was carried; try once more what was put aside.

        Raises `DestinationRefused` if it is unclear who was to blame.
        """
        for key in sorted(self._suspects.put_aside):
            self.carry([[key]])
        if words := self._suspects.words:
            raise self._no_more("; ".join(sorted(set(words.values()))), words)

    def _send(self, units: list[Unit], *, first: bool) -> Heard:
        session, keys = self._session, flat(units)
        together = session.way() == "transaction"
        own_ids = session.settings.write == "put"
        names = {key: key if own_ids else f"urn:uuid:{parts(key)[1]}" for key in keys}
        beside = names if together else {}
        if own_ids and not together:
            beside = {key: key for key in keys if len(keys) == 1}
        lacking = {
            key: missing
            for key in keys
            if (missing := self.references.missing(session.entry(key), beside))
        }
        writes = [self._write(key, beside) for key in keys]
        holds = partial(intend, session, keys, lacking)
        heard = send(session, writes, "push", keys, holds=holds)
        self._proved(heard.found)
        if first and own_ids:
            # A second try may write over what the first one made after all.
            undeleted.look(session, heard.found.places)
        if first and heard.status == 409:
            # Somebody else may be writing the same at this moment: look after a pause.
            return replace(heard, answer=None, kind=Kind.UNCLEAR)
        return heard

    def _proved(self, found: Proof) -> None:
        own_ids = self._session.settings.write == "put"
        if own_ids:
            found = in_order_of_ids(found)
        made = found.places.keys() if own_ids else found.made
        self._session.wrote(
            Written(key, found.places[key].reference, found.places[key].version) for key in made
        )
        self._settling.settle({key: place for key, place in found.places.items() if key in made})
        stood = {key: place for key, place in found.places.items() if key not in made}
        self._settling.settle(stood, delivery.STOOD)
        others = [key for key, place in found.places.items() if place.id != parts(key)[1]]
        if own_ids and others:
            # What they refer to may have got another id as well: they are to be written anew.
            delivery.intend(self._session.case, 0, (), {parts(key): () for key in others})
            raise DestinationRefused(
                "the destination gives resources ids of its own, whatever id they are sent under",
                'Set write = "conditional" for this destination; the same command goes on then.',
            )
        if found.places:
            self._suspects.acquit()

    def _write(self, key: str, beside: dict[str, str]) -> Write:
        entry = self._session.entry(key)
        body = self.references.render(entry, beside)
        if self._session.settings.write == "put":
            return Write(f"{self._session.endpoint.base_url}/{key}", "PUT", key, body, {})
        condition = {"ifNoneExist": f"_tag={TAG}|{entry.id}"}
        return Write(
            f"urn:uuid:{entry.id}",
            "POST",
            entry.type,
            with_identity(body, None, ()),
            condition if self._session.settings.write == "conditional" else {},
        )

    def _left(self, units: list[Unit], heard: Heard) -> list[Unit]:
        """What of `units` is still to be sent, by what stands there after an unclear answer."""
        if heard.kind is Kind.UNCLEAR:
            self._session.case.state.unclear_write = True
            refused = heard.status == 429  # then nothing of it was done
            patience = Patience(0) if refused else self._settling.patience()
            self._settling.look_for(units, patience)
        return self._settling.open(units)

    def _no_more(self, words: str, left: Collection[str]) -> DestinationRefused:
        unknown = "" if self._session.reads else " for sure"
        return DestinationRefused(
            f"push: {words}; {len(left)} resources of this write are not there{unknown}",
            "Look at the destination with `connector doctor`; the same command goes on from here.",
        )

    def _isolate(self, units: list[Unit], heard: Heard) -> None:
        """Narrow down a refusal of `units`: only what is refused when sent alone is rejected."""
        self._settling.look(units)
        half_taken(self._session, self._whole, flat(units), self.references.places)
        left = self._settling.open(units)
        sent, keys = flat(units), flat(left)
        if len(sent) == len(keys) == 1:
            taken = heard.answer is not None and heard.answer.ok and not heard.found.failed
            if taken and not self._session.reads:
                raise self._no_more(heard.words, keys)  # it may be there, and did not say where
            self._refused(keys[0], heard)
        elif len(keys) < len(sent):
            self.carry(left)  # some were done, so the others may refer to them now
        else:
            if heard.status == 413:
                learn(self._session, self.limits, keys, self._whole.sizes)
            blamed = heard.found.failed or named(heard.answer, sent)
            for part in smaller(left, blamed, self._whole, self.limits):
                self.carry(part)  # rendered only now: it may refer to what was just refused

    def _refused(self, key: str, heard: Heard) -> None:
        if not self._suspects.may_pass(key, heard):
            self._reject(key, heard.words)
            return
        if words := self._suspects.words:
            # Two in a row, and nothing passed between them: it is the server.
            raise self._no_more(heard.words, [key, *words])
        self._suspects.words[key] = heard.words

    def _reject(self, key: str, words: str) -> None:
        if key in self._essential:
            raise DestinationRefused(
                f"the destination does not take the {parts(key)[0]} of the packet: {words}",
                "Ask the people who run the destination what it requires of it.",
            )
        delivery.reject(self._session.case, *parts(key), words)
        self.references.lost.add(key)
