"""Files as a source: Synthea's output, a portal's download, a bulk export kept on disk.

The same sieve and the same closure as for a server, with references resolved among the files. Of
other patients nothing is stored. The files are read three times or more: whose Patient is it,
what is theirs, what was said about that (Provenance); so nothing has to be held in memory.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ..fhir.lossless import UndecodableError, decode, members, sha256
from ..fhir.record import peek
from ..progress import Progress, silent
from ..request import Request
from ..settings import Source
from ..store import chart
from ..store.casefile import CaseFile
from ..store.chart import Record
from . import closure
from .compartment import OWN_TYPES, SEVERAL_PEOPLE
from .context import Gathering
from .files_closure import CONTRADICT, QUERY, attach, resolve
from .files_patient import find_patient
from .gaps import Missing
from .given import Files, Given
from .patient import stay_with
from .people import People
from .provenance import DIRECTORY
from .records import UNREADABLE, Problem, Sieve
from .register import Key, Register

_BATCH = 500  # records in one transaction


def pull_files(
    case: CaseFile,
    request: Request,
    settings: Source,
    *,
    never_types: frozenset[str],
    wanted_types: frozenset[str],
    progress: Progress = silent,
) -> None:
    """Bring the chart of the request's patient, and the gaps, from `settings.files`.

    As `pull_chart` does from a server: idempotent; sets the facts `source_patient` and
    `pull_complete`. Raises `Held` (which patient) or `SourceFailed` (nothing there to read).
    """
    broken = any(gap.kind in ("refused", "failed") for gap in chart.gaps(case))
    if case.fact("pull_complete") and not broken:
        return
    assert settings.files is not None
    given = Files(settings.files, settings.page_bytes_max)
    patient, people = find_patient(given, request.patient)
    stay_with(case, patient.id)
    gathering = Gathering(
        case=case,
        settings=settings,
        patient_id=patient.id,
        never_types=never_types,
        wanted_types=wanted_types,
        sieve=Sieve(
            settings.base_url,
            patient.id,
            never_types | SEVERAL_PEOPLE,
            settings.record_bytes_max,
        ),
        missing=Missing(),
        progress=progress,
    )
    with case.commit():
        case.set_fact("pull_complete", None)
        case.set_fact("source_patient", patient.id)
        chart.reopen_failed(case)
        chart.keep_only(case, ())  # the files are read from the beginning each time
        chart.put_record(case, patient, QUERY)
    with closing(Register()) as register:
        for name in people.ours:
            register.call(name, Key("Patient", patient.id))
        _take(gathering, register, given, people)
        _close(gathering, register, people)
        while _take_provenance(gathering, register, given):
            _close(gathering, register, people)
        attach(gathering, register)
    closure.forget_unreached(gathering)
    with case.commit():
        gathering.missing.report(case, settings.expected_gaps)
        chart.compare_with_earlier(case)
        case.set_fact("pull_complete", True)


def _take(gathering: Gathering, register: Register, given: Files, people: People) -> None:
    """Store what is the patient's, keep at hand what is nobody's, pass over all else."""
    total = len(given.paths)
    for number, path in enumerate(given.paths, 1):
        batch: list[Record] = []
        for found in given.each(path):
            taken = _sift(gathering, register, found, people)
            if isinstance(taken, Record):
                batch.append(taken)
            elif taken is not None:
                gathering.gap("files", *taken)
            if len(batch) >= _BATCH:
                _store(gathering, batch)
        _store(gathering, batch)
        gathering.progress("pull", number, total, "files")


def _sift(
    gathering: Gathering, register: Register, found: Given | Problem, people: People
) -> Record | Problem | None:
    if isinstance(found, Problem):
        return found
    try:
        seen = peek(found.body)
        if seen.type in ("Patient", "Provenance"):  # taken before, and after
            return None
        whose = people.whose(seen.type, found.body)
    except UndecodableError:
        return UNREADABLE
    if whose == "another":
        return None
    record = gathering.sieve.examine(found.body)
    if record is None:  # known, so that a reference to it is no gap
        left_out = Record(seen.type, seen.id, seen.version, sha256(found.body), found.body)
        register.add(found.full_url, left_out, keep=False)
        return None
    if isinstance(record, Problem):
        return record
    standing = register.add(found.full_url, record, keep=whose == "nobody")
    if standing == "contradicts" and seen.type in OWN_TYPES:
        return CONTRADICT
    return record if standing == "new" and whose == "ours" else None


def _store(gathering: Gathering, batch: list[Record]) -> None:
    with gathering.case.commit():
        for record in batch:
            chart.put_record(gathering.case, record, QUERY)
    batch.clear()


def _close(gathering: Gathering, register: Register, people: People) -> None:
    closure.follow(gathering, lambda: resolve(gathering, register, people))


def _take_provenance(gathering: Gathering, register: Register, given: Files) -> bool:
    """Take what was said about the chart's records and is not there yet. True if any was."""
    batch: list[Record] = []
    for found in given.of_type("Provenance"):
        record = gathering.sieve.examine(found.body)
        if not isinstance(record, Record) or chart.has_record(gathering.case, *record[:2]):
            continue
        targets = _keys(register, members(found.body).get("target"))
        if any(chart.has_record(gathering.case, *k) for k in targets if k.type not in DIRECTORY):
            register.add(found.full_url, record, keep=False)
            batch.append(record)
    brought = bool(batch)
    _store(gathering, batch)
    return brought


def _keys(register: Register, target: Any) -> Iterator[Key]:
    value = decode(target) if target is not None else []
    for item in value if isinstance(value, list) else [value]:
        reference = item.get("reference") if isinstance(item, dict) else None
        if isinstance(reference, str):
            yield from register.find(reference)
