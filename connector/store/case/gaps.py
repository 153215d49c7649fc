"""The gaps of a case: what was wanted and not had."""

import json

from ...gap import Gap, GapKind, Wanted
from .casefile import CaseFile


def add(case: CaseFile, gap: Gap) -> None:
    """Say that something was wanted and not had, in place of what was said of it before."""
    with case.commit():
        case.execute(
            "INSERT INTO gap VALUES (?, ?, ?, ?) ON CONFLICT (wanted, kind) DO UPDATE"
            " SET reasons = excluded.reasons, expected = excluded.expected",
            (_key(gap.wanted), gap.kind, json.dumps(gap.reasons), int(gap.expected)),
        )


def drop(case: CaseFile, wanted: tuple[Wanted, ...], kind: GapKind) -> bool:
    """Forget a gap, inside `case.commit()`. True if there was one."""
    sql = "DELETE FROM gap WHERE wanted = ? AND kind = ?"
    return case.execute(sql, (_key(wanted), kind)) > 0


def forget(case: CaseFile) -> None:
    """Forget, inside `case.commit()`, what the source did not give: it is about to be told anew.

    What the destination did not take is not for the source to mend.
    """
    case.execute("DELETE FROM gap WHERE kind <> ?", (GapKind.REJECTED,))


def find(case: CaseFile, wanted: tuple[Wanted, ...], kind: GapKind) -> Gap | None:
    """One gap."""
    return next((g for g in of(case) if (g.wanted, g.kind) == (wanted, kind)), None)


def of(case: CaseFile) -> list[Gap]:
    """Everything wanted and not had, in one order."""
    rows = case.rows("SELECT wanted, kind, reasons, expected FROM gap")
    found = [
        Gap(
            tuple(Wanted(*each) for each in json.loads(wanted)),
            GapKind(kind),
            tuple(json.loads(reasons)),
            bool(expected),
        )
        for wanted, kind, reasons, expected in rows
    ]
    return sorted(found, key=lambda gap: (gap.what, gap.kind))


def _key(wanted: tuple[Wanted, ...]) -> str:
    return json.dumps(wanted)
