"""The sensitive kinds among what leaves."""

from collections.abc import Sequence
from typing import Any

from ..chart.index import Row
from ..record.security_labels import Labels
from ..record.sensitive_kinds import kinds_that_leave
from ..ruleset.mappings import Mappings


def sensitive_kinds(leaving: Sequence[Row], mappings: Mappings) -> dict[str, Any]:
    """The sensitive kinds that leave, for whoever decides. Never in the packet."""
    labels, heuristic = Labels(mappings.labels), mappings.heuristic
    guessed = {row.key: row.kinds for row in leaving if row.kinds}
    labelled = {row.key: labels.lists(row.labels) for row in leaving if row.labels}
    kinds = kinds_that_leave(guessed, labelled, heuristic)
    return {"kinds": kinds, "caveat": heuristic.caveat if kinds else ""}
