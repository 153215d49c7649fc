"""The tries of `doctor --write-test`, one function each: what a destination does with one thing."""

import uuid
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ..endpoint import Answer, Endpoint
from ..errors import Answered
from ..fhir import systems
from ..fhir.bundle import Write, page, transaction
from ..fhir.lossless import UndecodableError, decode, encode
from ..settings import Destination
from . import trial_types
from .trial_lag import advice, awaited

_DECIMAL = b'{"url":"urn:oid:2.25.1.1","valueDecimal":1.50}'
_FINE = b'{"url":"urn:oid:2.25.1.2","valueDecimal":0.12345678}'
# What to do where a test of writing fails.
_FIXES = {
    "advice": "Set `write` of this destination so.",
    "conditional create": "See the line on advice.",
    "search lag": "Set `search_lag_s` so: else a write whose answer is lost may be done twice.",
    "search by tag": 'Without it `write = "put"` is the only way, if ids of ours are kept.',
    "ids of ours": 'Keep to `write = "conditional"` or `"create"`.',
    "If-Match": "Another's change may be written over between reading and writing: ask for it.",
    "transaction": "Nothing is lost: what stands is found by reading. Deliveries take longer.",
    "precision": "Read-back notes `precision-changed`; ask whether digits may be kept.",
    "elements": "Read-back will find a difference (exit 8): ask what is removed.",
    "decimals": "Records with such numbers are rejected or differ: ask for more digits.",
    "packet": "Ask its people to allow this client to create and update these types.",
    "notes": "The content of notes would be missing there: ask what becomes of attachments.",
    "cleaned up": "Delete what is tagged HTEST there by hand.",
}
_NO_MATCH = 'W/"987654"'


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing tried: whether the server does it, or what came instead."""

    name: str
    ok: bool
    detail: str

    @property
    def fix(self) -> str:
        """What to do about it; empty if it is well."""
        return "" if self.ok else _FIXES.get(self.name, "Ask the people who run the destination.")


@dataclass
class Trial:
    """The server that is tried, as configured, and what we made there: `Type/id`."""

    endpoint: Endpoint
    settings: Destination
    made: set[str] = field(default_factory=set)

    def create(self, tag: str, conditional: bool) -> Answer:
        headers = {"If-None-Exist": f"_tag={quote(systems.TAG)}|{tag}"} if conditional else {}
        return self.write("POST", "Basic", _basic(tag), headers)

    def update(self, reference: str, body: bytes) -> Answer:
        """As a delivery does it: over the version that stands."""
        version = self.read(reference).get("meta", {}).get("versionId")
        headers = {"If-Match": f'W/"{version}"'} if version else {}
        return self.write("PUT", reference, body, headers)

    def write(
        self, method: str, url: str, body: bytes, headers: dict[str, str] | None = None
    ) -> Answer:
        answer = self.endpoint.write(method, url, body, "write test", headers)
        if answer.ok and (where := _place(answer, url.partition("/")[0])):
            self.made.add(where)
        return answer

    def found(self, tag: str) -> set[str]:
        """`Basic/id` of what a search by tag finds."""
        body = self.endpoint.search(
            "Basic", {"_tag": f"{systems.TAG}|{tag}"}, "write test search"
        ).body
        return {f"Basic/{decode(e.body)['id']}" for e in page(body).entries if e.mode == "match"}

    def read(self, reference: str) -> Any:
        return decode(self.endpoint.get(reference, "write test read", fresh=True).body)


def tried(trial: Trial, way: str) -> Iterator[Seen]:
    """Each thing tried, in turn. Raises what the endpoint raises: the rest is not tried then."""
    tag = str(uuid.uuid4())
    answer = trial.create(tag, conditional=True)
    first = _place(answer)
    if not first:
        yield Seen("create", False, f"HTTP {answer.status}")
        return
    yield Seen("create", True, "taken")
    looked, lag_s = awaited(lambda: trial.found(tag))
    found = set(looked)
    honoured = _counted(found, {first})
    if found == {first} and trial.found(str(uuid.uuid4())):
        found, honoured = set(), "passed over: a tag that nobody carries finds records"
    yield Seen("search by tag", found == {first}, honoured)
    if found == {first}:
        yield Seen("search lag", *advice(lag_s, trial.settings))
    answer = trial.create(tag, conditional=True)
    again = trial.found(tag) | ({_place(answer)} - {""})
    yield Seen("conditional create", again == {first}, _counted(again, {first}))
    yield from _content(trial.read(first))
    yield _if_match(trial, first, tag)
    if way == "transaction":
        yield _atomic(trial, first, tag)
    yield _own_id(trial)
    yield _precise(trial)
    yield from _types(trial)
    yield _note(trial)


def _content(there: Any) -> Iterator[Seen]:
    values = [str(e.get("valueDecimal")) for e in there.get("extension", [])]
    yield Seen(
        "precision", values[:1] == ["1.50"], f"1.50 is stored as {(values or ['nothing'])[0]}"
    )
    kept = len(values) == 1 and there.get("code", {}).get("text") == "write test"
    yield Seen("elements", kept, "kept" if kept else "some are lost")


def _if_match(trial: Trial, first: str, tag: str) -> Seen:
    body = _basic(tag, first.partition("/")[2])
    stale = trial.write("PUT", first, body, {"If-Match": _NO_MATCH})
    if stale.ok:
        return Seen("If-Match", False, "ignored: a stale version is written over")
    version = trial.read(first).get("meta", {}).get("versionId")
    current = trial.write("PUT", first, body, {"If-Match": f'W/"{version}"'})
    return Seen(
        "If-Match", current.ok, f"stale: HTTP {stale.status}, current: HTTP {current.status}"
    )


def _atomic(trial: Trial, first: str, tag: str) -> Seen:
    """A transaction of one good change and one entry whose ids contradict each other.

    What became of the good one is read, not searched for: an index may lag.
    """
    other = str(uuid.uuid4())
    changed = _basic(tag, first.partition("/")[2], _FINE)
    writes = [
        Write(f"urn:uuid:{uuid.uuid4()}", "PUT", first, changed, {}),
        Write(f"urn:uuid:{other}", "PUT", f"Basic/{other}", _basic(other, "another"), {}),
    ]
    url = trial.endpoint.base_url
    answer = trial.endpoint.write("POST", url, transaction("transaction", writes), "write test")
    stays = "0.1234" in encode(trial.read(first).get("extension", [])).decode()
    trial.made |= trial.found(other)
    if answer.ok:
        return Seen("transaction", False, "an invalid entry is answered with a success")
    return Seen("transaction", not stays, "what passed stays" if stays else "all or none")


def _types(trial: Trial) -> Iterator[Seen]:
    """Each type of which every packet has one: created, and updated."""
    refused = []
    for name in trial_types.TYPES:
        answer = trial.write("POST", name, trial_types.resource(name, str(uuid.uuid4())))
        where = _place(answer, name) if answer.ok else ""
        if not where:
            refused.append(f"{name} (create: HTTP {answer.status})")
            continue
        body = trial_types.resource(name, str(uuid.uuid4()), where.partition("/")[2])
        if not (answer := trial.update(where, body)).ok:
            refused.append(f"{name} (update: HTTP {answer.status})")
    said = f"not taken: {', '.join(refused)}" if refused else "created and updated, each type"
    yield Seen("packet", not refused, said)


def _note(trial: Trial) -> Seen:
    """Whether the content of a note is there when it is read."""
    name = "DocumentReference"
    answer = trial.write("POST", name, trial_types.resource(name, str(uuid.uuid4())))
    if not answer.ok:
        return Seen("notes", False, f"HTTP {answer.status}")
    content = trial.read(_place(answer, name)).get("content")
    try:
        data = b64decode(content[0]["attachment"]["data"])
    except (KeyError, IndexError, TypeError, ValueError):
        data = b""
    kept = data == trial_types.NOTE
    return Seen("notes", kept, "their content is kept" if kept else "their content is not there")


def _own_id(trial: Trial) -> Seen:
    tag = str(uuid.uuid4())
    answer = trial.write("PUT", f"Basic/{tag}", _basic(tag, tag))
    if not answer.ok:
        return Seen("ids of ours", False, f"HTTP {answer.status}")
    found = trial.found(tag) or {_place(answer)}
    trial.made |= found - {""}
    try:
        trial.read(f"Basic/{tag}")
    except Answered:
        return Seen("ids of ours", False, "another id is given")
    trial.made.add(f"Basic/{tag}")
    return Seen("ids of ours", True, "kept")


def _precise(trial: Trial) -> Seen:
    tag = str(uuid.uuid4())
    answer = trial.write("POST", "Basic", _basic(tag, extension=_FINE))
    if not answer.ok:
        return Seen("decimals", False, f"eight decimals: HTTP {answer.status}")
    values = trial.read(_place(answer)).get("extension", [{}])
    said = str(values[0].get("valueDecimal"))
    return Seen("decimals", said == "0.12345678", f"0.12345678 is stored as {said}")


def _basic(tag: str, resource_id: str | None = None, extension: bytes = _DECIMAL) -> bytes:
    meta = trial_types.meta(tag)
    own = b'"id":' + encode(resource_id) + b"," if resource_id else b""
    return (
        b'{"resourceType":"Basic",' + own + b'"meta":' + encode(meta)
        + b',"extension":[' + extension + b'],"code":{"text":"write test"}}'
    )  # fmt: skip


def _place(answer: Answer, resource_type: str = "Basic") -> str:
    """`Type/id` of what a write made or found; empty if the answer does not say."""
    where = answer.headers.get("location") or answer.headers.get("content-location") or ""
    at = where.split("/")
    if resource_type in at and at.index(resource_type) + 1 < len(at):
        return f"{resource_type}/{at[at.index(resource_type) + 1]}"
    try:
        body = decode(answer.body)
        ours = body.get("resourceType") == resource_type
        return f"{resource_type}/{body['id']}" if ours else ""
    except (UndecodableError, KeyError, AttributeError):
        return ""


def _counted(found: set[str], wanted: set[str]) -> str:
    return "honoured" if found == wanted else f"{len(found)} instead of {len(wanted)} resources"
