"""What records refer to, and their attachments, settled among the files alone."""

from functools import partial
from typing import IO

from ...fhir.about import SEVERAL_PEOPLE
from ...fhir.references import Kind, parse, tidy
from ...fhir.subject import Person
from ...gap import GapKind
from ...store.pulled import attachments, chart, targets
from ...store.pulled.chart import Record
from ..attachments.binary import unwrapped
from ..attachments.settle import note_labels, settle
from ..bases import base_of
from ..context import Gathering
from ..input.register import Key, Register
from ..records import ELSEWHERE, TO_ANOTHER, TO_SEVERAL, Problem

QUERY = "files"  # under which all records of files are stored
CONTRADICT = Problem(
    GapKind.FAILED, "the files hold different records under one id, none the later"
)
_ABSENT = Problem(GapKind.FAILED, "not among the files")
_SEVERAL = Problem(GapKind.FAILED, "several records of the files answer a reference")


def resolve(gathering: Gathering, register: Register, person: Person) -> bool:
    """Settle every open reference among the files. True if that brought a record."""
    case, brought = gathering.case, False
    with case.commit():
        for reference, _, _ in targets.unsettled(case):
            target = _target(gathering, register, reference, person)
            if isinstance(target, Problem):
                targets.give_up(case, reference)
                role = parse(reference, base_of(reference) or "").type or "elsewhere"
                gathering.missing.add(role, "referenced", *target)
            elif target.type in gathering.never_types:
                targets.drop(case, reference)
            else:
                brought |= _bring(gathering, register, target)
                targets.had(case, {reference, f"{target.type}/{target.id}"}, *target)
    return brought


def _target(
    gathering: Gathering, register: Register, reference: str, person: Person
) -> Key | Problem:
    found = register.find(reference)
    base = base_of(reference)
    seen = parse(reference, base or "")
    if len(found) == 1:
        return TO_SEVERAL if found[0].type in SEVERAL_PEOPLE else found[0]
    if found:
        return _SEVERAL
    if chart.has_record(gathering.case, seen.type, seen.id) and base is None:
        return Key(seen.type, seen.id)
    if seen.type == "Patient" or tidy(reference) in person.others:
        return TO_ANOTHER
    if seen.type in SEVERAL_PEOPLE:
        return TO_SEVERAL
    return ELSEWHERE if base is not None or seen.kind is Kind.FOREIGN else _ABSENT


def _bring(gathering: Gathering, register: Register, key: Key) -> bool:
    if chart.has_record(gathering.case, *key):
        return True  # there, but perhaps not walked before something referred to it
    body = register.body(key)
    record = gathering.sieve.examine(body) if body is not None else None
    if not isinstance(record, Record):
        return False
    if register.contradicted(key):  # of those that nothing refers to nobody needs to hear
        gathering.missing.add(key.type, "referenced", *CONTRADICT)
    return chart.put_record(gathering.case, record, QUERY)


def attach(gathering: Gathering, register: Register) -> None:
    """Attachments that the files hold as Binary resources."""
    for row in attachments.unsettled(gathering.case):
        settle(gathering, partial(_binary, gathering, register), *row)


def _binary(
    gathering: Gathering, register: Register, url: str, _content_type: str, file: IO[bytes]
) -> str | Problem:
    found = [key for key in register.find(url) if key.type == "Binary"]
    body = register.body(found[0]) if len(found) == 1 else None
    if body is None:
        return ELSEWHERE if "://" in url else _ABSENT
    file.write(body)
    note = partial(note_labels, gathering, url)
    return unwrapped("application/fhir+json", file, note=note)
