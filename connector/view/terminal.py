"""What a person reads on a terminal: lines of text from plain values."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..gap import GapKind
from .outline import KINDS, elements_line, independence, where, withheld_since
from .tables import until

_EDIT_WAITS = "the edited request is taken up when the packet that is on its way has arrived"
_TAKEN_BACK = {"cancel": "Cancelled", "recall": "Recalled"}


def standing(values: dict[str, Any], *, now: datetime) -> list[str]:
    """How a case stands, from `Standing.as_json()`."""
    lines = [f"Case {values['case']}: {values['state']}", *_of_what(values)]
    if values["needed_by"]:
        lines.append(f"Needed by {values['needed_by']} ({until(values, now)})")
    if closed := values["closed"]:
        lines.append(f"Closed by {closed['by']} at {closed['at']}: nobody waits for it any more")
    counts = values["counts"]
    if counts["pulled"]:
        lines.append(
            f"Pulled {counts['pulled']}: {counts['selected']} selected,"
            f" {counts['not_selected']} not selected, {counts['withheld']} withheld,"
            f" {counts['entered_in_error']} entered in error, {counts['merged']} merged"
        )
    if values["coverage"]:
        lines.append(elements_line(values["coverage"]))
    if counts["sent"]:
        lines.append(_arrived(counts))
        places = [values[name] for name in ("service_request", "task", "patient") if values[name]]
        lines += [f"  {place}" for place in places]
    if counts["theirs"]:
        lines.append(f"Theirs by now, changed or deleted there, and left so: {counts['theirs']}")
    if values["edit_waits"]:
        lines.append(_EDIT_WAITS.capitalize())
    if values["copies_unseen"]:
        lines.append(
            "Not known: whether copies of our records stand there; it refuses such a search"
        )
    if update := values["update"]:
        when = f"told at {update['told_at']}" if update["told_at"] else "not told yet"
        lines.append(f"Update {update['number']}: {when}")
    if chosen := values["patient_chosen"]:
        differs = f", differing in: {', '.join(chosen['differs'])}" if chosen["differs"] else ""
        lines.append(f"{chosen['patient']} chosen by {chosen['by']} at {chosen['at']}{differs}")
    lines += withheld_since(values["withheld_since"])
    if back := values["taken_back"]:
        lines.append(f"{_TAKEN_BACK[back['how']]} by {back['by']} at {back['at']}")
        lines += [f"  their {name} still asks: they changed it" for name in back["left"]]
        lines += [f"  {number} {fate}" for fate, number in back["fates"].items()]
    elif values["packet_hash"]:
        lines += missing(values["missing"], values["needed_by"])
        lines += settled(values["settled"])
    else:  # nothing found missing would sound like nothing missing
        lines.append("Missing: not compared with the checklist yet")
    lines += gaps(values["gaps"])
    lines += independence(values)
    if values["changes"]:
        lines.append("Since the pull before:")
        lines += [f"  {c['records']} {c['type']} {c['how']}" for c in values["changes"]]
    lines += [
        f"{name.capitalize()}: {values[name]}" for name in ("packet", "receipt") if values[name]
    ]
    lines += held_by(values["held_by"])
    for reason in values["reasons"]:
        lines.append(f"Exit {reason['exit_code']}: {reason['why']}")
        if reason["what_to_do"]:
            lines.append(f"  {reason['what_to_do']}")
    return lines


def held_by(causes: Iterable[dict[str, str]]) -> list[str]:
    """The records, rules, labels and consents that hold a case. Never for a log."""
    lines = []
    for cause in causes:
        rest = {"record": cause["because"], "rule": "", "label": ""}
        text = cause["record"] or cause["consent"]
        text += f": {cause['code']} [{cause['rule']}]" if cause["rule"] else f": {cause['code']}"
        text += f", label {cause['label']}" if cause["label"] else ""
        text += f", denied by {cause['consent']}" if cause["record"] and cause["consent"] else ""
        text += f", because of {follows(rest)}" if cause["because"] else ""
        lines.append(f"  {text}")
    return ["Held by (for you only):", *lines] if lines else []


def follows(cause: dict[str, str]) -> str:
    """A record from which a decision follows, with its own rule and label where there are."""
    rule = f" [{cause['rule']}]" if cause["rule"] else ""
    return f"{cause['record']}{rule}" + (f", label {cause['label']}" if cause["label"] else "")


def _of_what(values: dict[str, Any]) -> list[str]:
    """Which request, from where, to where, for which meeting."""
    lines = [f"Request {values['request_id']}"] if values["request_id"] else []
    if lines and values["request_file"]:
        lines[0] += f" ({values['request_file']})"
    lines += [
        f"{end.capitalize()}: {where(values[end])}"
        for end in ("source", "destination")
        if values[end]
    ]
    if values["adopted_at"]:
        lines.append(
            f"  both as the configuration had them at {values['adopted_at']}: an older program kept"
            " ids only"
        )
    return lines + ([f"Meeting {values['meeting']}"] if values["meeting"] else [])


def _proved(counts: dict[str, int]) -> str:
    if not counts["accepted"]:
        return f"{counts['verified']} of {counts['sent']} verified"
    return f"{counts['accepted']} of {counts['sent']} taken, not read back"


def _arrived(counts: dict[str, int]) -> str:
    if not counts["accepted"]:
        return f"Arrived {counts['verified']} of {counts['sent']}, read back and compared"
    return f"Accepted {counts['accepted']} of {counts['sent']}, not read back"


_AIMED = {
    "deleted": "would be deleted",
    "marked": "would be emptied and marked entered-in-error",
    "gone": "is not there any more",
    "kept": "stays",
    "remains": "stays; the people there have to remove it",
}


def fates(rows: Iterable[dict[str, str]]) -> list[str]:
    """What a recall would do with each resource: what stays by its place, the rest counted."""
    listed = list(rows)
    counts = Counter(row["fate"] for row in listed)
    lines = [f"{number:6} {_AIMED[fate]}" for fate, number in sorted(counts.items())]
    stays = [row for row in listed if row["fate"] in ("kept", "marked", "remains")]
    return lines + [f"  {row['there']}: {row['fate']} ({row['why']})" for row in stays]


def _first_doubt(doubts: list[str]) -> list[str]:
    """In a line for a log: why the second team may not be another one, and how many reasons."""
    more = f" ({len(doubts) - 1} more: `connector show`)" if len(doubts) > 1 else ""
    return [f"  Independence: {doubts[0]}{more}"] if doubts else []


def missing(items: Iterable[dict[str, Any]], due: str | None) -> list[str]:
    """What the checklist wants and nobody gave, with whom to ask, by when. Required first."""
    ordered = sorted(items, key=lambda item: not item["required"])
    if not ordered:
        return ["Missing: nothing that the checklist asks for"]
    lines = [f"Missing, to be had by {due}:" if due else "Missing:"]
    for item in ordered:
        need = "REQUIRED" if item["required"] else item["need"]
        found = item["why"] or KINDS.get(item["kind"], item["kind"])
        lines.append(f"  {need} {item['item']}: {found}")
        if item["ask"]:
            lines.append(f"    {item['ask']}")
    return lines


def settled(items: Iterable[dict[str, Any]]) -> list[str]:
    """What the chart has not and nobody waits for, with the reason."""
    lines = [f"  {item['item']}: {item['why']}" for item in items]
    return ["Settled without the chart:", *lines] if lines else []


def gaps(found: Iterable[dict[str, Any]]) -> list[str]:
    """What the source was asked for and did not give."""
    lines = [
        f"  {gap['what']}: {KINDS.get(gap['kind'], gap['kind'])}: {gap['why']}"
        + (" (expected)" if gap["expected"] else "")
        for gap in found
    ]
    return ["Gaps:", *lines] if lines else []


_REASONS = 2  # of them a line of cron tells; `show` tells all


def brief(values: dict[str, Any]) -> str:
    """A case in a few lines, for cron: how it stands, why, the exit code, and what to do."""
    reasons = values["reasons"][:_REASONS]
    name = values["case"] + (f" ({values['request_id']})" if values["request_id"] else "")
    goal = f" to {values['destination']['name']}" if values["destination"] else ""
    text = f"{name}{goal} {values['state']}: {_proved(values['counts'])}"
    if values["missed"]:  # the loudest of all
        text += f"; {reasons.pop(0)['why']}"
        reasons = values["reasons"][1 : 1 + _REASONS]
    wanting = [item["item"] for item in values["missing"] if item["required"]]
    if wanting and not values["taken_back"]:
        text += f"; missing {', '.join(wanting)}"
    counted = (
        g for g in values["gaps"] if not g["expected"] and g["kind"] != GapKind.SEARCHED_NONE
    )
    broken = sorted({gap["what"] for gap in counted})
    if broken:
        text += f"; gaps {', '.join(broken)}"
    text += "".join(f"; {reason['why']}" for reason in reasons)
    if values["edit_waits"]:
        text += f"; {_EDIT_WAITS}"
    if closed := values["closed"]:
        text += f"; closed by {closed['by']}"
    lines = [f"{text} (exit {values['exit_code']})", *_first_doubt(values["independence"])]
    told = values["reasons"][: _REASONS + 1]
    return "\n".join([*lines, *(f"  {r['what_to_do']}" for r in told if r["what_to_do"])])


def failed(values: dict[str, Any], now: datetime) -> str:
    """A request that could not be worked on, for cron: how late it is, why, and what to do."""
    late = (
        values.get("missed") and f"{until(values, now)}: nothing was delivered when it was needed"
    )
    name = f"({values['request_id']}) " if values.get("request_id") else ""
    lines = [f"{name}{f'{late}; ' if late else ''}{values['error']} (exit {values['exit_code']})"]
    if late:
        lines.append("  Call the other team.")
    return "\n".join([*lines, f"  {values['what_to_do']}"])
