"""Each item's records taken away from a chart that has all: is it told, and whom to ask?"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.clinic.charts import Complete, Resource, key
from benchmarks.clinic.program import Seen, ask, ask_all

_NEEDED = ("required", "recommended")
# How an item is told that is there, or comes another way: images, slides.
_THERE = ("present", "not-asked", "sent-separately")
_NAMES = ("name", "telecom", "address", "birthDate", "identifier")


@dataclass
class Removed:
    """One chart: how many items, how many of them were told when their records were gone."""

    name: str
    case_type: str
    items: int = 0
    told: int = 0
    wrong: list[str] = field(default_factory=list)


def remove_each(chart: Complete, only: frozenset[str] = frozenset()) -> Removed:
    """`only`: just these items."""
    found = Removed(chart.name, chart.case_type)
    whole = ask(chart.records, chart.request)
    if whole.problem:
        found.wrong.append(f"{chart.case_type}: no packet: {whole.problem}")
        return found
    without: dict[str, frozenset[str]] = {}
    for item in whole.items.values():
        own = _records_of(item["item"], chart, whole)
        if own and item["kind"] not in _THERE:
            found.wrong.append(
                f"{chart.case_type}: {item['item']}: {item['kind']} in a whole chart"
            )
        if item["need"] in _NEEDED and (not only or item["item"] in only):
            without[item["item"]] = own
    seen = ask_all(
        (
            (_rest(chart.records, gone), _request(chart, name, gone))
            for name, gone in without.items()
        ),
        explain=False,
    )
    for (name, gone), after in zip(without.items(), seen, strict=True):
        found.items += 1
        item = after.items.get(name, {})
        if after.problem:
            found.wrong.append(f"{chart.case_type}: {name}: no packet: {after.problem}")
        elif name in after.missing and after.missing[name]["ask"]:
            found.told += 1
        else:
            again = ask(_rest(chart.records, gone), _request(chart, name, gone))
            by = [record for record in again.explained if name in again.answers(record)]
            found.wrong.append(
                f"{chart.case_type}: {name}: told as {item.get('kind')} without"
                f" {', '.join(sorted(gone)) or 'any record of it'}, by {', '.join(by) or 'none'}"
            )
    return found


def _records_of(item: str, chart: Complete, whole: Seen) -> frozenset[str]:
    """The record that the chart names for an item or whose id is the item's, else all answers."""
    own = {key(r) for r in chart.records if r["id"] == item} | {chart.items.get(item, "")} - {""}
    return frozenset(own or (r for r in whole.explained if item in whole.answers(r)))


def _rest(records: Iterable[Resource], gone: frozenset[str]) -> list[Resource]:
    """Of a Patient who has to go, all that says who it is."""
    return [
        {name: value for name, value in record.items() if name not in _NAMES}
        if record["resourceType"] == "Patient" and key(record) in gone
        else record
        for record in records
        if record["resourceType"] == "Patient" or key(record) not in gone
    ]


def _request(chart: Complete, item: str, gone: frozenset[str]) -> dict[str, Any]:
    """The request without what is gone; nor is the item said to come another way."""
    request = dict(chart.request)
    if request.get("condition") in gone:
        del request["condition"]
    for name in ("first_opinion", "hinge"):
        request[name] = [record for record in request.get(name, ()) if record not in gone]
    apart = request.get("sent_separately", ())
    request["sent_separately"] = [each for each in apart if each["item"] != item]
    return request
