"""What a person reads on a terminal: lines of text from plain values."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from textwrap import TextWrapper
from typing import Any

from ..deadline import span, zone_of
from ..gap import GapKind, ItemKind

# Kinds of checklist items and gaps in a reader's words.
_KINDS: dict[str, str] = {
    GapKind.SEARCHED_NONE: "searched, none found",
    GapKind.NOT_ASKED: "not asked for",
    ItemKind.PRELIMINARY: "there, but only preliminary",
    ItemKind.EMPTY: "there, but without readable content",
    ItemKind.REFUTED: "there, but it says that it is not so",
    GapKind.REFUSED: "the server refused",
    GapKind.FAILED: "the server failed",
    GapKind.UNSUPPORTED: "the server does not offer it",
    GapKind.REJECTED: "the destination did not take it",
    ItemKind.SUPPLIED: "supplied with the request",
    ItemKind.SENT_SEPARATELY: "sent another way",
}

_LIST = TextWrapper(
    100, initial_indent="    ", subsequent_indent="    ",
    break_long_words=False, break_on_hyphens=False,
)  # fmt: skip


_NOTE = TextWrapper(100, initial_indent="  ", subsequent_indent="  ")

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
        lines.append(_coverage(values["coverage"]))
    if counts["sent"]:
        lines.append(_arrived(counts))
        places = [values[name] for name in ("service_request", "task", "patient") if values[name]]
        lines += [f"  {place}" for place in places]
    if counts["theirs"]:
        lines.append(f"Theirs by now, changed or deleted there, and left so: {counts['theirs']}")
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


def where(end: dict[str, str]) -> str:
    """One end of the way: what it is called, test or production, and its address."""
    return f"{end['name']}, {end['environment']}, {end['base']}"


def _proved(counts: dict[str, int]) -> str:
    if not counts["accepted"]:
        return f"{counts['verified']} of {counts['sent']} verified"
    return f"{counts['accepted']} of {counts['sent']} taken, not read back"


def _arrived(counts: dict[str, int]) -> str:
    if not counts["accepted"]:
        return f"Arrived {counts['verified']} of {counts['sent']}, read back and compared"
    return f"Accepted {counts['accepted']} of {counts['sent']}, not read back"


def withheld_since(found: dict[str, Any] | None) -> list[str]:
    """What of ours stands there and would be withheld now. For the person who decides only."""
    if found is None:
        return []
    lines = []
    if found["records"]:
        lines.append("At the destination, and would be withheld now (for you only):")
    for each in found["records"]:
        said = f"; may stay, says {each['kept_by']}" if each["kept_by"] else ""
        at = f" at {each['there']}" if each["there"] else ""
        lines.append(f"  {each['record']}{at}: {each['reason']} [{each['rule']}]{said}")
    if found["runs_out"]:
        lines.append(
            f"From {found['runs_out_at']} on, by the consents, {found['runs_out']} of our records"
            " there would be withheld"
        )
    lines += [
        f"Taken back by {each['by']} at {each['at']}: {each['record']}"
        for each in found["taken_back"]
    ]
    if found["unread"]:
        lines.append(f"The consents could not be read again: {found['unread']}")
    return lines


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


def outline(values: dict[str, Any], stands: dict[str, Any], *, ids: bool = True) -> list[str]:
    """What would leave, to whom, why, what stays, and the hash to approve.

    `values`: from the map step's Outline; `stands`: `Standing.as_json()`. `ids`: whether withheld
    records may be named: on a person's terminal.
    """
    counts = values["counts"]
    lines = [f"{counts['selected']} of {counts['pulled']} records would leave:"]
    lines += [f"  from {where(stands['source'])}", f"  to   {where(stands['destination'])}"]
    lines += [_tally(tally) for tally in values["leaving"]]
    if values["staying"]:
        lines += ["They stay:", *(_tally(tally) for tally in values["staying"])]
    if values["withheld"]:
        lines.append(
            f"Withheld ({len(values['withheld'])}; for you only, the packet does not say):"
        )
        lines += [_withheld(decision, ids) for decision in values["withheld"]]
        lines += [] if ids else ["  `connector mappings explain CASE Type` names them."]
    lines += _rulings(values.get("rulings", []), ids)
    lines += withheld_since(stands["withheld_since"])
    if values.get("documents"):
        lines.append("Files of this machine that go along:")
        lines += [
            f"  {d['for']}: {d['content_type']}, {d['size']} bytes, SHA-256 {d['hash']:.12}"
            for d in values["documents"]
        ]
    lines += values.get("basis", [])
    lines += _sensitive(values.get("sensitive") or {})
    lines += _changes(values["coverage"])
    lines.append("Checklist:")
    lines += [_item(item) for item in values["items"]]
    lines.append(f"Advice: {values['advice']}")
    lines += independence(values)
    lines += _asked(values.get("asked", []))
    lines += _news(values.get("news", {}))
    lines.append(f"Hash: {values['packet_hash']}")
    return lines


_BY = {"label": "labelled so at the source", "guess": "a guess from codes and words"}


def _sensitive(found: dict[str, Any]) -> list[str]:
    """The sensitive kinds that leave, so that a person can decide."""
    lines = []
    for each in found.get("kinds", ()):
        lines.append(f"  {each['kind']}: {len(each['records'])} ({_BY[each['by']]})")
        lines += _LIST.wrap(", ".join(each["records"]))
    if not lines:
        return []
    return [
        "Sensitive kinds that would leave (for you only; the packet does not say):",
        *lines,
        *_NOTE.wrap(found["caveat"]),
    ]


def _rulings(rows: Iterable[dict[str, str]], ids: bool) -> list[str]:
    """What persons decided of single records, whatever the rules say."""
    lines = []
    for row in rows:
        name = row["record"] if ids else row["record"].partition("/")[0]
        how = "released" if row["how"] == "release" else "kept"
        lines.append(f"  {name}: {how} by {row['by']} at {row['at']}")
        lines += [f"    {row['reason']}"] if ids else []
    return ["Decided by a person (for you only):", *lines] if lines else []


def _withheld(decision: dict[str, Any], ids: bool) -> str:
    name, because = decision["type"], decision.get("because", "")
    if ids:
        name += f"/{decision['id']}"
    else:
        because = because.partition("/")[0]
    follows = f", because of {because}" if because else ""
    return f"  {name}: {decision['reason']} [{decision['rule']}]{follows}"


def _first_doubt(doubts: list[str]) -> list[str]:
    """In a line for a log: why the second team may not be another one, and how many reasons."""
    more = f" ({len(doubts) - 1} more: `connector show`)" if len(doubts) > 1 else ""
    return [f"  Independence: {doubts[0]}{more}"] if doubts else []


def independence(values: dict[str, Any]) -> list[str]:
    """Why the second team may not be another one; if nothing says so, what could not be seen."""
    if values["independence"]:
        return [f"Independence: {doubt}" for doubt in values["independence"]]
    unseen = values["independence_unseen"]
    return [f"Independence: no doubt found. Not seen: {'; '.join(unseen)}."] if unseen else []


def _news(counts: dict[str, dict[str, int]]) -> list[str]:
    """What an update has that the packet before had not, or otherwise."""
    lines = [
        f"  {number:6} {name} {how}"
        for how, types in counts.items()
        for name, number in types.items()
    ]
    return ["Since the packet that was told:", *lines] if lines else []


_COUNTED = ("carried", "translated", "changed", "dropped", "untranslated")


def _coverage(counts: dict[str, int]) -> str:
    """What became of the elements of the records that leave, in one line."""
    return (
        f"Elements: {counts['carried']} carried, {counts['translated']} translated,"
        f" {counts['changed']} changed, {counts['dropped']} dropped,"
        f" {counts['untranslated']} codes untranslated"
    )


def _changes(coverage: dict[str, Any]) -> list[str]:
    """The elements that leave, what rules changed in them, and codes that no ConceptMap knew."""
    elements = coverage["elements"]
    changed = [
        f"  {change['records']:6} {change['path']}: {change['what']} [{change['rule']}]"
        for change in coverage["changes"]
    ]
    unknown = [
        f"  {line['untranslated']:6} {line['path']}" for line in elements if line["untranslated"]
    ]
    lines = [_coverage({name: sum(line[name] for line in elements) for name in _COUNTED})]
    lines += ["Changed in them:", *changed] if changed else []
    return lines + (["Codes that no ConceptMap knows:", *unknown] if unknown else [])


def _asked(queries: list[dict[str, Any]]) -> list[str]:
    """The search plan: what was asked of the source and what came, under the reason for it."""
    by_why: dict[str, list[str]] = defaultdict(list)
    for query in queries:
        came = "failed" if query["status"] == "failed" else str(query["records"])
        filled = f" (filled {query['filled']})" if query["filled"] else ""
        by_why[query["why"]].append(f"{query['what']} {came}{filled}")
    lines = ["Asked of the source, and records found:"] if queries else []
    for why, found in by_why.items():
        lines += [f"  {why}:", *_LIST.wrap(", ".join(found))]
    return lines


def _tally(tally: dict[str, Any]) -> str:
    return f"  {tally['count']:6} {tally['type']:22} {tally['reason']} [{tally['rule']}]"


def _item(item: dict[str, Any]) -> str:
    if item["kind"] == ItemKind.PRESENT:
        found = f"{item['records']} found"
    elif item["kind"] in (ItemKind.WAIVED, ItemKind.NOT_ASKED):
        found = item["why"]
    else:
        found = _KINDS.get(item["kind"], item["kind"])
    return f"  {item['need']:12} {item['title']}: {found}"


def missing(items: Iterable[dict[str, Any]], due: str | None) -> list[str]:
    """What the checklist wants and nobody gave, with whom to ask, by when. Required first."""
    ordered = sorted(items, key=lambda item: not item["required"])
    if not ordered:
        return ["Missing: nothing that the checklist asks for"]
    lines = [f"Missing, to be had by {due}:" if due else "Missing:"]
    for item in ordered:
        need = "REQUIRED" if item["required"] else item["need"]
        found = item["why"] or _KINDS.get(item["kind"], item["kind"])
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
        f"  {gap['what']}: {_KINDS.get(gap['kind'], gap['kind'])}: {gap['why']}"
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
