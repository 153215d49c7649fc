"""`doctor --write-test`: what a destination really does with writes, seen on resources of our own.

Each is a Basic without a patient, marked as a test (HTEST) and tagged; all are deleted at the end.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ..endpoint import Answer, Endpoint
from ..errors import Answered, EndpointError, UsageError, Waiting
from ..fhir import systems
from ..fhir.bundle import Write, page, transaction
from ..fhir.lossless import UndecodableError, decode, encode
from ..settings import Destination

_DECIMAL = b'{"url":"urn:oid:2.25.1.1","valueDecimal":1.50}'
_FINE = b'{"url":"urn:oid:2.25.1.2","valueDecimal":0.12345678}'
# What to do where a test of writing fails.
_FIXES = {
    "advice": "Set `write` of this destination so.",
    "conditional create": "See the line on advice.",
    "search by tag": 'Without it `write = "put"` is the only way, if ids of ours are kept.',
    "ids of ours": 'Keep to `write = "conditional"` or `"create"`.',
    "If-Match": "Another's change may be written over between reading and writing: ask for it.",
    "transaction": "Nothing is lost: what stands is found by reading. Deliveries take longer.",
    "precision": "Read-back notes `precision-changed`; ask whether digits may be kept.",
    "elements": "Read-back will find a difference (exit 8): ask what is removed.",
    "decimals": "Records with such numbers are rejected or differ: ask for more digits.",
    "cleaned up": "Delete what is tagged HTEST there by hand.",
}
# What each write strategy relies on, the safest strategy first.
_NEEDS = {
    "conditional": ("search by tag", "conditional create"),
    "put": ("ids of ours",),
    "create": ("search by tag",),
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
class _Trial:
    endpoint: Endpoint
    made: set[str] = field(default_factory=set)

    def create(self, tag: str, conditional: bool) -> Answer:
        headers = {"If-None-Exist": f"_tag={quote(systems.TAG)}|{tag}"} if conditional else {}
        return self.write("POST", "Basic", _basic(tag), headers)

    def write(
        self, method: str, url: str, body: bytes, headers: dict[str, str] | None = None
    ) -> Answer:
        answer = self.endpoint.write(method, url, body, "write test", headers)
        if answer.ok and (where := _place(answer)):
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


def write_test(settings: Destination, way: str) -> Iterator[Seen]:
    """Try what the push relies on. `way`: how writes are going to travel. Cleans up after itself.

    The last line says which `write` to configure. Raises nothing: what fails is a line.
    """
    trial = _Trial(Endpoint(settings, "destination", types=("Basic",)))
    seen: dict[str, bool] = {}
    try:
        for one in _tried(trial, way):
            seen[one.name] = one.ok
            yield one
    except (EndpointError, Waiting, UndecodableError, KeyError) as error:
        yield Seen("write test", False, f"ended early: {error}")
    yield _cleaned(trial)
    advice = _advice(seen)
    detail = f'write = "{advice}"' if advice else "no write strategy works here"
    fine = all(map(seen.get, _NEEDS[settings.write]))
    yield Seen("advice", fine, f"{detail}; configured: {settings.write}")


def needed(name: str, settings: Destination) -> bool:
    """Whether a delivery as configured can't do without this; the rest is only told."""
    always = ("write test", "create", "If-Match", "elements", "cleaned up", "advice")
    return name in (*always, *_NEEDS[settings.write])


def refuse_production(settings: Destination, allowed: bool) -> None:
    """`UsageError` where the test would write to a production system that nobody allowed."""
    if settings.environment == "production" and not allowed:
        raise UsageError(
            "--write-test: this destination is in production, and gets no test resources",
            "Test its test environment, or add --in-production.",
        )


def _tried(trial: _Trial, way: str) -> Iterator[Seen]:
    tag = str(uuid.uuid4())
    answer = trial.create(tag, conditional=True)
    first = _place(answer)
    if not first:
        yield Seen("create", False, f"HTTP {answer.status}")
        return
    yield Seen("create", True, "taken")
    found = trial.found(tag)
    yield Seen("search by tag", found == {first}, _counted(found, {first}))
    answer = trial.create(tag, conditional=True)
    again = trial.found(tag) | ({_place(answer)} - {""})
    yield Seen("conditional create", again == {first}, _counted(again, {first}))
    yield from _content(trial.read(first))
    yield _if_match(trial, first, tag)
    if way == "transaction":
        yield _atomic(trial, first, tag)
    yield _own_id(trial)
    yield _precise(trial)


