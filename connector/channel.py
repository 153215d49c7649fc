"""How a packet travels: one channel for each kind of destination, chosen once, from one table.

A further kind is its name in `settings/destination.py`, a module of `push/` that sends it by the
write cycle, and a class here with its line in `CHANNELS`.
"""

from abc import ABC, abstractmethod
from functools import partial
from typing import Any

from . import packet, push
from .case import State
from .instant import instant
from .job import Job
from .store.case import transitions
from .store.mapped import update
from .store.sent.recalled import Recalled


class Channel(ABC):
    """The way of one case's packet to its destination. What is shared by all kinds is in `steps`.

    In this order: `ready`, `settle`, and `put` unless all has arrived; `verify` at any time after;
    `remove` when it is recalled.
    """

    asks_patient = True  # whether it is resolved who the patient is there, before anything leaves

    def __init__(self, job: Job, session: push.Session) -> None:
        self.job, self.session = job, session

    @property
    def now(self) -> str:
        """FHIR dateTime."""
        return instant(self.job.clock())

    @abstractmethod
    def ready(self) -> None:
        """Raise what makes it impossible, before anything is said to be on its way."""

    @abstractmethod
    def settle(self) -> bool:
        """Settle what an earlier run may have sent. Whether all of it has arrived by that."""

    @abstractmethod
    def put(self) -> None:
        """Bring what has not arrived, prove it as far as that goes, and announce it."""

    @abstractmethod
    def verify(self) -> None:
        """Look at what stands there once more. Raises `ReadBackDiffers`."""

    @abstractmethod
    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:
        """Take away what we brought; what becomes of each resource. `at`: FHIR dateTime.

        `only_look`: what would; nothing is written.
        """


class Records(Channel):
    """Record by record, and then announced; also where an answer is all the proof there is."""

    def ready(self) -> None:
        """Nothing that is not known before."""

    def settle(self) -> bool:
        return False  # record by record, as `put` goes on from what the rows say

    def put(self) -> None:
        session, progress, now = self.session, self.job.progress, self.now
        again = update.opened(session.case) is not None
        if again:
            push.catch_up(session, progress)
        push.deliver(session, progress)
        if again:
            push.refresh(session)
        if session.reads:
            push.read_back(session, progress)
        else:
            push.write_only.accept(session)
        transitions.enter(session.case, State.DELIVERED)
        announce = push.announce if session.reads else push.write_only.announce
        announce(session, now)

    def verify(self) -> None:
        push.verify(self.session, self.job.progress)

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:
        if not self.session.reads:
            return _remove(self.session, push.recall_whole.unread, only_look)
        if only_look:
            return push.look(self.session)
        return push.recall(self.session, at, self.job.progress)


class Document(Channel):
    """One Bundle of type document, created and read back whole."""

    def ready(self) -> None:
        self._whole = push.bundle.gather(self.session, packet.render(self.session.case, "document"))

    def settle(self) -> bool:
        return push.document.settle(self.session, self._whole, self.now)

    def put(self) -> None:
        push.document.deliver(self.session, self._whole, self.now)

    def verify(self) -> None:
        self.ready()
        push.document.verify(self.session, self._whole)

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:  # noqa: ARG002
        return _remove(self.session, push.recall_whole.document_of, only_look)


class Message(Channel):
    """One Bundle of type message to $process-message."""

    def ready(self) -> None:
        session = self.session
        message = push.bundle.gather(session, packet.render(session.case, "message"))
        cache_min = push.message.ready(session, message)
        self._sending = push.message.Sending(session, message, cache_min, self.job.clock)

    def settle(self) -> bool:
        return self._sending.has_arrived()

    def put(self) -> None:
        self._sending.until_answered()

    def verify(self) -> None:
        """Nothing of it need be readable."""

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:  # noqa: ARG002
        return _remove(self.session, push.recall_whole.message_of, only_look)


class Folder(Channel):
    """A zip in a folder that others watch."""

    asks_patient = False

    def ready(self) -> None:
        """Nothing that is not known before."""

    def settle(self) -> bool:
        self._file = push.folder.File(self.session)
        return self._file.was_put(self.now)

    def put(self) -> None:
        case = self.session.case
        document = partial(packet.render, case, "document")
        self._file.put(partial(packet.write, case, "files"), document, self.now)

    def verify(self) -> None:
        push.folder.verify(self.session)

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:  # noqa: ARG002
        return _remove(self.session, push.recall_whole.file_of, only_look)


def _remove(session: push.Session, fates: Any, only_look: bool) -> list[Recalled]:
    recall = push.recall_whole
    return recall.look(session, fates) if only_look else recall.recall(session, fates)


CHANNELS: dict[str, type[Channel]] = {
    "transaction": Records,
    "document": Document,
    "message": Message,
    "files": Folder,
}


def channel_of(job: Job, session: push.Session) -> Channel:
    """The way of this case's packet."""
    return CHANNELS[session.kind](job, session)
