"""What goes over the wire: counted, remembered, and asked again with nothing but `requests`."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from types import TracebackType
from typing import Any
from unittest.mock import patch

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection

# The page that follows, as HAPI names it in the head of a Bundle.
_NEXT = re.compile(rb'"relation"\s*:\s*"next"\s*,\s*"url"\s*:\s*"([^"]+)"')
_PAGE = "_getpages="


@dataclass(frozen=True)
class Sent:
    """One request as it left."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None


Steps = list[list[Sent]]  # those of a step are asked side by side


@dataclass
class Wire:
    """Counts, inside the block, what `requests` sends, and over how many connections."""

    sent: list[Sent] = field(default_factory=list)
    connections: int = 0

    @property
    def requests(self) -> int:
        return len(self.sent)

    @property
    def steps(self) -> "Steps":
        """What a pull asked, without the later pages of an answer, step by step."""
        questions = (sent for sent in self.sent if _PAGE not in sent.url)
        return [list(step) for _, step in groupby(questions, _step)]

    def __enter__(self) -> "Wire":
        send, connect, lock = HTTPAdapter.send, HTTPConnection.connect, threading.Lock()

        def counting_send(
            adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any
        ) -> requests.Response:
            body = request.body.encode() if isinstance(request.body, str) else request.body
            assert body is None or isinstance(body, bytes)
            sent = Sent(request.method or "", request.url or "", dict(request.headers), body)
            with lock:
                self.sent.append(sent)
            return send(adapter, request, *args, **kwargs)

        def counting_connect(connection: HTTPConnection) -> None:
            with lock:
                self.connections += 1
            connect(connection)

        self._patches = ExitStack()
        self._patches.enter_context(patch.object(HTTPAdapter, "send", counting_send))
        self._patches.enter_context(patch.object(HTTPConnection, "connect", counting_connect))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._patches.close()


def _step(sent: Sent) -> str:
    path, _, query = sent.url.partition("?")
    if "target=" in query or (sent.body or b"").startswith(b"target="):
        return "who wrote the records"
    if sent.method == "POST":
        return "what they refer to"
    return "records" if query else path


def ask_again(steps: Steps, threads: int) -> None:
    """Ask the questions, each to its last page, and throw the answers away.

    One Session and so one kept connection per thread.
    """
    local = threading.local()

    def ask(question: Sent) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        url: str | None = question.url
        method, body = question.method, question.body
        while url is not None:
            answer = local.session.request(
                method, url, data=body, headers=question.headers, timeout=600
            )
            following = _NEXT.search(answer.content)
            url = following[1].decode() if following else None
            method, body = "GET", None

    with ThreadPoolExecutor(threads) as pool:
        for step in steps:
            list(pool.map(ask, step))
