"""An answer: whether it can be the FHIR JSON that was asked for, and what it says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NotFhir
from ..fhir.lossless import UndecodableError, decode
from ..fhir.outcome import codes, issues

_WHITE = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. `headers` has lower-case names. `body` is empty if it was downloaded."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def media_type(self) -> str:
        """The Content-Type without parameters, in lower case; empty if none was sent."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


def checked(answer: Answer, what: str) -> Answer:
    """`answer`, if it is said to be JSON or nothing is said. Else raises `NotFhir`.

    Whatever mentions JSON counts (application/fhir+json, application/json, text/json ...). A
    login page is sent with 200 by many a gateway: it is no empty chart.
    """
    sent = answer.media_type
    if not sent or "json" in sent:
        return answer
    if "html" in sent:
        raise NotFhir(
            f"{what}: a web page came back instead of FHIR (a login page?)",
            "Check how this client signs in, and that base_url is the FHIR base.",
        )
    raise NotFhir(
        f"{what}: the answer is not said to be FHIR JSON (its Content-Type is another)",
        "Check that base_url is the base of a server that answers in JSON.",
    )


def cut_inside(answer: Answer) -> bool:
    """Whether an answer said to be JSON ends before its JSON does.

    A proxy that gives up in the middle may announce the length of what it has: only the last
    byte tells then. One that closes the brackets as well can't be told from a shorter answer.
    """
    if "json" not in answer.media_type:
        return False
    end = answer.body[-64:].rstrip(_WHITE)
    return bool(end) and not end.endswith((b"}", b"]"))


def describe(answer: Answer) -> str:
    """Status and the codes of an OperationOutcome, if one came. Never its text: it may hold PHI."""
    try:
        said = codes(issues(decode(answer.body)) or [])
    except UndecodableError:
        said = ""
    return f"HTTP {answer.status}" + (f" ({said})" if said else "")


def members(answer: Answer) -> dict[str, Any]:
    """The JSON object that an answer holds; empty if it holds none."""
    try:
        found = decode(answer.body)
    except UndecodableError:
        return {}
    return found if isinstance(found, dict) else {}


def texts(value: Any) -> tuple[str, ...]:
    """Those of a JSON array that are texts; none of anything else."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
