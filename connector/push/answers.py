"""What the answer to a transaction proves, entry by entry. Pure."""

import re
from enum import Enum
from typing import Any

from ..endpoint import Answer
from ..endpoint.retry import TRANSIENT
from ..fhir.bundle import responses
from .desk import parts
from .lookup import Place

_LOCATION = re.compile(
    r"(?:^|/)(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/(?P<version>[^/]+))?$"
)
# Refusals that may be about one entry: what is left when it is taken out may pass.
_REFUSALS = frozenset({400, 404, 409, 410, 412, 413, 422})


class Kind(Enum):
    """What kind of answer a write got."""

    DONE = "done"
    UNCLEAR = "unclear"  # none, or one that does not say whether the work was done: read
    REFUSED = "refused"  # the content, or an entry of it
    FORBIDDEN = "forbidden"  # us, or the way we ask: no other content would pass either


def kind_of(answer: Answer | None) -> Kind:
    """The kind by status alone; whether every entry of a success passed is another question."""
    if answer is None or answer.status in TRANSIENT:
        return Kind.UNCLEAR
    if answer.ok:
        return Kind.DONE
    return Kind.REFUSED if answer.status in _REFUSALS else Kind.FORBIDDEN


def places(keys: list[str], body: bytes) -> tuple[dict[str, Place], str]:
    """(what is proved to stand, words about the rest) of a transaction-response to `keys`.

    Proved is an entry with status 200 or 201 and a location of its type. If the number of
    entries is another, nobody can tell which is which, and none is proved. Raises
    `UndecodableError` if the body is not a Bundle.
    """
    answers = responses(body)
    if len(answers) != len(keys):
        return {}, f"{len(answers)} answers to {len(keys)} entries"
    proved: dict[str, Place] = {}
    failures: set[str] = set()
    for key, response in zip(keys, answers, strict=True):
        place = _place(parts(key)[0], response)
        if place is None:
            failures.add(f"entry status {str(response.get('status', 'missing'))[:3]}")
        else:
            proved[key] = place
    return proved, ", ".join(sorted(failures))


def _place(resource_type: str, response: dict[str, Any]) -> Place | None:
    location = _LOCATION.search(str(response.get("location", "")))
    status = str(response.get("status", ""))[:3]
    if status not in ("200", "201") or location is None or location["type"] != resource_type:
        return None
    # HAPI writes the bare number here, others an ETag (W/"1").
    etag = str(response.get("etag") or "").removeprefix("W/").strip('"')
    return Place(resource_type, location["id"], etag or location["version"])
