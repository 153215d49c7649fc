"""A bulk export of one patient: started, waited for, fetched, deleted at the server.

What is kept of it between runs is `CaseState.export`: that it was begun, the address of its status
(so that it can be waited for, and deleted, whatever happens to us) and the files that are committed
already. One whose address never came can't be deleted: that is told. A line of another patient
stops it: then the export is not what was asked for.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from ...endpoint import Answer, Endpoint
from ...endpoint.retry import Again, Limits, Park, decide
from ...errors import EndpointError, SourceFailed, Waiting
from ...fhir.capability import Capability
from ...fhir.lossless import encode, sha256
from ...fhir.types import TYPES
from ...gap import GapKind, Wanted
from ...instant import instant
from ...request import PatientChoice
from ...settings import Source
from ...store.case import gaps
from ...store.case.casefile import CaseFile
from ...store.pulled import records
from ...store.pulled.chart import Record
from ..context import Pull
from ..granted import NOT_GRANTED
from .delete import delete, remembered, tell
from .kick_off import Start, start
from .output import QUERY, Stranger, Unusable, fetch, manifest

_HEADERS = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
_PATIENCE = 10  # as many of the longest pauses (wait_max_s) before the case is parked
_POLL_MAX_S = 30.0
_EMPTY = "the export lists no file: not even the patient is in it"
_STILL = "the source is still preparing the export"
_ABSURD = "Retry-After is more than a day: asked again after one"
_ANOTHER_WAY = 'Run again; if it stays so, ask who runs it, or set pull = "search".'


def export(pull: Pull) -> None:
    """Bring everything that the source exports of the patient; once, unless something broke.

    Raises `Waiting` when the export takes long (another run goes on waiting), and `SourceFailed`
    when there is none, or one that isn't of this patient alone.
    """
    state: dict[str, Any] = pull.case.state.export
    if state.get("stranger"):
        _abandon(pull, state)
    if state.get("finished"):
        state = delete(pull, state)
        if not state.get("problems"):
            tell(pull, state)
            _drop_gaps(pull)
            return
        state = remembered(state)  # what was missing is asked for anew
    if "status" not in state:
        state = _begin(pull, state)
    try:
        listed = manifest(pull, _wait(pull, state), state["status"])
    except Unusable as error:  # nothing to come back to
        pull.case.state.export = remembered(delete(pull, state))
        raise SourceFailed(str(error), _ANOTHER_WAY) from None
    state["types"] = sorted({file.type for file in listed.files} & TYPES)
    try:
        fetch(pull, listed, state)
    except Stranger:
        state["stranger"] = True
        pull.case.state.export = state
        _abandon(pull, state)
    if not listed.files:
        state["problems"].append(["export", GapKind.FAILED, _EMPTY])
    state["finished"] = True
    with pull.case.commit():
        for what, kind, why in state["problems"]:
            pull.gap(Wanted(what), GapKind(kind), why)
        pull.case.state.export = state
    tell(pull, delete(pull, state))
    _drop_gaps(pull)


def brings_patient(settings: Source, choice: PatientChoice, capability: Capability) -> bool:
    """Whether the export has to tell who the patient is, as their record can't be read."""
    return (
        settings.pull == "bulk"
        and choice.id is not None
        and not capability.allows("Patient", "read")
    )


def unread(choice: PatientChoice) -> Record:
    """All that is known of a patient before the export is there."""
    assert choice.id is not None
    body = encode({"resourceType": "Patient", "id": choice.id})
    return Record("Patient", choice.id, "", sha256(body), body)


def _drop_gaps(pull: Pull) -> None:
    """No search being offered or granted for a type is no loss where the export had it."""
    with pull.case.commit():
        for name in _exported_types(pull.case):
            wanted = (Wanted(name),)
            gaps.drop(pull.case, wanted, GapKind.UNSUPPORTED)
            refused = gaps.find(pull.case, wanted, GapKind.REFUSED)
            if refused and refused.reasons == (NOT_GRANTED,):
                gaps.drop(pull.case, wanted, GapKind.REFUSED)


def not_too_early(case: CaseFile) -> None:
    """Raise `Waiting` again where the server said when to come back, and it is not yet then."""
    state: dict[str, Any] = case.state.export
    until = state.get("until")
    if until is not None and "status" in state and instant(datetime.now(UTC)) < until:
        raise Waiting(_STILL, until)


