"""Where a fuzzed run takes place: a source, a destination, the command line, and what must hold."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector import cli
from connector.sandbox.exchange import Request, Response
from connector.sandbox.server import _Handler
from tests import support
from tests.fuzz import r4
from tests.sandbox_parts import Sandbox

SECONDS_MAX = 90  # of one command; a whole transfer takes about one
GROWTH_MAX = 400 << 20  # bytes by which a run may grow this process, above what it had
CODES = {0, 2, 3, 4, 5, 6, 7, 8, 11}
_UNKNOWN = re.compile(r"(?m)^  \d+-[0-9a-f]{4,64}  .*$")
_RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
Change = Callable[[Request, Response], Response]


class Broken(AssertionError):
    """A never-rule of the program did not hold."""


class Server(Sandbox):
    """A sandbox whose answers can be changed before they leave, as JSON or as bytes on the wire."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.change: Change | None = None
        self.wire: Callable[[bytes], bytes] | None = None
        answer = self._api.answer

        def changed(request: Request) -> Response:
            response = answer(request)
            return self.change(request, response) if self.change else response

        self._api.answer = changed  # type: ignore[method-assign]
        if self._beside.guard is not None:
            token = self._beside.guard.token

            def altered(headers: dict[str, str], body: bytes) -> Response:
                request = Request("POST", "", ["token"], [], headers, body)
                response = token(headers, body)
                return self.change(request, response) if self.change else response

            self._beside.guard.token = altered  # type: ignore[method-assign,assignment]
        owner = self

        class Handler(_Handler):
            def _send(self, response: Response) -> None:
                if owner.wire is None:
                    super()._send(response)
                    return
                self._record(response.status)
                head = f"HTTP/1.1 {response.status} X\r\nContent-Type: application/fhir+json\r\n"
                more = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
                size = f"Content-Length: {len(response.body)}\r\n\r\n"
                with contextlib.suppress(OSError):
                    self.connection.sendall(
                        owner.wire((head + more + size).encode() + response.body)
                    )
                    self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        self._server.RequestHandlerClass = Handler


def json_changed(response: Response, change: Callable[[Any], Any]) -> Response:
    """`response` with its JSON changed; what is no JSON stays."""
    try:
        value = json.loads(response.body)
    except ValueError:
        return response
    return replace(response, body=r4.text(change(value)))


class Arena:
    """A folder, two servers, and runs of the command line within this process."""

    def __init__(self, folder: Path, source: Server, destination: Server) -> None:
        self.folder = folder
        self.source = source
        self.destination = destination
        self.site = support.Site(folder, source.base_url, destination.base_url, patient=r4.PATIENT)
        self.ran: list[str] = []

    def run(self, *arguments: str, codes: set[int] = CODES) -> tuple[int, str]:
        """Run a command; its exit code and all it printed. Raises `Broken`."""
        out, err = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        with _in_time(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.run(list(arguments))
        for stream in (out, err):
            stream.flush()
        printed = "".join(
            stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err)
        )
        command = " ".join(arguments[:3])
        self.ran.append(f"{command}: {code}")
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - before
        self._hold(code in codes and "internal" not in printed, f"exit {code}", command, printed)
        self._hold(grown < GROWTH_MAX, f"grew by {grown >> 20} MB", command, "")
        self._hold(not _RAW.search(printed), "raw control characters", command, repr(printed))
        told = _without_titles(printed)
        self._hold(r4.CANARY not in told, "patient data printed", command, told)
        return code, printed

    def check_store(self) -> None:
        """Nothing of the patient outside the case. Raises `Broken`."""
        for path in self.site.store.rglob("*"):
            if path.is_file() and "cases" not in path.parts:
                clean = r4.CANARY.encode() not in path.read_bytes()
                self._hold(clean, f"patient data in {path.name}", "store", "")

    def _hold(self, holds: bool, what: str, command: str, printed: str) -> None:
        if not holds:
            raise Broken(f"{what} after `{command}` ({'; '.join(self.ran)})\n{printed[-3000:]}")


def _without_titles(printed: str) -> str:
    """What was printed but for the titles of reports of unknown kind: a person has to see these."""
    try:
        values = json.loads(printed)
    except ValueError:
        return _UNKNOWN.sub("", printed)
    return json.dumps({**values, "unknown": []} if isinstance(values, dict) else values)


@contextmanager
def arena(**options: Any) -> Iterator[Arena]:
    """Two servers and an empty folder, which is the working folder meanwhile."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    folder.chmod(0o700)
    here = Path.cwd()
    os.chdir(folder)
    try:
        source, destination = Server(**options.pop("source", {})), Server()
        with source, destination:
            made = Arena(folder, source, destination)
            made.site.configure(source="attempts = 2", destination="attempts = 2")
            yield made
    finally:
        os.chdir(here)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _in_time() -> Iterator[None]:
    def late(number: int, frame: Any) -> None:
        raise Broken(
            f"still at work after {SECONDS_MAX} s at {frame.f_code.co_filename}:{frame.f_lineno}"
        )

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS_MAX)
    try:
        yield
    finally:
        signal.alarm(0)


def chart(count: int, variant: int) -> list[dict[str, Any]]:
    """The patient and `count` types of records from `variant` on, those referred to as they are."""
    picked = [r4.TYPES[(variant * 7 + step) % len(r4.TYPES)] for step in range(count)]
    return [r4.patient(), *(r4.resource(name, variant) for name in dict.fromkeys(picked))]
