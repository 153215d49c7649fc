"""Charts in which it is known what has to be found, read from files with the standard library."""

import gzip
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.real.charts import FIXTURES as CHARTS
from tests.real.charts import MORE_CHARTS, chart_files

Resource = dict[str, Any]

CLINIC = Path(__file__).resolve().parents[2] / "fixtures" / "clinic"
# Further folders laid out as fixtures/clinic is.
MORE = "CONNECTOR_CLINIC"
# The small chart that a case is planted into when it names none.
SMALL = "small.json"
# The day for which the complete charts are written.
_WRITTEN_FOR = "2026-12-01"
_DATE = re.compile(r"(\d{4}-\d\d(?:-\d\d)?)(T\S+)?")


@dataclass(frozen=True)
class Case:
    """One file of cases/: a chart, what was planted into it, the request, what is expected."""

    name: str
    records: tuple[Resource, ...]  # of the whole chart
    request: dict[str, Any]
    expect: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]  # records to be listed as of unknown kind
    people: tuple[str, ...]  # words of what is to be told of the patient before approval
    not_answers: tuple[tuple[str, str], ...]  # item, and the record that is no answer to it


@dataclass(frozen=True)
class Complete:
    """One file of complete/: a chart that answers every item of its kind of case."""

    name: str
    case_type: str
    records: tuple[Resource, ...]
    request: dict[str, Any]
    items: dict[str, str]  # item → the record that answers it, where the file says so


def folders() -> list[Path]:
    """The project's own, then those of $CONNECTOR_CLINIC."""
    return [CLINIC, *(Path(name) for name in os.environ.get(MORE, "").split(os.pathsep) if name)]


def cases(folder: Path) -> list[Case]:
    return [_case(path) for path in sorted((folder / "cases").glob("*.json"))]


def complete(folder: Path) -> Iterator[Complete]:
    """By kind of case; `complete.json` beside is one chart for the five that came first."""
    for path in sorted((folder / "complete").glob("*.json")):
        if not path.stem.endswith(".items"):
            beside = path.with_suffix(".items.json")
            yield _complete(path, path.stem, read(beside) if beside.exists() else {})
    if (both := folder / "complete.json").exists():
        for case_type in ("general", "oncology", "cardiology", "neurology", "orthopaedics"):
            yield _complete(both, case_type, {})


def real_looking() -> Iterator[tuple[str, tuple[Resource, ...]]]:
    """The whole charts of fixtures/charts and of $CONNECTOR_CHARTS, the smallest first."""
    return map(whole, chart_files())


def whole(path: Path) -> tuple[str, tuple[Resource, ...]]:
    """A chart file: its name, and its records."""
    return f"{path.parent.name}/{path.name.split('_')[0]}", _resources(read(path))


def read(path: Path) -> Any:
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def key(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def patient(records: Iterable[Resource]) -> str:
    return next(str(r["id"]) for r in records if r["resourceType"] == "Patient")


def _case(path: Path) -> Case:
    values = read(path)
    base = _resources(values.get("chart_bundle") or read(_base(values.get("chart", SMALL), path)))
    if "patient" in values:
        base = tuple(
            {**r, "id": values["patient"]} if r["resourceType"] == "Patient" else r for r in base
        )
    records = (*base, *values["records"])
    if "as_of" in values:
        records = moved(records, values["as_of"])
    request = {
        name: values[name]
        for name in ("case_type", "key_question", "question", "condition", "scope", "include")
        if name in values
    }
    for name in ("hinge", "first_opinion"):
        if name in values:
            request[name] = _listed(values[name])
    return Case(
        path.stem,
        records,
        request | {"patient": {"id": patient(records)}},
        tuple(values.get("expect", ())),
        tuple(values.get("expect_missing", ())),
        tuple(values.get("expect_unknown", ())),
        tuple(values.get("expect_people", ())),
        tuple(
            (item, record)
            for item, named in values.get("must_not_answer", {}).items()
            for record in ([named] if isinstance(named, str) else named)
        ),
    )


def _listed(names: str | Sequence[str]) -> list[str]:
    """Also of a list written as text: `[DiagnosticReport/1, Observation/2]`."""
    if isinstance(names, str):
        return [name.strip() for name in names.strip("[]").split(",")]
    return list(names)


def _base(name: str, case: Path) -> Path:
    roots = [case.parent.parent, CLINIC, CHARTS]
    roots += [Path(more) for more in [os.environ.get(MORE_CHARTS)] if more]
    for root in roots:
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"{case}: no chart {name} (fixtures/charts, ${MORE_CHARTS})")


def _complete(path: Path, case_type: str, beside: dict[str, Any]) -> Complete:
    records = _resources(read(path))
    if beside:
        records = moved(records, _WRITTEN_FOR)
    folder = path.parent.parent if path.parent.name == "complete" else path.parent
    asked = {"key_question": "treatment", "question": "What now?", "case_type": case_type}
    request = asked | beside.get("request", {}) | {"patient": {"id": patient(records)}}
    return Complete(folder.name, case_type, records, request, beside.get("items", {}))


def _resources(bundle: dict[str, Any] | list[Resource]) -> tuple[Resource, ...]:
    if isinstance(bundle, list):
        return tuple(bundle)
    ids = {
        entry["fullUrl"]: key(entry["resource"])
        for entry in bundle["entry"]
        if entry.get("fullUrl", "").startswith("urn:uuid:")
    }
    return tuple(_pointed(entry["resource"], ids) for entry in bundle["entry"])


def _pointed(value: Any, ids: dict[str, str]) -> Any:
    """References to an entry of the same file as `Type/id`."""
    if isinstance(value, dict):
        return {
            name: ids.get(item, item)
            if name == "reference" and isinstance(item, str)
            else _pointed(item, ids)
            for name, item in value.items()
        }
    return [_pointed(item, ids) for item in value] if isinstance(value, list) else value


def moved(records: Sequence[Resource], written_for: str) -> tuple[Resource, ...]:
    """All dates as many days later as have passed since the day for which they were written."""
    days = (date.today() - date.fromisoformat(written_for)).days
    return tuple(_later(record, days) for record in records)


def _later(value: Any, days: int) -> Any:
    if isinstance(value, dict):
        return {name: _later(item, days) for name, item in value.items()}
    if isinstance(value, list):
        return [_later(item, days) for item in value]
    if isinstance(value, str) and (found := _DATE.fullmatch(value)):
        day = found[1] if len(found[1]) == 10 else f"{found[1]}-15"
        after = (date.fromisoformat(day) + timedelta(days)).isoformat()
        return after[: len(found[1])] + (found[2] or "")
    return value
