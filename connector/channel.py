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

    def __init__(self, job: Job, desk: push.Desk) -> None:
        self.job, self.desk = job, desk

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
        desk, progress, now = self.desk, self.job.progress, self.now
        again = update.opened(desk.case) is not None
        if again:
            push.catch_up(desk, progress)
        push.deliver(desk, progress)
        if again:
            push.refresh(desk)
        if desk.reads:
            push.read_back(desk, progress)
        else:
            push.write_only.accept(desk)
        transitions.enter(desk.case, State.DELIVERED)
        announce = push.announce if desk.reads else push.write_only.announce
        announce(desk, now)

    def verify(self) -> None:
        push.verify(self.desk, self.job.progress)

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:
        if not self.desk.reads:
            return _remove(self.desk, push.recall_whole.unread, only_look)
        if only_look:
            return push.look(self.desk)
        return push.recall(self.desk, at, self.job.progress)


class Document(Channel):
    """One Bundle of type document, created and read back whole."""

    def ready(self) -> None:
        self._whole = push.bundle.gather(self.desk, packet.render(self.desk.case, "document"))

    def settle(self) -> bool:
        return push.document.settle(self.desk, self._whole, self.now)

    def put(self) -> None:
        push.document.deliver(self.desk, self._whole, self.now)

    def verify(self) -> None:
        self.ready()
        push.document.verify(self.desk, self._whole)

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:  # noqa: ARG002
        return _remove(self.desk, push.recall_whole.document_of, only_look)


class Message(Channel):
    """One Bundle of type message to $process-message."""

    def ready(self) -> None:
        desk = self.desk
        message = push.bundle.gather(desk, packet.render(desk.case, "message"))
        cache_min = push.message.ready(desk, message)
        self._sending = push.message.Sending(desk, message, cache_min, self.job.clock)

    def settle(self) -> bool:
        return self._sending.has_arrived()

    def put(self) -> None:
        self._sending.until_answered()

    def verify(self) -> None:
        """Nothing of it need be readable."""

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:  # noqa: ARG002
        return _remove(self.desk, push.recall_whole.message_of, only_look)


class Folder(Channel):
    """A zip in a folder that others watch."""

    asks_patient = False

    def ready(self) -> None:
        """Nothing that is not known before."""

    def settle(self) -> bool:
        self._file = push.folder.File(self.desk)
        return self._file.was_put(self.now)

    def put(self) -> None:
        case = self.desk.case
        document = partial(packet.render, case, "document")
        self._file.put(partial(packet.write, case, "files"), document, self.now)

    def verify(self) -> None:
        push.folder.verify(self.desk)

    def remove(self, at: str, *, only_look: bool = False) -> list[Recalled]:  # noqa: ARG002
        return _remove(self.desk, push.recall_whole.file_of, only_look)


def _remove(desk: push.Desk, fates: Any, only_look: bool) -> list[Recalled]:
    recall = push.recall_whole
    return recall.look(desk, fates) if only_look else recall.recall(desk, fates)


CHANNELS: dict[str, type[Channel]] = {
    "transaction": Records,
    "document": Document,
    "message": Message,
    "files": Folder,
}


def channel_of(job: Job, desk: push.Desk) -> Channel:
    """The way of this case's packet."""
    return CHANNELS[desk.kind](job, desk)
