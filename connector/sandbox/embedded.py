"""`Sandbox`: an embedded FHIR R4 server on loopback, for the demo and for tests."""

import threading
from collections.abc import Sequence
from types import TracebackType

from ..fhir.lossless import decode, encode
from .api import Api
from .faults import Fault, FaultPlan
from .guard import Guard, Protection
from .loading import load
from .outcome import Resource
from .quirks import Quirks
from .server import BASE_PATH, RequestRecord, Server
from .store import Store

_PLAIN = Quirks()


class Sandbox:
    """A FHIR R4 server in memory, answering from the moment it is made until it is closed.

    Stands in for HAPI FHIR 8: referential integrity on write, server-assigned numeric ids, no
    numeric client ids, pages by `_getpages`. `port` 0 lets the system choose. With `bearer_token`
    everything but `metadata` needs it; with `protection`, a token as SMART Backend Services says.
    Synthetic data only: it keeps no secrets.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        page_size: int = 50,
        faults: Sequence[Fault] = (),
        quirks: Quirks = _PLAIN,
        bearer_token: str | None = None,
        protection: Protection | None = None,
    ) -> None:
        self._store = Store(quirks.clock_ahead_s)
        self._faults = FaultPlan(faults)
        self._server = Server((host, port), self._faults, quirks.body_limit, quirks.clock_ahead_s)
        root = f"http://{host}:{self._server.server_port}"
        self.base_url = f"{root}{BASE_PATH}"
        self._guard = None if protection is None else Guard(protection, root)
        self._api = Api(self._store, quirks, self.base_url, page_size, bearer_token, self._guard)
        self._server.api = self._api
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def requests(self) -> list[RequestRecord]:
        """What was asked, in the order of the answers; the list itself, so it can be cleared."""
        return self._server.records

    def load(self, bundle: bytes) -> None:
        """Store a chart: a transaction, batch or collection Bundle. See `loading.load`."""
        with self._api.lock:
            load(self._store, bundle)

    def put(self, resource: Resource) -> None:
        """Plant one resource with its id, unchecked: dangling references are welcome."""
        copy = decode(encode(resource))
        with self._api.lock:
            reference = f"{copy['resourceType']}/{copy['id']}"
            self._store.commit([self._store.successor(copy, reference)])

    def delete(self, reference: str) -> None:
        """Take one resource away, unchecked."""
        with self._api.lock:
            standing = self._store.alive(reference)
            assert standing is not None, reference
            self._store.commit([self._store.tombstone(standing)])

    def resources(self, resource_type: str | None = None) -> list[Resource]:
        """Everything (of one type) that stands now, decoded: the ground truth of a test."""
        with self._api.lock:
            return [
                decode(version.body)
                for version in self._store.current()
                if resource_type in (None, version.type)
            ]

    @property
    def token_url(self) -> str:
        """Where a protected sandbox gives its tokens."""
        assert self._guard is not None
        return self._guard.token_url

    def revoke_tokens(self) -> None:
        """Refuse every token given so far, as after a restart."""
        assert self._guard is not None
        self._guard.revoke()

    @property
    def messages(self) -> list[Resource]:
        """The messages that were processed, in their order; one twice if it was."""
        with self._api.lock:
            return list(self._api.messages.processed)

    @property
    def exports(self) -> list[str]:
        """The bulk exports that nobody deleted yet."""
        return self._api.bulk.open if self._api.bulk else []

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force, after those that already are."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Behave again."""
        self._faults.clear()

    def close(self) -> None:
        """Stop, and cut the connections. Closing again does nothing."""
        if self._thread.is_alive():
            self._server.close()
            self._thread.join()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
