"""How a packet is read, as JSON in the case file: its sections as rows, and the first page.

From the same things as the Composition's narratives. References are in packet form.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ...request import Request
from ..chart.index import Row
from ..checklist.assess import Finding
from ..checklist.reported import Told
from ..checklist.supplied import Document
from ..ruleset.mappings import Mappings
from ..ruleset.release_rules import Notice
from .composition import after, words_of
from .front import choose
from .layout import Laid
from .things import Thing


def reading(
    laid: Sequence[Laid],
    rows: Sequence[Row],
    request: Request,
    findings: Sequence[Finding],
    documents: Sequence[Document],
    told: Told,
    mappings: Mappings,
    packet_reference: Callable[[str], str],
    notices: Sequence[Notice],
    unknown: Sequence[dict[str, Any]],
    advice: str,
    at: datetime,
) -> dict[str, Any]:
    """What the page is made of. `unknown`: groups of reports that no kind knows."""
    numbers: dict[int, str] = {}

    def row(thing: Thing) -> dict[str, Any]:
        name = numbers[id(thing)] = f"r{len(numbers) + 1}"
        return {
            "id": name,
            "title": thing.title,
            "finding": thing.finding,
            "status": thing.status,
            "first": thing.first,
            "last": thing.last,
            "times": len(thing.keys),
            "earlier": [list(pair) for pair in thing.earlier],
            "records": [packet_reference(key) for key in thing.keys],
        }

    def brought(document: Document) -> dict[str, Any]:
        line = document.line
        return {
            "id": f"d{document.id}", "title": line.title, "finding": line.finding,
            "status": line.status, "first": line.date, "last": line.date, "times": 1,
            "earlier": [], "records": [document.reference],
        }  # fmt: skip

    sections = [
        {
            "title": part.section.title,
            "text": words_of(part.section, request, told, notices),
            "rows": [
                *(brought(d) for d in documents if d.section == part.section.id),
                *map(row, part.things),
            ],
            "after": after(part, findings, told),
        }
        for part in laid
    ]
    front = choose(laid, rows, request, mappings, at)

    def ids(things: Sequence[Thing]) -> list[str]:
        return [numbers[id(thing)] for thing in things]

    names = (
        "diagnosis",
        "staged",
        "hinge",
        "plan",
        "shared",
        "allergies",
        "medications",
        "stopped",
        "watch",
    )
    return {
        "sections": sections,
        "front": {
            **{name: ids(getattr(front, name)) for name in names},
            "named": front.named,
            "bearing": [[title, ids(things)] for title, things in front.bearing],
            "missing": told.asks,
            "separately": told.separately,
            "unknown": [[g["title"], g["leave"]] for g in unknown if g["leave"]],
            "unknown_stay": sum(len(g["records"]) - g["leave"] for g in unknown),
            "advice": advice,
            "quoted": list(mappings.sections.front.quoted),
        },
    }
