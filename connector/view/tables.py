"""Many cases, or what was disclosed, as tables; and a run over many in a line."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..deadline import span, zone_of


def cases(rows: Iterable[dict[str, Any]], now: datetime) -> list[str]:
    """The worklist as a table, the nearest need first."""
    lines = [f"{'case':14}{'request':18}{'needed by':28}{'':18}{'state':22}{'exit':6}to, file"]
    for row in rows:
        end = row["destination"]
        place = f"{end['name']} ({end['environment']})" if end else ""
        file = f", {row['request_file']}" if row["request_file"] else ""
        state = "closed" if row["closed"] else row["state"]
        lines.append(
            f"{row['case']:14}{row['request_id'] or '':18}{row['needed_by']:28}"
            f"{until(row, now):18}{state:22}{row['exit_code']:<6}{place}{file}{row['error']}"
        )
    return lines if len(lines) > 1 else ["No cases yet."]


def until(values: dict[str, Any], now: datetime) -> str:
    """How long until a case's need, or how late it is: days are those of the meeting's zone."""
    if not values["due_at"]:
        return ""
    due = datetime.fromisoformat(values["due_at"])
    apart = span(due, now, zone_of(values["meeting"] or values["needed_by"]))
    if now <= due:
        return f"in {apart}"
    return f"LATE by {apart}" if values["missed"] else f"{apart} ago"


def disclosures(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The disclosure log as a table, the latest last."""
    lines = [f"{'row':>5} {'at':22}{'case':14}{'event':10}{'outcome':11}{'records':>8}  by"]
    for row in rows:
        by = row["operator"] + (f", approved by {row['approver']}" if row["approver"] else "")
        lines.append(
            f"{row['seq']:5} {row['at']:22}{row['case'] or '?':14}{row['event']:10}"
            f"{row['outcome']:11}{row['resources']:8}  {by}; {row['basis']};"
            f" to {row['destination_id']}"
        )
    return lines if len(lines) > 1 else ["Nothing was disclosed yet."]


def summary(lines: list[dict[str, Any]], exit_code: int) -> str:
    """A run over many requests in one line: how many stand where."""
    states = Counter(str(line.get("state", "not run")) for line in lines)
    parts = [f"{number} {state}" for state, number in sorted(states.items())]
    wanting = sum(1 for line in lines if any(i["required"] for i in line.get("missing", ())))
    if wanting:
        parts.append(f"{wanting} with required records missing")
    return f"sync: {len(lines)} requests: {', '.join(parts) or 'none'} (exit {exit_code})"
