"""Which kinds a medication record is of by the drug that another record names."""

from dataclasses import replace

from ..record.kinds import both, finder_of
from ..ruleset.mappings import Mappings
from .index import Row


def name_drugs(rows: dict[str, Row], mappings: Mappings) -> None:
    """A record that refers to a Medication is of the kinds that the drug makes it."""
    drugs = {key: row for key, row in rows.items() if row.type == "Medication"}
    if not drugs:
        return
    finder = finder_of(mappings.kinds)
    for key, row in rows.items():
        if not row.type.startswith("Medication") or row.type == "Medication":
            continue
        for drug in (drugs[one] for one in row.refers if one in drugs):
            by_drug = finder.of(row.type, drug.codes, row.categories, (drug.title,))
            rows[key] = replace(rows[key], kinds=both(by_drug, rows[key].kinds))
