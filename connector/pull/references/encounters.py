"""A record of another patient's encounter is not our patient's, whatever its subject says."""

import re

from ...errors import EndpointError
from ...fhir.about import ENCOUNTERS, encounters
from ...fhir.references import Kind, parse
from ...gap import GapKind, Wanted
from ...store.pulled import chart, query_plan, records, targets
from ..context import Pull
from ..lookup import carries, find
from ..records import ANOTHER_PATIENT, Problem

_ASKED_MAX = 500
_ELEMENTS = ("encounter", "context", "partOf")
_WHY = Problem(GapKind.FAILED, "a record of another patient's encounter came back")


def note(pull: Pull, *names: str) -> None:
    """Keep in mind that an encounter, by whatever names, is another patient's."""
    with pull.case.commit():
        pull.case.state.others_encounters = sorted({*pull.case.state.others_encounters, *names})


def look_up(pull: Pull) -> None:
    """Ask whose the encounters are that records name by an identifier alone.

    What the source does not find, or can't be asked for, stays unknown.
    """
    asked = set(pull.case.state.asked_encounters)
    wanted = {name for name in _logical(pull) if name not in asked}
    for name in sorted(wanted)[: max(0, _ASKED_MAX - len(asked))]:
        kind, _, token = name.partition("?identifier=")
        if "identifier" in pull.capability.search.get(kind, ()):
            try:
                found = find(pull.source, kind, {"identifier": token})
            except EndpointError as error:
                pull.still_there(error)
                continue
            sieve = pull.sieve.at(*pull.bases())
            said = [sieve.examine(body) for body in found.values() if carries(body, token)]
            if said and all(one is ANOTHER_PATIENT for one in said):
                note(pull, name)
        with pull.case.commit():
            pull.case.state.asked_encounters = sorted({*pull.case.state.asked_encounters, name})


def _logical(pull: Pull) -> set[str]:
    found: set[str] = set()
    for body in records.bodies_with(pull.case, "identifier", _ELEMENTS):
        found.update(name for name in encounters(body) if "?identifier=" in name)
    return {name for name in found if name.partition("?")[0] in ENCOUNTERS}


def drop(pull: Pull) -> None:
    """Take the records of other patients' encounters out of the chart again; each is a gap.

    What brought them counts as failed, so that a later run asks once more.
    """
    others, bases = set(pull.case.state.others_encounters), pull.bases()
    waiting = sorted(others)
    while waiting:
        for kind, id_, query in records.mentioning(pull.case, re.split("[/|=]", waiting.pop())[-1]):
            record = chart.record(pull.case, kind, id_)
            found = encounters(record.body) if record else []
            parsed = [parse(named, *bases) for named in found]
            named = {*found, *(t.local for t in parsed if t.kind is Kind.LOCAL)}
            if named.isdisjoint(others):
                continue
            if kind in ENCOUNTERS:  # what is part of it is no more the patient's than it is
                others.add(f"{kind}/{id_}")
                waiting.append(f"{kind}/{id_}")
            with pull.case.commit():
                chart.drop_record(pull.case, kind, id_)
                targets.lost(pull.case, kind, id_)
                query_plan.fail_query(pull.case, query)
                pull.gap(Wanted(kind), *_WHY)
