"""The demo: a synthetic patient, two sandboxes on this machine, the whole way once."""

import re
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from .. import yamlfile
from ..case import Meeting, Request
from ..config import Config
from ..errors import UsageError
from ..fhir.lossless import decode, encode
from .requests import read_request

FOLDER = Path(__file__).parent.parent / "demo"
_MARK = ".connector-demo"
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}(?=$|T)")
# The chart was made at one time and is shown at another: everything in it moves by whole weeks,
# so that weekdays stay and its last day is at most this many days ago.
_RECENT_DAYS = 7


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo carries: the bundles to load, and the request."""

    bundles: list[bytes]
    request: Request


def prepare(now: datetime, *, incomplete: bool) -> Demo:
    """The demo's chart moved to `now` and its request with a meeting ten days ahead.

    `incomplete`: the record named in demo/incomplete.txt is left out of the chart.
    """
    chart = decode((FOLDER / "chart.json").read_bytes())
    if incomplete:
        left_out = (FOLDER / "incomplete.txt").read_text(encoding="utf-8").split()[0]
        chart["entry"] = [e for e in chart["entry"] if _name(e) != left_out]
    weeks = (now.date() - _last_day(chart)).days // _RECENT_DAYS
    bundles = [(FOLDER / "facilities.json").read_bytes(), encode(_moved(chart, 7 * weeks))]
    request = read_request(FOLDER / "request.yaml")
    meeting = (now + timedelta(days=10)).replace(hour=10, minute=0, second=0, microsecond=0)
    start = meeting.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    mode = request.meeting.mode if request.meeting else "undecided"
    changed = {"meeting": Meeting(start=start, mode=mode), "needed_by": None}
    return Demo(bundles, request.model_copy(update=changed))


def config(source_url: str, destination_url: str, folder: Path) -> Config:
    """Two test ends with fresh ids."""
    values: dict[str, Any] = {
        "sources": {
            "home": {
                "id": str(uuid.uuid4()),
                "base_url": source_url,
                "environment": "test",
                "organization": {"name": "Home Hospital"},
                "telecom": {"phone": "+1 555 0100"},
            }
        },
        "destinations": {
            "outside": {
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


def _last_day(chart: dict[str, Any]) -> date:
    encounters = [
        e["resource"] for e in chart["entry"] if e["resource"]["resourceType"] == "Encounter"
    ]
    return max(date.fromisoformat(e["period"]["start"][:10]) for e in encounters)


def _moved(value: Any, days: int) -> Any:
    if isinstance(value, dict):
        return {key: _moved(item, days) for key, item in value.items()}
    if isinstance(value, list):
        return [_moved(item, days) for item in value]
    if isinstance(value, str) and (match := _DATE.match(value)):
        day = date.fromisoformat(match[0]) + timedelta(days=days)
        return day.isoformat() + value[match.end() :]
    return value
