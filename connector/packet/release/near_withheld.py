"""What leaves and may tell of what is withheld, though no rule says so: for a person's eyes.

A label of a list, a plan or a Provenance is that of the record itself: what it names has none. And
a problem or a drug may stand in a chart twice, of which one is labelled.
"""

from collections.abc import Iterable, Mapping

from ...store.mapped.packet import Decision
from ..chart.index import Row

BY_LINK = "link"
# What these name is what they are about.
_LISTS = frozenset({"CarePlan", "Composition", "DocumentManifest", "List", "Provenance"})
# Of these the code alone tells what is withheld.
_TOLD_BY_CODE = frozenset({
    "AllergyIntolerance", "Condition", "MedicationAdministration", "MedicationDispense",
    "MedicationRequest", "MedicationStatement", "Procedure",
})  # fmt: skip


def near(
    leaving: Iterable[Row],
    rows: Mapping[str, Row],
    barred: Mapping[str, Decision],
    nobodys: Iterable[str],
) -> list[str]:
    """Keys of the records that leave with the code of one that is withheld for itself, or that a
    withheld list, plan, document or Provenance names.

    `nobodys`: types that are no part of what happened to the patient.
    """
    own = [
        rows[key]
        for key, decision in barred.items()
        if decision.outcome == "withheld" and not decision.because and key in rows
    ]
    named = {key for row in own if row.type in _LISTS for key in (*row.refers, *row.targets)}
    told = frozenset().union(*(_told(row) for row in own))
    passed = {"Patient", "Encounter", *nobodys}
    return [
        row.key
        for row in leaving
        if row.type not in passed and (row.key in named or not told.isdisjoint(_told(row)))
    ]


def _told(row: Row) -> frozenset[str]:
    if row.type not in _TOLD_BY_CODE:
        return frozenset()
    coded = frozenset(code for code in row.codes if "|" in code and not code.startswith("|"))
    return coded or frozenset({row.title.casefold()} - {""})
