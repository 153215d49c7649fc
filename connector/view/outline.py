"""What would leave, to whom and why, as a person reads it before they approve it."""

from collections import defaultdict
from collections.abc import Iterable
from textwrap import TextWrapper
from typing import Any

from ..gap import GapKind, ItemKind

# Kinds of checklist items and gaps in a reader's words.
KINDS: dict[str, str] = {
    GapKind.SEARCHED_NONE: "searched, none found",
    GapKind.NOT_ASKED: "not asked for",
    ItemKind.NOT_RECOGNISED: "not recognised; it may be among those of unknown kind",
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


def where(end: dict[str, str]) -> str:
    """One end of the way: what it is called, test or production, and its address."""
    return f"{end['name']}, {end['environment']}, {end['base']}"


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
    lines += before_approval(values)
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


def before_approval(values: dict[str, Any]) -> list[str]:
    """What a person has to know of the patient, and which records they have to look at."""
    people = [f"Look again: {line}" for line in values.get("people", [])]
    return people + _unknown(values.get("unknown", []))


def _unknown(found: list[dict[str, Any]]) -> list[str]:
    """Reports and documents that no kind knows, each group with the number to include it by."""
    lines = []
    for each in found:
        number = len(each["records"])
        days = each["last"] or "undated"
        if each["first"] and each["first"] != each["last"]:
            days = f"{each['first']} to {each['last']}"
        by = f", {each['author']}" if each["author"] else ""
        how = "leaves" if each["leave"] else "stays"
        lines.append(f"  {each['number']}  {number} x {each['title']}, {days}{by}: {how}")
    if not lines:
        return []
    return ["Reports and documents of unknown kind (`include` takes the number):", *lines]


_BY = {
    "label": "labelled so at the source",
    "guess": "a guess from codes and words",
    "link": "with the code of a withheld record, or named by one",
    "text": "in its text: documents are not changed",
}


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


def elements_line(counts: dict[str, int]) -> str:
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
    lines = [elements_line({name: sum(line[name] for line in elements) for name in _COUNTED})]
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
        found = KINDS.get(item["kind"], item["kind"])
    return f"  {item['need']:12} {item['title']}: {found}"
