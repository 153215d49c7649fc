"""How confidential what we author is, from what it tells of: v3-Confidentiality and its notices."""

from collections.abc import Sequence

from ...fhir.systems import CONFIDENTIALITY
from ..chart.index import Row
from ..ruleset.release_rules import Notice, Release

_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"  # sensitivity, policy, obligation
_LEVELS = "ULMNRV"  # v3-Confidentiality, least to most


def notices_for(rows: Sequence[Row], release: Release) -> list[Notice]:
    """The notices that have to accompany what leaves."""
    of = {rule.id: rule.labels for rule in release.rules}
    return [
        notice
        for notice in release.notices
        if any(not of[rule].isdisjoint(row.labels) for rule in notice.of for row in rows)
    ]


def label_of(token: str) -> dict[str, str]:
    """A label `system|code` as a Coding."""
    system, _, code = token.rpartition("|")
    return {"system": system, "code": code}


def high_water(rows: Sequence[Row], release: Release) -> str:
    """The most confidential label among what leaves, at least N (DS4P: high-water mark).

    A record with a sensitivity label counts as restricted; the label itself is never repeated.
    """
    levels = [
        level for row in rows for level in _LEVELS if f"{CONFIDENTIALITY}|{level}" in row.labels
    ]
    sensitive = frozenset(label for rule in release.rules for label in rule.labels)
    if any(_is_sensitive(row, sensitive) for row in rows):
        levels.append("R")
    return max([*levels, "N"], key=_LEVELS.index)


def _is_sensitive(row: Row, labels: frozenset[str]) -> bool:
    return not labels.isdisjoint(row.labels) or any(
        label.startswith(f"{_ACT_CODE}|") for label in row.labels
    )
