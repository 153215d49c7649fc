"""`POST [base]`: a Bundle of requests, and the Bundle that answers it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ..fhir.lossless import decode
from .behaviour import Behaviour
from .outcome import Refusal, Resource
from .store import Store
from .transaction import Applied, Change, apply

Reader = Callable[[str], bytes]  # the body that answers `GET url`; raises Refusal


@dataclass(frozen=True)
class _Entry:
    """A request of a Bundle: a change, or the URL to read."""

    change: Change | None
    read: str


def process(store: Store, behaviour: Behaviour, bundle: Resource, read: Reader) -> Resource:
    """Carry out a transaction (all or none) or a batch (each alone): the response Bundle."""
    kind = bundle.get("type")
    if kind not in ("transaction", "batch"):
        raise Refusal(400, "processing", f"Unable to process a Bundle of type {kind}")
    if kind == "transaction" and not behaviour.transactions:
        raise Refusal(400, "not-supported", "This server does not process transactions")
    if kind == "batch" and not behaviour.batches:
        raise Refusal(400, "not-supported", "This server does not process batches")
    raw = bundle.get("entry", [])
    if behaviour.entry_limit is not None and len(raw) > behaviour.entry_limit:
        raise Refusal(413, "too-costly", f"More than {behaviour.entry_limit} entries")
    entries = [_entry(item) for item in raw]
    if kind == "transaction" and not behaviour.atomic:
        answers = _one_after_the_other(store, behaviour, entries)
    elif kind == "transaction":
        answers = _together(store, behaviour, entries, read)
    else:
        answers = [_alone(store, behaviour, entry, read) for entry in entries]
    response: Resource = {"resourceType": "Bundle", "type": f"{kind}-response"}
    return {**response, "entry": answers} if answers else response


def _entry(item: Any) -> _Entry:
    try:
        request, url = item["request"], item["request"]["url"]
        method = request["method"]
    except (KeyError, TypeError):
        raise Refusal(400, "processing", "An entry without request.method and url") from None
    if method == "GET":
        return _Entry(None, url)
    change = Change(
        method=method,
        url=url,
        resource=item.get("resource"),
        full_url=item.get("fullUrl"),
        if_match=request.get("ifMatch"),
        if_none_exist=request.get("ifNoneExist"),
    )
    return _Entry(change, "")


def _together(
    store: Store, behaviour: Behaviour, entries: Sequence[_Entry], read: Reader
) -> list[Resource]:
    changes = [entry.change for entry in entries if entry.change]
    applied = iter(apply(store, behaviour, changes))
    # Reads come after all writes (R4 http.html#trules), and one that fails undoes nothing.
    return [
        _written(entry.change, next(applied)) if entry.change else _read(entry.read, read)
        for entry in entries
    ]


def _one_after_the_other(
    store: Store, behaviour: Behaviour, entries: Sequence[_Entry]
) -> list[Resource]:
    """A transaction that does not roll back: what stands before the entry that fails stays.

    Raises the `Refusal` of that entry.
    """
    answers: list[Resource] = []
    changes = [entry.change for entry in entries if entry.change]
    while changes:
        size = len(changes)
        while True:  # as many as pass together: they may refer to each other
            try:
                applied = apply(store, behaviour, changes[:size])
                break
            except Refusal:
                if size == 1:
                    raise
                size -= 1
        answers += [_written(*pair) for pair in zip(changes[:size], applied, strict=True)]
        changes = changes[size:]
    return answers


def _alone(store: Store, behaviour: Behaviour, entry: _Entry, read: Reader) -> Resource:
    if entry.change is None:
        return _read(entry.read, read)
    try:
        [applied] = apply(store, behaviour, [entry.change])
    except Refusal as refusal:
        return _refused(refusal)
    return _written(entry.change, applied)


def _read(url: str, read: Reader) -> Resource:
    try:
        return {"resource": decode(read(url)), "response": {"status": _line(200)}}
    except Refusal as refusal:
        return _refused(refusal)


def _written(change: Change, applied: Applied) -> Resource:
    status = 204 if change.method == "DELETE" else applied.status
    response: Resource = {"status": _line(status)}
    if applied.version:
        response |= {
            "location": applied.version.location,
            "etag": str(applied.version.number),  # bare, as HAPI writes it here
            "lastModified": applied.version.last_updated,
        }
    return {"response": response}


def _refused(refusal: Refusal) -> Resource:
    return {"response": {"status": _line(refusal.status), "outcome": refusal.outcome()}}


def _line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
