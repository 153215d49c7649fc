"""What the answer to a transaction proves, entry by entry. Pure."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

from ...endpoint import Answer
from ...endpoint.retry import TRANSIENT
from ...endpoint.shape import describe
from ...fhir.bundle import Write, responses
from ...fhir.lossless import UndecodableError, decode, encode
from ..session import parts
from .find import Place
from .read import as_version

_LOCATION = re.compile(
    r"(?:^|/)(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/(?P<version>[^/]+))?$"
)
_STATUS = re.compile(r"([1-5]\d\d)(?!\d)", re.ASCII)
# How servers name the entry that an issue is about: `Bundle.entry[3].resource`, `entry[3]`.
_ENTRY = re.compile(r"\bentry\[(\d{1,5})\]")
# Refusals that may be about one entry: what is left when it is taken out may pass.
_REFUSALS = frozenset({400, 404, 405, 409, 410, 412, 413, 422})

_NO_ANSWER = "no whole answer from the destination"


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


class Verdict(Protocol):
    """What an answer is taken for. `kind`: one named DONE passed whole; its value is our word."""

    @property
    def kind(self) -> Enum: ...

    @property
    def answer(self) -> Answer | None: ...


class Proof(NamedTuple):
    """What an answer proves: where entries stand, which of them this write made, words on others.

    `failed`: entries that the answer itself says were not done.
    """

    places: dict[str, Place]
    made: set[str]
    words: str
    failed: set[str]


NOTHING = Proof({}, set(), "", set())


def proof(keys: list[str], body: bytes) -> Proof:
    """What a transaction-response to `keys` proves.

    Proved is an entry with status 200 or 201 and a location of its type. If the number of
    entries is another, nobody can tell which is which, and none is proved. Raises
    `UndecodableError` if the body is not a Bundle.
    """
    answers = responses(body)
    if len(answers) != len(keys):
        return Proof({}, set(), f"{len(answers)} answers to {len(keys)} entries", set())
    found = Proof({}, set(), "", set())
    failures: set[str] = set()
    for key, response in zip(keys, answers, strict=True):
        place = _place(parts(key)[0], response)
        status = _status(response)
        if place is not None:
            found.places[key] = place
            if status == "201":
                found.made.add(key)
            continue
        failures.add(f"entry status {status or 'missing'}")
        if status in map(str, _REFUSALS):
            found.failed.add(key)
    return found._replace(words=", ".join(sorted(failures)))


@dataclass(frozen=True)
class Heard:
    """What came of one try. `words`: safe to print; `found`: what is proved, entry by entry.

    `answer`: None if no whole one came.
    """

    answer: Answer | None
    kind: Kind
    words: str
    found: Proof = NOTHING

    @property
    def status(self) -> int | None:
        return self.answer.status if self.answer else None


def by_entries(keys: list[str], answer: Answer | None) -> Heard:
    """What is heard in the answer to a write of `keys`, by each of its entries."""
    kind = kind_of(answer)
    if answer is None:
        return Heard(None, kind, _NO_ANSWER)
    if kind is not Kind.DONE:
        return Heard(answer, kind, describe(answer))
    try:
        found = proof(keys, answer.body)
    except UndecodableError:
        return Heard(answer, Kind.UNCLEAR, "an answer that is not a FHIR Bundle")
    whole = len(found.places) == len(keys)
    return Heard(answer, Kind.DONE if whole else Kind.REFUSED, found.words, found)


def by_status(answer: Answer | None) -> Heard:
    """What is heard in an answer of which only the status counts: the rest has to be read."""
    kind = kind_of(answer)
    if answer is None:
        return Heard(None, kind, _NO_ANSWER)
    done = kind is Kind.DONE
    return Heard(answer, kind, "said to be done, and it is not" if done else describe(answer))


def as_of_one(answer: Answer, write: Write) -> Answer:
    """The answer to a single write as that to a transaction of it."""
    if not answer.ok:
        return answer
    place = answer.headers.get("location") or answer.headers.get("content-location")
    if not (place or answer.headers.get("etag")):
        return Answer(200, answer.headers, b"")  # nothing says that it was stored: to be read
    told = {
        "status": "201" if answer.status == 201 else "200",
        # A PUT need not say where: it is where it was sent.
        "location": place or (write.url if write.method == "PUT" else ""),
        "etag": answer.headers.get("etag", ""),
    }
    response = {"resourceType": "Bundle", "entry": [{"response": told}]}
    return Answer(200, answer.headers, encode(response))


def named(answer: Answer | None, keys: list[str]) -> set[str]:
    """Those of `keys` that the OperationOutcome of a refusal points to; often none.

    Looked for in `expression` and `location` (operationoutcome.html), never in its text.
    """
    if answer is None:
        return set()
    try:
        issues = decode(answer.body)["issue"]
        pointers = [
            str(pointer)
            for issue in issues
            if issue.get("severity") in ("error", "fatal")
            for pointer in [*issue.get("expression", []), *issue.get("location", [])]
        ]
    except (UndecodableError, KeyError, TypeError, AttributeError):
        return set()
    numbers = {int(match[1]) for text in pointers for match in _ENTRY.finditer(text)}
    return {keys[number] for number in numbers if number < len(keys)}


def _place(resource_type: str, response: dict[str, Any]) -> Place | None:
    location = _LOCATION.search(str(response.get("location", "")))
    status = _status(response)
    if status not in ("200", "201") or location is None or location["type"] != resource_type:
        return None
    # HAPI writes the bare number here, others an ETag (W/"1").
    etag = str(response.get("etag") or "").removeprefix("W/").strip('"')
    return Place(resource_type, location["id"], as_version(etag) or as_version(location["version"]))


def _status(response: dict[str, Any]) -> str:
    """The three digits of an entry's status (bundle.html: `201 Created`)."""
    status = _STATUS.match(str(response.get("status", "")))
    return status[1] if status else ""


def in_order_of_ids(found: Proof) -> Proof:
    """An answer whose entries stand in another order, put right by the ids that were sent."""
    by_id = {(place.type, place.id): place for place in found.places.values()}
    if not all(parts(key) in by_id for key in found.places):
        return found
    return found._replace(places={key: by_id[parts(key)] for key in found.places})
