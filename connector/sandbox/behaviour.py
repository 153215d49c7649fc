"""How the sandbox behaves: the seam at which tests put what other servers do."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .exchange import Request, Response
from .outcome import Resource


@dataclass(frozen=True)
class Behaviour:
    """The differences from a plain HAPI FHIR server; the defaults are the plain server.

    `types` are the resource types declared (None: all the sandbox knows); a request for another is
    answered 404. After `expires_after` further pages all results are forgotten, once: what was
    being read answers 410. Limits: `page_max` matches a page, `entry_limit` entries a bundle,
    `body_limit` bytes a request (413 beyond either).
    """

    software: str = "connector sandbox"
    types: frozenset[str] | None = None
    expires_after: int | None = None
    everything: bool = True
    transactions: bool = True
    batches: bool = True
    atomic: bool = True  # False: what a transaction did before the entry that failed stays
    integrity: bool = True  # False: dangling, external and urn references are stored as they are
    unknown_parameter: Literal["ignore", "refuse"] = "ignore"  # HAPI's own default is to refuse
    stale_status: int = 409  # a stale If-Match: HAPI says 409, the standard 412
    page_links: Literal["base", "typed", "relative"] = "base"
    page_totals: bool = True  # False: a result of several pages states no total (HAPI)
    page_max: int = 200
    entry_limit: int | None = None
    body_limit: int = 100_000_000
    if_match: bool = True  # False: ignored
    if_match_on_delete: bool = False  # HAPI ignores it there
    conditional_create: bool = True  # False: If-None-Exist is ignored
    update_create: Mapping[str, bool] | None = (
        None  # declared by type, and what is False answers 405
    )
    gone_status: Literal[404, 410] = 410  # of what was deleted; 404 hides that it ever was
    own_ids: bool = False  # a PUT of an id not yet there creates one with another id
    clock_ahead_s: float = 0  # of ours; behind, where negative

    def check(self, method: str, name: str, query: Sequence[tuple[str, str]]) -> None:
        """Raise `Refusal` for a search that this server will not have."""

    def heeded(self, query: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        """The parameters that this server acts on."""
        return query

    def may_read(self, name: str) -> None:
        """Raise `Refusal` for a type of which nothing may be read."""

    def none_found(self) -> Response | None:
        """What answers a search without matches in place of an empty Bundle."""
        return None

    def stored(self, resource: Resource) -> Resource:
        """The resource as it is stored. Raises `Refusal` for one it will not have."""
        return resource


class Extension:
    """What a server has beside: further operations, sign-in, and what goes wrong on the wire."""

    def enter(self, request: Request) -> None:
        """Raise `Refusal` for who may not come in."""

    def beside(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response | None:
        """The answer to a request outside the FHIR base, if it is one for here."""
        return None

    def answer(self, request: Request) -> Response | None:
        """The answer, if the request is for here; called for each before any other."""
        return None

    def shows(self, request: Request, name: str) -> bool:
        """Whether who asks may see records of a type that come along with others."""
        return True

    def declare(self, statement: Resource) -> None:
        """Say in the CapabilityStatement what is here."""

    def carry(
        self,
        method: str,
        target: str,
        url: str,
        answer: Callable[[], Response],
        closing: threading.Event,
    ) -> Response | None:
        """The answer as it travels; None: the connection is cut without one."""
        return answer()
