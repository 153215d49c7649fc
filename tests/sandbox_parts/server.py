"""`Sandbox` as the tests have it: the wheel's, with faults, sign-in and other servers' habits."""

import threading
from collections.abc import Callable, Mapping, Sequence

from connector import sandbox
from connector.fhir.lossless import encode
from connector.sandbox import Extension
from connector.sandbox.bodies import resource_of
from connector.sandbox.exchange import Request, Response
from connector.sandbox.outcome import Resource
from connector.sandbox.store import Store

from .bulk import Bulk
from .faults import Fault, FaultPlan
from .guard import TOKEN_PATH, Guard, Protection
from .match import match
from .messages import Messages
from .quirks import Quirks

_PLAIN = Quirks()
_OPERATIONS = "http://hl7.org/fhir/OperationDefinition"


class _Beside(Extension):
    """What one test server has beside the plain one."""

    def __init__(
        self, store: Store, quirks: Quirks, faults: FaultPlan, base: str, guard: Guard | None
    ) -> None:
        self._store = store
        self._quirks = quirks
        self._faults = faults
        self.guard = guard
        self.bulk = Bulk(store, quirks.bulk, base) if quirks.bulk else None
        self.messages = Messages(quirks)

    def enter(self, request: Request) -> None:
        if self.guard:
            self.guard.check(request)

    def beside(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response | None:
        asked = path == TOKEN_PATH and method == "POST"
        return self.guard.token(headers, body) if asked and self.guard else None

    def answer(self, request: Request) -> Response | None:
        for part in (self.guard, self.bulk):
            if part and (found := part.answer(request)) is not None:
                return found
        match_, messages = self._quirks.match, self._quirks.messages
        match request.method, *request.path:
            case "POST", "Patient", "$match" if match_ is not None:
                return Response(200, encode(match(self._store, self._quirks, resource_of(request))))
            case "POST", "$process-message" if messages is not None:
                return self.messages.process(resource_of(request))
        return None

    def shows(self, request: Request, name: str) -> bool:
        return self.guard is None or self.guard.shows(request, name)

    def declare(self, statement: Resource) -> None:
        rest = statement["rest"][0]
        patient = next((each for each in rest["resource"] if each["type"] == "Patient"), None)
        if patient and self._quirks.match is not None:
            matching = {"name": "match", "definition": f"{_OPERATIONS}/Patient-match"}
            patient.setdefault("operation", []).append(matching)
        if patient and self.bulk:
            self.bulk.declare(patient)
        if self._quirks.messages is not None:
            definition = f"{_OPERATIONS}/MessageHeader-process-message"
            rest["operation"] = [{"name": "process-message", "definition": definition}]
            statement["messaging"] = [{"reliableCache": self._quirks.messages}]

    def carry(
        self,
        method: str,
        target: str,
        url: str,
        answer: Callable[[], Response],
        closing: threading.Event,
    ) -> Response | None:
        return self._faults.carry(method, target, url, answer, closing)


class Sandbox(sandbox.Sandbox):
    """The wheel's sandbox with `faults`, `quirks` and `protection` (SMART Backend Services)."""

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
        self._faults = FaultPlan(faults)
        self._quirks = quirks
        self._protection = protection
        super().__init__(
            port=port, host=host, page_size=page_size, bearer_token=bearer_token, behaviour=quirks
        )

    def _extended(self) -> Extension:
        guard = Guard(self._protection, self.root) if self._protection else None
        self._beside = _Beside(self._store, self._quirks, self._faults, self.base_url, guard)
        return self._beside

    @property
    def token_url(self) -> str:
        """Where a protected sandbox gives its tokens."""
        assert self._beside.guard is not None
        return self._beside.guard.token_url

    def revoke_tokens(self) -> None:
        """Refuse every token given so far, as after a restart."""
        assert self._beside.guard is not None
        self._beside.guard.revoke()

    @property
    def messages(self) -> list[Resource]:
        """The messages that were processed, in their order; one twice if it was."""
        with self._api.lock:
            return list(self._beside.messages.processed)

    @property
    def exports(self) -> list[str]:
        """The bulk exports that nobody deleted yet."""
        return self._beside.bulk.open if self._beside.bulk else []

    def add_fault(self, fault: Fault) -> None:
        """Put a fault in force, after those that already are."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Behave again."""
        self._faults.clear()
