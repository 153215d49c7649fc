"""Two real HAPI FHIR R4 servers in one Java process, which ends with this one."""

import os
import shutil
import subprocess
import threading
from pathlib import Path
from queue import Empty, Queue

import requests

START = Path(__file__).parent / "hapi" / "start.sh"
# The first build downloads some 300 MB; a start alone takes 20 to 90 s on two busy cores.
BUILD_AND_START_S = 900


class JavaMissingError(RuntimeError):
    """The programs to build and run HAPI are not there."""


class HapiPair:
    """Builds the launcher when needed, starts it, waits until both servers answer.

    Raises JavaMissingError without java or mvn, RuntimeError when a server does not come up.
    """

    def __init__(self, *, search_cache: bool = True) -> None:
        missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
        if missing:
            raise JavaMissingError(f"no {' and no '.join(missing)} on the PATH")
        option = "" if search_cache else "-Dsearch.cache=off"
        self._process = subprocess.Popen(
            [START, "0", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "HAPI_JAVA_OPTIONS": option},
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read_lines, daemon=True).start()
        try:
            self.source_url = self._next_url()
            self.destination_url = self._next_url()
        except RuntimeError:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends both servers."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())
        self._lines.put("")

    def _next_url(self) -> str:
        try:
            url = self._lines.get(timeout=BUILD_AND_START_S)
        except Empty:
            raise RuntimeError(f"HAPI did not start within {BUILD_AND_START_S} s") from None
        if not url:
            raise RuntimeError("the HAPI launcher ended before its servers answered")
        requests.get(f"{url}/metadata", timeout=240).raise_for_status()
        return url


def empty(base_url: str) -> None:
    """Removes everything that stands at a server, history included."""
    parameter = [{"name": "expungeEverything", "valueBoolean": True}]
    answer = requests.post(
        f"{base_url}/$expunge",
        json={"resourceType": "Parameters", "parameter": parameter},
        headers={"Content-Type": "application/fhir+json"},
        timeout=300,
    )
    assert answer.status_code == 200, answer.text[:2000]