def _content(there: Any) -> Iterator[Seen]:
    values = [str(e.get("valueDecimal")) for e in there.get("extension", [])]
    yield Seen(
        "precision", values[:1] == ["1.50"], f"1.50 is stored as {(values or ['nothing'])[0]}"
    )
    kept = len(values) == 1 and there.get("code", {}).get("text") == "write test"
    yield Seen("elements", kept, "kept" if kept else "some are lost")


def _if_match(trial: _Trial, first: str, tag: str) -> Seen:
    body = _basic(tag, first.partition("/")[2])
    stale = trial.write("PUT", first, body, {"If-Match": _NO_MATCH})
    if stale.ok:
        return Seen("If-Match", False, "ignored: a stale version is written over")
    version = trial.read(first).get("meta", {}).get("versionId")
    current = trial.write("PUT", first, body, {"If-Match": f'W/"{version}"'})
    return Seen(
        "If-Match", current.ok, f"stale: HTTP {stale.status}, current: HTTP {current.status}"
    )


def _atomic(trial: _Trial, first: str, tag: str) -> Seen:
    """A transaction of one good entry and one whose ids contradict each other."""
    other = str(uuid.uuid4())
    writes = [
        Write(f"urn:uuid:{other}", "POST", "Basic", _basic(other), {}),
        Write(f"urn:uuid:{uuid.uuid4()}", "PUT", first, _basic(tag, "another"), {}),
    ]
    url = trial.endpoint.base_url
    answer = trial.endpoint.write("POST", url, transaction("transaction", writes), "write test")
    stands = trial.found(other)
    trial.made |= stands
    if answer.ok:
        return Seen("transaction", not stands, "an invalid entry is answered with a success")
    return Seen("transaction", not stands, "all or none" if not stands else "what passed stays")


def _own_id(trial: _Trial) -> Seen:
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


def _precise(trial: _Trial) -> Seen:
    tag = str(uuid.uuid4())
    answer = trial.write("POST", "Basic", _basic(tag, extension=_FINE))
    if not answer.ok:
        return Seen("decimals", False, f"eight decimals: HTTP {answer.status}")
    values = trial.read(_place(answer)).get("extension", [{}])
    said = str(values[0].get("valueDecimal"))
    return Seen("decimals", said == "0.12345678", f"0.12345678 is stored as {said}")


def _cleaned(trial: _Trial) -> Seen:
    left = 0
    for reference in sorted(trial.made):
        try:
            answer = trial.endpoint.write("DELETE", reference, b"", "write test clean-up")
            left += not answer.ok
        except EndpointError:
            left += 1
    detail = f"{len(trial.made)} test resources written, {left} could not be deleted"
    return Seen("cleaned up", left == 0, detail)


def _advice(seen: dict[str, bool]) -> str:
    """The first strategy whose needs are met, the safest first."""
    return next((name for name, all_of in _NEEDS.items() if all(map(seen.get, all_of))), "")


def _basic(tag: str, resource_id: str | None = None, extension: bytes = _DECIMAL) -> bytes:
    meta = {
        "tag": [{"system": systems.TAG, "code": tag}],
        "security": [{"system": systems.ACT_REASON, "code": "HTEST"}],
    }
    own = b'"id":' + encode(resource_id) + b"," if resource_id else b""
    return (
        b'{"resourceType":"Basic",' + own + b'"meta":' + encode(meta)
        + b',"extension":[' + extension + b'],"code":{"text":"write test"}}'
    )  # fmt: skip


def _place(answer: Answer) -> str:
    """`Basic/id` of what a write made or found; empty if the answer does not say."""
    where = answer.headers.get("location") or answer.headers.get("content-location") or ""
    at = where.split("/")
    if "Basic" in at and at.index("Basic") + 1 < len(at):
        return "Basic/" + at[at.index("Basic") + 1]
    try:
        body = decode(answer.body)
        return f"Basic/{body['id']}" if body.get("resourceType") == "Basic" else ""
    except (UndecodableError, KeyError, AttributeError):
        return ""


def _counted(found: set[str], wanted: set[str]) -> str:
    return "honoured" if found == wanted else f"{len(found)} instead of {len(wanted)} resources"
