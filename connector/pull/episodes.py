"""A record of another patient's encounter is not our patient's, whatever its subject says."""

import re

from ..fhir.about import encounters
from ..fhir.references import Kind, parse
from ..store import chart
from .context import Pull
from .records import Problem

TYPES = ("Encounter", "EpisodeOfCare")
# fact: those that were read and are another patient's, by `Type/id` and as they were referred to
_OTHERS = "others_encounters"
_WHY = Problem("failed", "a record of another patient's encounter came back")


def note(pull: Pull, *names: str) -> None:
    """Keep in mind that an encounter, by whatever names, is another patient's."""
    with pull.case.commit():
        pull.case.set_fact(_OTHERS, sorted({*pull.case.fact(_OTHERS, []), *names}))


def drop(pull: Pull) -> None:
    """Take the records of other patients' encounters out of the chart again; each is a gap.

    What brought them counts as failed, so that a later run asks once more.
    """
    others, bases = set(pull.case.fact(_OTHERS, [])), pull.bases()
    waiting = sorted(others)
    while waiting:
        for kind, id_, query in _mentioning(pull, re.split("[/|=]", waiting.pop())[-1]):
            record = chart.record(pull.case, kind, id_)
            found = encounters(record.body) if record else []
            targets = [parse(named, *bases) for named in found]
            named = {*found, *(t.local for t in targets if t.kind is Kind.LOCAL)}
            if named.isdisjoint(others):
                continue
            if kind in TYPES:  # what is part of it is no more the patient's than it is
                others.add(f"{kind}/{id_}")
                waiting.append(f"{kind}/{id_}")
            with pull.case.commit():
                pull.case.execute("DELETE FROM record WHERE type = ? AND id = ?", (kind, id_))
                pull.case.execute(
                    "UPDATE target SET status = 'gap' WHERE type = ? AND id = ?", (kind, id_)
                )
                chart.fail_query(pull.case, query)
                pull.gap(kind, *_WHY)


def _mentioning(pull: Pull, id_: str) -> list[tuple[str, str, str]]:
    rows = pull.case.rows(
        "SELECT type, id, query FROM record WHERE instr(body, CAST(? AS BLOB))", (id_,)
    )
    return [(str(kind), str(key), str(query)) for kind, key, query in rows]
