"""`Sandbox`: an embedded FHIR R4 server on loopback, for demonstrations; tests build on it."""

import threading
from types import TracebackType
from typing import Self

from ..fhir.lossless import decode, encode
from .api import Api
from .behaviour import Behaviour, Extension
from .loading import load
from .outcome import Resource
from .server import BASE_PATH, RequestRecord, Server
from .store import Store

_PLAIN = Behaviour()


class Sandbox:
    """A FHIR R4 server in memory, answering from the moment it is made until it is closed.

    Stands in for HAPI FHIR 8: referential integrity on write, server-assigned numeric ids, no
    numeric client ids, pages by `_getpages`. `port` 0 lets the system choose. With `bearer_token`
    everything but `metadata` needs it. Synthetic data only: it keeps no secrets.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        page_size: int = 50,
        bearer_token: str | None = None,
        behaviour: Behaviour = _PLAIN,
    ) -> None:
        self._store = Store(behaviour.clock_ahead_s)
        self._server = Server((host, port), behaviour)
        self.root = f"http://{host}:{self._server.server_port}"
        self.base_url = f"{self.root}{BASE_PATH}"
        self._server.extension = extension = self._extended()
        self._api = Api(self._store, behaviour, extension, self.base_url, page_size, bearer_token)
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

    def _extended(self) -> Extension:
        """What this server has beside; asked once, when its address is known."""
        return Extension()

    def close(self) -> None:
        """Stop, and cut the connections. Closing again does nothing."""
        if self._thread.is_alive():
            self._server.close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
