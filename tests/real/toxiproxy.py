"""toxiproxy 2.12, built once into .cache: a TCP proxy whose faults are set over HTTP."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

_MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"
_HOME = Path(__file__).parents[2] / ".cache" / "toxiproxy"
_PROGRAM = _HOME / "server"
_BUILD_S = 600
_START_S = 30


class GoMissingError(RuntimeError):
    """toxiproxy is not there and can't be built."""


@dataclass(frozen=True)
class Toxiproxy:
    """A proxy in front of one server. `base_url` is that server as a client sees it."""

    base_url: str
    _api: str

    def spoil(
        self,
        toxic: str,
        attributes: Mapping[str, int],
        stream: str = "downstream",
        share: float = 1,
    ) -> None:
        """Do this to all that comes back from the server (toxiproxy's README lists the toxics).

        `stream` "upstream": to all that goes there. `share`: of the connections, by lot.
        """
        name = f"{toxic}_{stream}"
        body = {"name": name, "type": toxic, "stream": stream, "toxicity": share}
        body["attributes"] = dict(attributes)
        requests.post(f"{self._api}/toxics", json=body, timeout=10).raise_for_status()

    def heal(self) -> None:
        """Pass everything on as it is."""
        for toxic in requests.get(f"{self._api}/toxics", timeout=10).json():
            requests.delete(f"{self._api}/toxics/{toxic['name']}", timeout=10).raise_for_status()


@contextmanager
def toxiproxy(upstream: str) -> Iterator[Toxiproxy]:
    """Run toxiproxy before the server at `upstream`. Raises GoMissingError."""
    _build()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [_PROGRAM, "-host", "127.0.0.1", "-port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        api = f"http://127.0.0.1:{port}"
        _wait_for(f"{api}/version")
        parts = urlsplit(upstream)
        proxy = {"name": "fhir", "listen": "127.0.0.1:0", "upstream": parts.netloc}
        answer = requests.post(f"{api}/proxies", json={**proxy, "enabled": True}, timeout=10)
        answer.raise_for_status()
        base_url = parts._replace(netloc=answer.json()["listen"]).geturl()
        yield Toxiproxy(base_url, f"{api}/proxies/fhir")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _build() -> None:
    if _PROGRAM.exists():
        return
    if shutil.which("go") is None:
        raise GoMissingError("no go on the PATH to build toxiproxy with")
    environment = {**os.environ, "GOBIN": str(_HOME)}
    done = subprocess.run(
        ["go", "install", _MODULE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_BUILD_S,
        check=False,
    )
    if done.returncode:
        raise GoMissingError(f"toxiproxy can't be built: {done.stderr[-300:]}")


def _wait_for(url: str) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            requests.get(url, timeout=5).raise_for_status()
        except requests.ConnectionError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
