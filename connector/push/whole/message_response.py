"""What the receiver of a message answers: by its MessageHeader, else by its HTTP status. Pure.

R4 messageheader-definitions.html#MessageHeader.response: it names our message, and says `ok`,
`transient-error` or `fatal-error`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from ...endpoint import Answer
from ...endpoint.retry import TRANSIENT
from ...endpoint.shape import describe
from ...fhir.bundle import entries
from ...fhir.lossless import UndecodableError, decode

# Turned away at the door: RFC 6585 4 (too many requests), RFC 8470 5.2 (too early).
_TURNED_AWAY = frozenset({425, 429})


class ResponseKind(Enum):
    """What an answer says of a message."""

    DONE = "done"
    NOT_NOW = "not now"  # not processed, and may be later
    REFUSED = "refused"  # not let in
    FATAL = "fatal"  # not processed, and never will be as it is
    SILENT = "silent"  # taken, and nothing said of what became of it
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Response:
    """An answer, read. `id`: that of the answering MessageHeader, if it says one."""

    kind: ResponseKind
    words: str
    answer: Answer | None
    id: str | None = None


def response_of(answer: Answer | None, message_id: str) -> Response:
    """What an answer says of our message: by its MessageHeader, else by its status."""
    if answer is None:
        return Response(ResponseKind.UNCLEAR, "no whole answer from the destination", None)
    words = describe(answer)
    said = _response(answer.body)
    if said is not None and said["response"].get("identifier") == message_id:
        code = said["response"].get("code")
        words = f"{code}: {_issues(answer)}"
        match code:
            case "ok":
                return Response(ResponseKind.DONE, "", answer, said.get("id"))
            case "transient-error":
                return Response(ResponseKind.NOT_NOW, words, answer)
            case "fatal-error":
                return Response(ResponseKind.FATAL, words, answer)
        return Response(ResponseKind.SILENT, "an answer of no kind that R4 knows", answer)
    if answer.ok:
        return Response(ResponseKind.SILENT, words, answer)
    if answer.status in _TURNED_AWAY:
        return Response(ResponseKind.NOT_NOW, words, answer)
    kind = ResponseKind.UNCLEAR if answer.status in TRANSIENT else ResponseKind.REFUSED
    return Response(kind, words, answer)


def _response(body: bytes) -> dict[str, Any] | None:
    """The MessageHeader of a message that answers another one."""
    try:
        found = [decode(resource) for _, resource in entries(body)[:1] if resource]
        answers = [one for one in found if isinstance(one.get("response"), dict)]
    except (UndecodableError, AttributeError):
        return None
    return answers[0] if answers else None


def _issues(answer: Answer) -> str:
    """Codes of the OperationOutcomes in an answering message."""
    outcomes = [body for _, body in entries(answer.body) if body and b"OperationOutcome" in body]
    return "; ".join(describe(Answer(answer.status, {}, body)) for body in outcomes[:3])
