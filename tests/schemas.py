"""The JSON Schemas in docs/, made from the classes: `python -m tests.schemas` writes them anew."""

import json
from pathlib import Path
from typing import Any

from connector.case import State
from connector.config import Config
from connector.push.receipt import Receipt
from connector.request import Request
from connector.store.coverage import Line
from connector.store.standing import Standing

DOCS = Path(__file__).parent.parent / "docs"
VERSION = "1"


def schemas() -> dict[str, dict[str, Any]]:
    """File name → schema."""
    return {
        "request.schema.json": _of(Request.model_json_schema(), "A second opinion asked for"),
        "config.schema.json": _of(Config.model_json_schema(), "connector.toml"),
        "receipt.schema.json": _of(Receipt.model_json_schema(), "receipt.json: proof of arrival"),
        "case.schema.json": _of(_case(), "What transfer --json and show --json print"),
    }


def _of(schema: dict[str, Any], title: str) -> dict[str, Any]:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "x-version": VERSION,
    }
    return {**schema, **head}


def _case() -> dict[str, Any]:
    text, number, truth = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
    maybe = {"type": ["string", "null"]}

    def table(**columns: dict[str, Any]) -> dict[str, Any]:
        row = {
            "type": "object",
            "properties": columns,
            "required": list(columns),
            "additionalProperties": False,
        }
        return {"type": "array", "items": row}

    names = {"type": "array", "items": text}
    taken_back = table(
        how={"enum": ["cancel", "recall"]}, by=text, at=text, left=names, report=maybe,
        fates={"type": "object", "additionalProperties": number},
    )["items"]  # fmt: skip
    update = table(number=number, told_at=maybe)["items"]
    chosen = table(patient=text, by=text, at=text, differs=names)["items"]
    counted = ("pulled", "selected", "not_selected", "withheld", "entered_in_error", "merged")
    counts = dict.fromkeys((*counted, "sent", "accepted", "verified", "theirs"), number)
    properties: dict[str, Any] = {
        "case": text,
        "state": {"enum": [state.value for state in State]},
        "exit_code": number,
        "reasons": table(exit_code=number, code=text, why=text, what_to_do=text),
        "counts": {**table(**counts)["items"]},
        "coverage": {**table(**dict.fromkeys(Line._fields[1:], number))["items"]}
        | {"type": ["object", "null"]},
        "missing": table(
            item=text, need=text, required=truth, kind=text, why=text, ask=text, due=maybe
        ),
        "settled": table(item=text, kind=text, why=text),
        "gaps": table(what=text, kind=text, why=text, expected=truth),
        "changes": table(type=text, how=text, records=number),
        "independence": {"type": "array", "items": text},
        "independence_unseen": {"type": "array", "items": text},
        "update": {"anyOf": [{"type": "null"}, update]},
        "taken_back": {"anyOf": [{"type": "null"}, taken_back]},
        "patient_chosen": {"anyOf": [{"type": "null"}, chosen]},
    }
    rest = [name for name in Standing.__slots__ if name not in properties]
    properties |= dict.fromkeys(rest, maybe)
    return {
        "type": "object",
        "properties": properties,
        "required": list(Standing.__slots__),
        "additionalProperties": False,
    }


if __name__ == "__main__":
    for name, schema in schemas().items():
        (DOCS / name).write_text(json.dumps(schema, indent=2) + "\n")
