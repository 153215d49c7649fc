"""The demo: a synthetic patient, two sandboxes on this machine, the whole way once."""

import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from .. import yamlfile
from ..config import Config
from ..errors import UsageError
from ..fhir.lossless import decode, encode
from ..request import Request

FOLDER = Path(__file__).parent.parent / "demo"
_MARK = ".connector-demo"
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(?=$|T)")
# All dates of chart and request are written as if today were this day (demo/README.md).
_WRITTEN_FOR = date(2026, 11, 22)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo carries: the Bundle to load, and the request."""

    bundle: bytes
    request: Request


def prepare(today: date, *, incomplete: bool) -> Demo:
    """The demo's chart and request, moved by whole weeks (weekdays stay) to where `today` is.

    `incomplete`: the records named in demo/incomplete.yaml are left out of the chart.
    """
    chart = decode((FOLDER / "chart.json").read_bytes())
    if incomplete:
        names = yamlfile.read(FOLDER / "incomplete.yaml")[0]["leave_out"]
        chart["entry"] = [entry for entry in chart["entry"] if _name(entry) not in names]
    days = (today - _WRITTEN_FOR).days // 7 * 7
    value, lines = yamlfile.read(FOLDER / "request.yaml")
    request = yamlfile.load(Request, _moved(value, days), lines, "request.yaml")
    return Demo(encode(_moved(chart, days)), request)


def config(source_url: str, destination_url: str, folder: Path) -> Config:
    """Two test ends with fresh ids."""
    values: dict[str, Any] = {
        "sources": {
            "home": {
                "id": str(uuid.uuid4()),
                "base_url": source_url,
                "environment": "test",
                "organization": {"name": "Berkshire Medical Center"},
                "telecom": {"phone": "555-0142"},
            }
        },
        "destinations": {
            "clinic": {
                "id": str(uuid.uuid4()),
                "base_url": destination_url,
                "environment": "test",
                "new_patient": "create",
                "release": "auto",
            }
        },
        "store": {"path": str(folder.resolve())},
    }
    return yamlfile.load(Config, values, {}, "the demo's configuration")


def fresh_folder(folder: Path) -> None:
    """Make `folder` empty. `UsageError` if it is there and was not made by a demo."""
    if folder.exists():
        if not (folder / _MARK).exists():
            raise UsageError(
                f"{folder}: is there, and no demo made it", "Move it away, or run elsewhere."
            )
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    (folder / _MARK).touch()


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['resource']['resourceType']}/{entry['resource']['id']}"


def _moved(value: Any, days: int) -> Any:
    if isinstance(value, dict):
        # A patient does not get younger or older by being shown on another day.
        return {k: v if k == "birthDate" else _moved(v, days) for k, v in value.items()}
    if isinstance(value, list):
        return [_moved(item, days) for item in value]
    if isinstance(value, str) and (match := _DATE.match(value)):
        day = date.fromisoformat(match[0]) + timedelta(days=days)
        return day.isoformat() + value[match.end() :]
    return value
