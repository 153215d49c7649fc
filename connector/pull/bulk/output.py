"""The files of a finished bulk export: listed, fetched, held against the patient, committed."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ...endpoint import Answer, Endpoint
from ...errors import EndpointError
from ...fhir.about import SUBJECT, telling
from ...fhir.lossless import UndecodableError, decode, encode, members, sha256
from ...fhir.subject import person
from ...fhir.types import TYPES
from ...fhir.whose import Whose
from ...gap import FILES, GapKind
from ...settings import Auth
from ...store.pulled import chart
from ...store.pulled.chart import Record
from ..context import Pull
from ..gaps import kind_of
from ..input.not_taken import Place, Told, Untaken
from ..operation_outcome import missing
from ..records import NAMES_ANOTHER, NO_PATIENT, UNREADABLE, Problem

QUERY = "$export"
_NDJSON = "application/fhir+ndjson"
_PAGES_MAX = 1000
_NOWHERE = Place("")
_UNCLEAR = Problem(GapKind.FAILED, "does not tell whose it is: it names nobody who is known")
_TAKEN = Problem(GapKind.NOT_ASKED, "names no patient; taken, since the export is of one patient")


class Stranger(Exception):
    """A line of another patient."""


class Unusable(Exception):
    """The export ended in nothing that can be fetched. Its text is safe to print."""


class File(NamedTuple):
    """One file of the manifest. `type`: of its resources; an OperationOutcome tells errors.

    `lines`: its records by the server's own count, None if it does not say.
    """

    type: str
    url: str
    lines: int | None = None


class Manifest(NamedTuple):
    """What a finished export consists of."""

    files: list[File]
    outcomes: list[File]
    with_token: bool


def manifest(pull: Pull, answer: Answer, url: str) -> Manifest:
    """Every page of the manifest. STU2 and 3 call the list of errors `error`, STU4 `outcome`."""
    files: list[File] = []
    outcomes: list[File] = []
    with_token = False
    seen = {url}
    for _ in range(_PAGES_MAX):
        try:
            page = decode(answer.body)
            files += _files(page.get("output"))
            outcomes += [*_files(page.get("error")), *_files(page.get("outcome"))]
            with_token |= page.get("requiresAccessToken") is True
            links = [x["url"] for x in page.get("link") or [] if x.get("relation") == "next"]
        except (UndecodableError, AttributeError, KeyError, TypeError):
            raise Unusable("the export's manifest can't be read") from None
        if not links:
            return Manifest(files, outcomes, with_token)
        if links[0] in seen:
            break
        seen.add(links[0])
        try:
            answer = pull.source.get(links[0], "bulk export manifest", accept="application/json")
        except EndpointError as error:
            raise Unusable(f"the export's manifest is not whole: {error}") from None
    raise Unusable("the pages of the export's manifest do not end")


def fetch(pull: Pull, listed: Manifest, state: dict[str, Any]) -> None:
    """Fetch every file not committed yet, several at once; `state` learns of each.

    Patients come first: an export of too many people is noticed before more of it arrives.
    Raises `Stranger`, or `Waiting`.
    """
    source = pull.source
    if not listed.with_token:  # then it must not be sent (Bulk Data Access, complete status)
        settings = pull.settings.model_copy(update={"auth": Auth()})
        source = Endpoint(settings, "source", settings.page_bytes_max)
    state.setdefault("done", [])
    state.setdefault("problems", [])
    every = [*listed.files, *listed.outcomes]
    waiting = [file for file in every if sha256(file.url.encode()) not in state["done"]]
    for file in [f for f in waiting if f.type == "Patient"]:
        _fetch(pull, source, file, state)
    others = [f for f in waiting if f.type != "Patient"]
    pull.workers.each(lambda file: _fetch(pull, source, file, state), others)


def _files(value: Any) -> list[File]:
    return [
        File(str(item.get("type", "")), str(item["url"]), _whole(item.get("count")))
        for item in value or []
    ]


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _fetch(pull: Pull, source: Endpoint, file: File, state: dict[str, Any]) -> None:
    if pull.workers.stopping:
        return
    name = file.type if file.type in TYPES - {"OperationOutcome"} else QUERY
    told = Told()
    count = 0
    with tempfile.TemporaryFile(dir=pull.case.folder) as lines:
        try:
            most = pull.settings.page_bytes_max
            source.download(file.url, f"{name} export file", lines, most, accept=_NDJSON)
        except EndpointError as error:
            pull.still_there(error)
            told.add(Untaken(Problem(kind_of(error), str(error)), _NOWHERE))
            lines.truncate(0)
        else:
            lines.seek(0)
            came = sum(1 for line in lines if line.strip())
            if file.lines is not None and came < file.lines:
                why = f"the server counts {file.lines} records in an export file and sends {came}"
                told.add(Untaken(Problem(GapKind.FAILED, why), _NOWHERE))
        lines.seek(0)
        with pull.case.commit():  # a stranger undoes the whole file
            for found in _examined(pull, lines, Place(f"{name} export file")):
                if isinstance(found, Record):
                    count += chart.put_record(pull.case, found, QUERY)
                else:
                    told.add(found)
            state["problems"] += [
                [wanted.type if wanted.type != FILES else name, kind, why]
                for wanted, kind, why in told.gaps()
            ]
            state["done"].append(sha256(file.url.encode()))
            pull.case.state.export = state
    pull.tell(f"{name} {count} exported")


def _examined(pull: Pull, lines: Iterable[bytes], file: Place) -> Iterator[Record | Untaken]:
    """The records of one file. Raises `Stranger`."""
    patient = chart.record(pull.case, "Patient", pull.patient_id)
    known = patient.body if patient else encode({"resourceType": "Patient", "id": pull.patient_id})
    ours = person(known, pull.bases())
    for number, line in enumerate(lines, 1):
        if not (body := line.strip()):
            continue
        place = file.within("line", number)
        try:
            top = members(body)
            kind = decode(top["resourceType"]) if "resourceType" in top else ""
            if kind == "OperationOutcome":  # has no id, as a record has
                if (told := missing(body)) is not None:
                    yield Untaken(told, place)
                continue
            whose = ours.whose_members(top)
            named = any(True for _ in telling(top))
        except UndecodableError:
            yield Untaken(UNREADABLE, place)
            continue
        if whose is Whose.STRANGER:
            raise Stranger
        examined = pull.sieve.examine(body)
        if isinstance(examined, Problem):
            yield Untaken(examined, place)
        elif examined is None:
            continue
        elif whose is Whose.SEVERAL:
            yield Untaken(NAMES_ANOTHER, place)
        elif whose is Whose.NOBODY and named and kind in SUBJECT:
            yield Untaken(NO_PATIENT, place)
        elif whose is Whose.UNKNOWN and named:
            yield Untaken(_UNCLEAR, place)
        else:
            if whose is Whose.UNKNOWN:
                yield Untaken(_TAKEN, place)
            yield examined
