"""One request through the real command line: what it tells, and the packet that it makes."""

import html
import json
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import yaml

from benchmarks.clinic.charts import Resource
from connector.fhir.ids import derived_id
from tests.support import NEEDED_BY, ROOT, Site

WORKERS = 2
# How an item is told that records answer; `not-asked`: by images, which come another way.
_ANSWERED = ("present", "not-asked")
_SOURCE = UUID("6f1f0a53-58e4-4a2f-9c0b-3a5f4d1f7c11")
_DESTINATION = UUID("b0a7d1de-5d43-4f0a-8d1e-2f6a9be2c5d4")
_MAPPINGS = ROOT / "mappings"
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


@dataclass(frozen=True)
class Section:
    """A section of the packet's Composition: its id in sections.yaml, its entries, its rows."""

    id: str
    entries: frozenset[str]
    rows: tuple[str, ...]  # as text, in small letters


@dataclass(frozen=True)
class Seen:
    """What the program says of one request. `problem`: why there is nothing to see."""

    problem: str
    told: dict[str, Any]
    sections: tuple[Section, ...]
    explained: dict[str, dict[str, Any]]

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """Each item of the checklist as it was found; `ask` also where the case tells it."""
        return {item["item"]: item for item in (self.told.get("outline") or {}).get("items", ())}

    @property
    def missing(self) -> dict[str, dict[str, Any]]:
        return {item["item"]: item for item in self.told.get("missing", ())}

    def shelf(self, record: str) -> list[Section]:
        """The sections in which a record (`Type/id` at the source) stands."""
        return [section for section in self.sections if in_packet(record) in section.entries]

    def answers(self, record: str) -> list[str]:
        """The items that a record answers."""
        named = self.explained.get(record, {}).get("items", [])
        return [item for item in named if self.items[item]["kind"] in _ANSWERED]


def in_packet(record: str) -> str:
    """How the packet calls a record of the source (`Type/id`)."""
    resource_type, _, name = record.partition("/")
    return f"{resource_type}/{derived_id(_SOURCE, resource_type, name)}"


def case_types() -> list[str]:
    return sorted(path.stem for path in (_MAPPINGS / "checklists").glob("*.yaml"))


def ask(records: Iterable[Resource], request: dict[str, Any], *, explain: bool = True) -> Seen:
    """A dry run, and for each record why it leaves or stays."""
    with TemporaryDirectory() as name:
        site = Site(Path(name), "", "")
        _write(site, records, request)
        ran = site.cli("transfer", "request.json", "--dry-run", "--json")
        try:
            told = ran.json
        except ValueError:
            return Seen(f"exit {ran.code}: {ran.err[-300:]}", {}, (), {})
        if not told.get("packet_hash"):
            why = "; ".join(reason["why"] for reason in told.get("reasons", ()))
            return Seen(f"exit {ran.code}: {why or told.get('error')}", told, (), {})
        packet = json.loads(Path(told["packet"]).read_text())
        explained = {}
        if explain:
            values = site.cli("mappings", "explain", "request.json", "--json").json
            explained = {record["record"]: record for record in values["records"]}
        return Seen("", told, tuple(_sections(packet)), explained)


def ask_all(
    asked: Iterable[tuple[Iterable[Resource], dict[str, Any]]], *, explain: bool = True
) -> list[Seen]:
    """The same of many, as many at a time as the machine has hands for."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda each: ask(*each, explain=explain), asked))


def _write(site: Site, records: Iterable[Resource], request: dict[str, Any]) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": record} for record in records],
    }
    (site.folder / "chart.json").write_text(json.dumps(bundle))
    (site.folder / "out").mkdir()
    (site.folder / "connector.toml").write_text(
        f"""
[sources.home]
id = "{_SOURCE}"
files = "chart.json"
environment = "test"
page_bytes_max = 200000000
organization = {{ name = "Home Hospital" }}
telecom = {{ phone = "+1 555 0142" }}

[destinations.clinic]
id = "{_DESTINATION}"
folder = "out"
environment = "test"
release = "auto"
new_patient = "create"
"""
    )
    values = {
        "request_id": "SO-1",
        "key_question": "treatment",
        "question": "What now?",
        "needed_by": NEEDED_BY,
        "source": "home",
        "destination": "clinic",
        **request,
    }
    (site.folder / "request.json").write_text(json.dumps(values))


def _sections(packet: dict[str, Any]) -> Iterable[Section]:
    names = {
        section["title"]: section["id"]
        for section in yaml.safe_load((_MAPPINGS / "sections.yaml").read_text())["sections"]
    }
    # The packet's own stands behind those of the source.
    resources = [entry["resource"] for entry in packet["entry"]]
    *_, own = (each for each in resources if each["resourceType"] == "Composition")
    for section in own["section"]:
        yield Section(
            names.get(section["title"], section["title"]),
            frozenset(each["reference"] for each in section.get("entry", ())),
            tuple(
                html.unescape(_TAG.sub(" ", row)).lower()
                for row in _ROW.findall(section.get("text", {}).get("div", ""))
            ),
        )
