"""Files as a source: Synthea's output, a portal's download, a bulk export kept on disk.

The same sieve and the same closure as for a server, with references resolved among the files. Of
other patients nothing is stored. The files are read three times or more: whose Patient is it,
what is theirs, what was said about that (Provenance); so nothing has to be held in memory.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from ...fhir.about import SEVERAL_PEOPLE
from ...fhir.lossless import decode, members
from ...fhir.release import unlike_r4
from ...fhir.shapes import objects_in
from ...gap import MENDABLE, GapKind
from ...progress import Progress, silent
from ...request import Request
from ...settings import Source
from ...store.case import gaps
from ...store.case.casefile import CaseFile
from ...store.pulled import chart, earlier, query_plan
from ...store.pulled.chart import Record
from ..attachments import inline
from ..context import Gathering
from ..gaps import Missing
from ..input.given import Files
from ..input.not_taken import Place, Told, Untaken
from ..input.register import Key, Register
from ..patient import stay_with
from ..records import Problem, Sieve
from ..references import closure, denied_organizations
from ..references.provenance import DIRECTORY
from .closure import QUERY, attach, resolve
from .patient import Chosen, find_patient
from .whose import Taking


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

    As `pull_chart` does from a server: idempotent; sets, in its state, `source_patient` and
    `pull_complete`. Raises `Held` (which patient) or `SourceFailed` (nothing there to read).
    """
    broken = any(gap.kind in MENDABLE for gap in gaps.of(case))
    if case.state.pull_complete and not broken:
        return
    assert settings.files is not None
    given = Files(settings.files, settings.page_bytes_max)
    with closing(Register()) as register:
        chosen = find_patient(given, request.patient, register)
        patient = chosen.record
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
                chosen.person,
            ),
            missing=Missing(),
            progress=progress,
        )
        _gather(gathering, given, register, chosen)


def _gather(gathering: Gathering, given: Files, register: Register, chosen: Chosen) -> None:
    case, patient, told = gathering.case, chosen.record, Told()
    with case.commit():
        case.state.pull_complete = None
        case.state.source_patient = patient.id
        query_plan.reopen_failed(case)
        earlier.keep_only(case, ())  # the files are read from the beginning each time
        chart.put_record(case, patient, QUERY)
    for name in chosen.names:
        register.call(name, Key("Patient", patient.id))
    if why := unlike_r4("Patient", members(patient.body)):
        told.add(Untaken(Problem(GapKind.FAILED, f"{why}; taken as it is"), Place(""), "Patient"))
    taking = Taking(gathering, register, chosen, told)
    for number, path in enumerate(given.paths, 1):
        taking.take(given.each(path))
        gathering.progress("pull", number, len(given.paths), "files")
    taking.take(given.barred)
    taking.settle()
    _close(gathering, register, chosen)
    while _take_provenance(gathering, register, given):
        _close(gathering, register, chosen)
    attach(gathering, register)
    taking.tell_unnamed()
    denied_organizations.from_files(gathering, given, register)
    _close(gathering, register, chosen)
    closure.forget_unreached(gathering)
    inline.tell(gathering)
    with case.commit():
        gathering.missing.report(case, gathering.settings.expected_gaps)
        for gap in told.gaps():
            gathering.gap(*gap)
        earlier.compare_with_earlier(case)
        case.state.pull_complete = True


def _close(gathering: Gathering, register: Register, chosen: Chosen) -> None:
    closure.follow(gathering, lambda: resolve(gathering, register, chosen.person))


def _take_provenance(gathering: Gathering, register: Register, given: Files) -> bool:
    """Take what was said about the chart's records and is not there yet. True if any was."""
    found: list[Record] = []
    for one in given.of_type("Provenance"):
        record = gathering.sieve.examine(one.body)
        if not isinstance(record, Record) or chart.has_record(gathering.case, *record[:2]):
            continue
        targets = _keys(register, members(one.body).get("target"))
        if any(chart.has_record(gathering.case, *k) for k in targets if k.type not in DIRECTORY):
            register.add(one.full_url, record, keep=False)
            found.append(record)
    with gathering.case.commit():
        for record in found:
            chart.put_record(gathering.case, record, QUERY)
    return bool(found)


def _keys(register: Register, target: Any) -> Iterator[Key]:
    value = decode(target) if target is not None else []
    for item in objects_in(value):
        reference = item.get("reference")
        if isinstance(reference, str):
            yield from register.find(reference)
