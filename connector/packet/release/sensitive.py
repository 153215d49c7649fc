"""The sensitive kinds among what leaves."""

from collections.abc import Sequence
from typing import Any

from ..chart.index import Row
from ..record.security_labels import Labels
from ..record.sensitive_kinds import kinds_that_leave
from ..ruleset.mappings import Mappings


def sensitive_kinds(
    leaving: Sequence[Row], besides: Sequence[tuple[str, str, list[str]]], mappings: Mappings
) -> dict[str, Any]:
    """The sensitive kinds that leave, for whoever decides. Never in the packet.

    `besides`: kind, how it is known, and keys of what else that person has to see.
    """
    labels, heuristic = Labels(mappings.labels), mappings.heuristic
    guessed = {row.key: row.sensitive for row in leaving if row.sensitive}
    labelled = {row.key: labels.lists(row.labels) for row in leaving if row.labels}
    kinds = kinds_that_leave(guessed, labelled, heuristic)
    kinds += [
        {"kind": kind, "by": by, "records": sorted(keys)} for kind, by, keys in besides if keys
    ]
    return {"kinds": kinds, "caveat": heuristic.caveat if kinds else ""}
