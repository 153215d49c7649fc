"""Faults on demand: what a server, a proxy or a network does to a client on a bad day."""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from connector.fhir.lossless import decode, encode
from connector.sandbox.exchange import Response
from connector.sandbox.outcome import Resource, outcome

_IN_PAGES = ("foreign-next", "self-next", "outcome-entry", "half-page")
Kind = Literal[
    "status",
    "cut-body",
    "drop-before",
    "drop-after",
    "delay",
    "foreign-next",
    "self-next",
    "outcome-entry",
    "half-page",
    "not-json",
    "login-page",
]


@dataclass(frozen=True)
class Fault:
    """One misbehaviour, for requests whose method and URL fit.

    method, path   the HTTP method (None: any); a regular expression searched for in the path and,
                   if there is one, `?` and the query, as the client sent them
    kind           status: answer `status`, `headers` and `body` (by default an OperationOutcome)
                   not-json: 200 and `body` said to be FHIR; login-page: 200 and HTML
                   drop-before: close the connection and do nothing
                   drop-after: do the work, then close without an answer
                   cut-body: announce the whole body, send half, close
                   delay: wait `seconds`, then answer as usual
                   foreign-next: the page's next link is `url`; self-next: it is the page itself
                   outcome-entry: the page ends with an OperationOutcome that warns
                   half-page: the second half of the page's entries is not there
    times, skip    how often (None: for ever), after how many fitting requests were let through
    """

    kind: Kind
    path: str = ""
    method: str | None = None
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    times: int | None = None
    skip: int = 0
    seconds: float = 0
    url: str = "http://elsewhere.invalid/fhir?_getpages=1"


class FaultPlan:
    """The faults in force. The first that fits a request and is due takes it."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._faults = [(fault, [0]) for fault in faults]  # with the number of requests that fit

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append((fault, [0]))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def carry(
        self,
        method: str,
        target: str,
        url: str,
        answer: Callable[[], Response],
        closing: threading.Event,
    ) -> Response | None:
        """As `Extension.carry`, with the fault for this request."""
        fault = self.take(method, target)
        if fault is None:
            return answer()
        if fault.kind == "drop-before":
            return None
        if fault.kind == "delay":
            closing.wait(fault.seconds)
        response = instead(fault) or altered(fault, answer(), url)
        if fault.kind == "drop-after":
            return None
        return replace(response, cut=True) if fault.kind == "cut-body" else response

    def take(self, method: str, target: str) -> Fault | None:
        """The fault for this request, counted; None if it is to be answered as usual."""
        with self._lock:
            for fault, fitted in self._faults:
                if fault.method not in (None, method) or not re.search(fault.path, target):
                    continue
                fitted[0] += 1
                turn = fitted[0] - fault.skip
                if turn > 0 and (fault.times is None or turn <= fault.times):
                    return fault
        return None


def instead(fault: Fault) -> Response | None:
    """The answer given without doing any work; None when the work is to be done."""
    if fault.kind == "status":
        text = outcome("error", "exception", "A fault on demand")
        body = encode(text) if fault.body is None else fault.body
        return Response(fault.status, body, dict(fault.headers))
    if fault.kind == "not-json":
        return Response(200, fault.body or b'{"resourceType": "Bundle", "entry": [')
    if fault.kind == "login-page":
        body = fault.body or b"<!DOCTYPE html><title>Log in</title><form></form>"
        return Response(200, body, {"Content-Type": "text/html"})
    return None


def altered(fault: Fault, response: Response, url: str) -> Response:
    """A page with the fault in it; other answers are left as they are."""
    if fault.kind not in _IN_PAGES or response.status != 200:
        return response
    page: Resource = decode(response.body)
    if page.get("resourceType") != "Bundle":
        return response
    if fault.kind == "outcome-entry":
        warning = outcome("warning", "incomplete", "Some records could not be shown")
        entry = {"resource": warning, "search": {"mode": "outcome"}}
        page["entry"] = [*page.get("entry", []), entry]
    elif fault.kind == "half-page":
        entries = page.get("entry", [])
        page["entry"] = entries[: len(entries) // 2]
    else:
        others = [link for link in page.get("link", []) if link["relation"] != "next"]
        target = fault.url if fault.kind == "foreign-next" else url
        page["link"] = [*others, {"relation": "next", "url": target}]
    return replace(response, body=encode(page))