def _exported_types(case: CaseFile) -> frozenset[str]:
    """The types of which the export listed a file, or brought a record."""
    return frozenset(case.state.export.get("types", [])) | records.types(case, QUERY)


def _begin(pull: Pull, before: dict[str, Any]) -> dict[str, Any]:
    """Start an export: the intent is kept before it leaves, the address of its status after."""
    state = remembered(before)
    request = start(pull)
    pull.case.state.export = {**state, "begun": True}
    state["status"] = _kick_off(pull, request, state)
    pull.case.state.export = state
    return state


def _kick_off(pull: Pull, begin: Start, before: dict[str, Any]) -> str:
    """Send the request. Returns the address of the export's status.

    `before`: what is kept again if the source says that it began nothing.
    """
    what = "bulk export"
    attempt = 0
    while True:
        attempt += 1
        try:
            method = "POST" if begin.body else "GET"
            answer = pull.source.write(method, begin.url, begin.body, what, _HEADERS)
        except EndpointError as error:
            raise SourceFailed(f"the export can't be started: {error}", error.what_to_do) from None
        if answer.status == 202 and "content-location" in answer.headers:
            return answer.headers["content-location"]
        if 400 <= answer.status < 500:
            pull.case.state.export = before
        try:
            _pause(pull.source, attempt, answer, what)
        except Unusable as error:
            raise SourceFailed(f"the export was not started: {error}", _ANOTHER_WAY) from None


def _wait(pull: Pull, state: dict[str, Any]) -> Answer:
    """Ask for the status until the export is ready."""
    status = state["status"]
    longest_s = pull.settings.wait_max_s
    waited_s, polls, attempt = 0.0, 0, 0
    while True:
        answer = _status(pull, status)
        if answer.status == 200:
            return answer
        if answer.status != 202:
            attempt += 1
            waited_s += _pause(pull.source, attempt, answer, "bulk export status")
            continue
        attempt = 0
        polls += 1
        after_s, beyond = _asked_s(answer, polls, pull.settings.backoff_s)
        if after_s > longest_s or waited_s > longest_s * _PATIENCE:
            until = instant(datetime.now(UTC) + timedelta(seconds=after_s))
            pull.case.state.export = {**state, "until": until}
            raise Waiting(f"{_STILL}; {_ABSURD}" if beyond else _STILL, until)
        pull.tell("export is being prepared")
        time.sleep(after_s)
        waited_s += after_s


def _status(pull: Pull, status: str) -> Answer:
    try:
        return pull.source.write(
            "GET", status, b"", "bulk export status", {"Accept": "application/json"}
        )
    except EndpointError as error:
        raise SourceFailed(
            f"the export's status can't be asked: {error}",
            "Run the same command again: the export goes on being waited for.",
        ) from None


def _asked_s(answer: Answer, polls: int, backoff_s: float) -> tuple[float, bool]:
    """How long to wait before asking again, and whether the server would have us wait longer.

    What it says, up to a day; else twice as long each time.
    """
    patient = Limits(attempts=1, backoff_s=0, wait_max_s=0)
    now = datetime.now(UTC)
    said = decide(1, 503, answer.headers.get("retry-after"), now, patient)
    if isinstance(said, Park):
        return (said.until - now).total_seconds(), said.beyond
    return max(0.01, min(backoff_s * 2.0 ** min(polls, 10), _POLL_MAX_S)), False


def _pause(source: Endpoint, attempt: int, answer: Answer, what: str) -> float:
    """Wait as the retry decision says. Raises `Waiting`, or `Unusable` at its end."""
    decision = source.after(attempt, answer)
    if isinstance(decision, Park):
        raise decision.waiting(what, "source")
    if not isinstance(decision, Again):
        raise Unusable(f"{what}: HTTP {answer.status}")
    time.sleep(decision.after_s)
    return decision.after_s


def _abandon(pull: Pull, state: dict[str, Any]) -> None:
    """Forget what the export brought, have it deleted there, and say why."""
    with pull.case.commit():
        records.drop_query(pull.case, QUERY)
    state = delete(pull, state)
    pull.case.state.export = remembered(state)
    done = "could not be deleted" if "status" in state or state.get("left") else "is deleted"
    raise SourceFailed(
        f"the export holds records of other patients: it was stopped and {done} at the source",
        'Set pull = "search"; tell the people who run the server (or who keep that Group).',
    )
