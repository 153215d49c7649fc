"""The JSON Schemas in docs/, made from the classes: `python -m tests.schemas` writes them anew."""

import json
from pathlib import Path
from typing import Any

from connector.case import State
from connector.config import Config
from connector.push.evidence.receipt import Receipt
from connector.request import Request
from connector.store.mapped.coverage import Line
from connector.store.status.standing import Standing

DOCS = Path(__file__).parent.parent / "docs"
VERSION = "1"


def schemas() -> dict[str, dict[str, Any]]:
    """File name → schema."""
    return {
        "request.schema.json": _of(Request.model_json_schema(), "A second opinion asked for"),
        "config.schema.json": _of(Config.model_json_schema(), "connector.toml"),
        "receipt.schema.json": _of(Receipt.model_json_schema(), "receipt.json: proof of arrival"),
        "case.schema.json": _of(_case(), "What transfer --json and show --json print"),
        "sync.schema.json": _of(_sync(), "What sync --json prints"),
        "status.schema.json": _of(_status(), "What status --json prints"),
    }


def _of(schema: dict[str, Any], title: str) -> dict[str, Any]:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "x-version": VERSION,
    }
    return {**schema, **head}


# docs/json-output.md promises that fields may be added: so none that is unknown is refused.
_TEXT, _NUMBER, _TRUTH = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_MAYBE = {"type": ["string", "null"]}


def _row(**columns: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": columns, "required": list(columns)}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "null"}, schema]}


_END = _or_null(_row(name=_TEXT, environment=_TEXT, base=_TEXT))


def _sync() -> dict[str, Any]:
    """Of a request that could be worked on, a case as well; of another, why not."""
    case = {**_case(), "properties": {**_case()["properties"], "file": _TEXT}}
    problem = _row(file=_TEXT, error=_TEXT, what_to_do=_TEXT, exit_code=_NUMBER)
    problem["properties"] |= {"request_id": _MAYBE, "missed": _TRUTH}
    problem["properties"] |= {"needed_by": _MAYBE, "meeting": _MAYBE, "due_at": _MAYBE}
    case["required"] = ["file", *case["required"]]
    lines = {"type": "array", "items": {"anyOf": [case, problem]}}
    return _row(exit_code=_NUMBER, requests=lines)


def _status() -> dict[str, Any]:
    line = _row(
        case=_TEXT, request_id=_MAYBE, request_file=_MAYBE, destination=_END, needed_by=_TEXT,
        meeting=_MAYBE, due_at=_TEXT, state=_TEXT, missed=_TRUTH, closed=_TRUTH,
        exit_code=_NUMBER, error=_TEXT,
    )  # fmt: skip
    return {"type": "array", "items": line}


def _case() -> dict[str, Any]:
    text, number, truth, maybe = _TEXT, _NUMBER, _TRUTH, _MAYBE

    def table(**columns: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": _row(**columns)}

    names = {"type": "array", "items": text}
    taken_back = table(
        how={"enum": ["cancel", "recall"]}, by=text, at=text, left=names, report=maybe,
        fates={"type": "object", "additionalProperties": number},
    )["items"]  # fmt: skip
    since = table(
        looked_at=maybe, unread=text, undecided=number, runs_out_at=maybe, runs_out=number,
        records=table(record=text, there=text, rule=text, reason=text, kept_by=maybe),
        taken_back=table(record=text, by=text, at=text),
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
        "held_by": table(code=text, record=text, rule=text, label=text, consent=text, because=text),
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
        "update": _or_null(update),
        "withheld_since": _or_null(since),
        "taken_back": _or_null(taken_back),
        "patient_chosen": _or_null(chosen),
        "source": _END,
        "destination": _END,
        "missed": truth,
        "copies_unseen": truth,
        "edit_waits": truth,
        "late_minutes": {"type": ["integer", "null"]},
        "closed": _or_null(_row(by=text, at=text)),
    }
    rest = [name for name in Standing.__slots__ if name not in properties]
    properties |= dict.fromkeys(rest, maybe)
    return {
        "type": "object",
        "properties": properties,
        "required": list(Standing.__slots__),
    }


if __name__ == "__main__":
    for name, schema in schemas().items():
        (DOCS / name).write_text(json.dumps(schema, indent=2) + "\n")
