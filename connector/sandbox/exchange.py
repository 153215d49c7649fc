"""An HTTP request as the sandbox reads it and an answer as it writes it; no sockets here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

FHIR_JSON = "application/fhir+json;charset=utf-8"


@dataclass(frozen=True)
class Request:
    """`path` holds the segments below the base; header names are in lower case."""

    method: str
    url: str
    path: Sequence[str]
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes = b""

    def media_type(self, header: str) -> str:
        """The media type of a header without its parameters, in lower case."""
        return self.headers.get(header, "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Response:
    """An answer. Without a Content-Type among the headers its body is FHIR JSON.

    `cut`: half of the body is sent, and the connection closed.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
