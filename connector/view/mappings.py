"""What `connector mappings` tells: lines of text from plain values."""

from collections.abc import Iterator
from typing import Any

from . import terminal

_OWN = "a rule of the program (docs/mappings.md)"
_MAP_AGAIN = "The packet was made with another mapping set: `connector map` makes it anew."


def explained(values: dict[str, Any], *, by_record: bool) -> Iterator[str]:
    """Why the records of a case leave or stay, by rule or one by one."""
    held = "" if values["packet"] else ", no packet: the case is held"
    yield f"Case {values['case']}: {len(values['records'])} records{held}"
    yield from terminal.held_by(values["held_by"])
    if not values["same_set"]:
        yield _MAP_AGAIN
    if by_record:
        for record in values["records"]:
            yield f"{record['record']}: {record['outcome']} [{record['rule']}]"
            yield from _because(record)
            if record["label"]:
                yield f"  label {record['label']}"
            yield from (f"  because of {terminal.follows(each)}" for each in record["because"])
            if ruling := record["ruling"]:
                yield f"  {ruling['how']} by {ruling['by']} at {ruling['at']}: {ruling['reason']}"
            for kind, how in record.get("kinds", {}).items():
                yield f"  is of the kind {kind}, known by its {how}"
            if held := record.get("inside"):
                yield f"  holds {', '.join(f'{number} {name}' for name, number in held.items())}"
            if record["items"]:
                yield f"  answers {', '.join(record['items'])}"
            for change in record.get("changes", ()):
                yield f"  {change['what']} at {change['path']} [{change['rule']}]"
                yield f"    {change['where'] or _OWN}"
        return
    for rule in values["rules"]:
        yield f"{rule['records']} {rule['outcome']} [{rule['rule']}]"
        yield from _because(rule)


def _because(values: dict[str, Any]) -> Iterator[str]:
    yield f"  {values['reason']}"
    yield f"  {values['where'] or _OWN}"
