"""Synthea chart files as FHIR resources, read with the standard library only.

The tests judge the connector by these files, so nothing here may come from the connector. A chart
file is a transaction Bundle whose entries point at each other by `urn:uuid:` and at practitioners
and hospitals by conditional reference (`Practitioner?identifier=system|value`); those stand in
the `practitionerInformation*` and `hospitalInformation*` files of the same folder.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

Resource = dict[str, Any]

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "charts"
# Further charts for a run by hand, laid out as fixtures/charts is.
MORE_CHARTS = "CONNECTOR_CHARTS"
SHARED = ("hospitalInformation", "practitionerInformation")


@dataclass(frozen=True)
class Chart:
    """One patient's file, references resolved to `Type/id`. Ids are those of the file."""

    path: Path
    shared: tuple[Resource, ...]
    """Hospitals and practitioners of the folder; other charts of the folder share them."""
    records: tuple[Resource, ...]
    """The entries of the patient's own file, the Patient among them."""

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.name.split('_')[0]}"

    @property
    def patient(self) -> Resource:
        return next(r for r in self.records if r["resourceType"] == "Patient")


def key(resource: Resource) -> str:
    """`Type/id`."""
    return f"{resource['resourceType']}/{resource['id']}"


def decode(data: bytes | str) -> Any:
    """JSON with every decimal digit kept."""
    return json.loads(data, parse_float=Decimal)


def chart_files() -> list[Path]:
    """The chart files to test with, smallest first."""
    roots = [FIXTURES, *(Path(p) for p in [os.environ.get(MORE_CHARTS)] if p)]
    files = {path.name: path for root in roots for path in root.glob("**/*.json.gz")}
    charts = [path for path in files.values() if not path.name.startswith(SHARED)]
    return sorted(charts, key=lambda path: path.stat().st_size)


def read_chart(path: Path) -> Chart:
    """The chart in `path` with the shared resources of its folder.

    Raises KeyError when a reference leads to nothing in these files.
    """
    entries = _entries(path)
    shared = [e for name in SHARED for p in path.parent.glob(f"{name}*") for e in _entries(p)]
    targets = _targets([*shared, *entries])

    def resolve(node: dict[str, Any]) -> dict[str, Any]:
        target = node.get("reference")
        if isinstance(target, str) and (target.startswith("urn:") or "?" in target):
            return {**node, "reference": targets[target]}
        return node

    common = {key(e["resource"]): map_nodes(e["resource"], resolve) for e in shared}
    own = (map_nodes(e["resource"], resolve) for e in entries)
    # Charts of 2019 repeat a practitioner of the shared file with other statistics: one must win.
    return Chart(path, tuple(common.values()), tuple(r for r in own if key(r) not in common))


def map_nodes(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """A copy of `value` in which each JSON object went through `change`, innermost first."""
    if isinstance(value, list):
        return [map_nodes(item, change) for item in value]
    if isinstance(value, dict):
        return change({name: map_nodes(item, change) for name, item in value.items()})
    return value


def strings(value: Any, *names: str) -> Iterator[str]:
    """Each string inside `value` that stands in a member of one of these names."""
    if isinstance(value, list):
        for item in value:
            yield from strings(item, *names)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in names and isinstance(item, str):
                yield item
            else:
                yield from strings(item, *names)


def references(value: Any) -> Iterator[str]:
    """Each literal reference inside `value`."""
    return strings(value, "reference")


def _entries(path: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = decode(gzip.decompress(path.read_bytes()))["entry"]
    return entries


def _targets(entries: list[dict[str, Any]]) -> Mapping[str, str]:
    """What a reference of the files may say -> `Type/id`."""
    targets: dict[str, str] = {}
    for entry in entries:
        resource = entry["resource"]
        targets[entry["fullUrl"]] = key(resource)
        for identifier in resource.get("identifier", []):
            token = f"{identifier.get('system')}|{identifier.get('value')}"
            targets[f"{resource['resourceType']}?identifier={token}"] = key(resource)
    return targets
