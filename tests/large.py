"""A large chart with planted circles, and somebody who keeps looking at the destination."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.support import Site

Resource = dict[str, Any]

PATIENT = "large-1"
LIMITS = 'bundle = { kind = "transaction", max_entries = 50, max_megabytes = 1 }'
CIRCLES = (1, 2, 151)  # records that refer to each other in a ring; one refers to itself


def chart(records: int) -> list[Resource]:
    """A patient, a practitioner, encounters, and observations up to `records` in all."""
    found: list[Resource] = [
        {
            "resourceType": "Patient",
            "id": PATIENT,
            "identifier": [{"system": "urn:oid:1.2.3", "value": "L-1"}],
            "name": [{"family": "Large", "given": ["Lee"]}],
            "gender": "female",
            "birthDate": "1970-01-01",
        },
        {"resourceType": "Practitioner", "id": "doc-1", "name": [{"family": "Roe"}]},
    ]
    found += [encounter(number) for number in range(20)]
    for size in CIRCLES:
        found += [_observation(f"c{size}-{n}", f"c{size}-{(n + 1) % size}") for n in range(size)]
    found += [_observation(f"o{number}") for number in range(records - len(found))]
    return found


def encounter(number: int) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "participant": [{"individual": {"reference": "Practitioner/doc-1"}}],
        "period": {"start": f"2026-01-{number + 1:02}T10:00:00Z"},
    }


def _observation(name: str, member: str | None = None) -> Resource:
    number = sum(map(ord, name))
    resource: Resource = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}], "text": name},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "encounter": {"reference": f"Encounter/e{number % 20}"},
        "effectiveDateTime": f"2026-{number % 9 + 1:02}-01T10:00:00Z",
        "valueQuantity": {"value": number, "unit": "mg/dL"},
        "note": [{"text": "x" * (number % 7 * 100 + 1)}],
    }
    if member is not None:
        resource["hasMember"] = [{"reference": f"Observation/{member}"}]
    return resource


def write_files(folder: Path, records: Sequence[Resource]) -> Path:
    """The chart as a Bundle for `files` of a source."""
    path = folder / "files" / "chart.json"
    path.parent.mkdir()
    entries = [{"resource": record} for record in records]
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    return path.parent


class Looker:
    """Reads over and over what the receiving team would see, and how many records there are."""

    def __init__(self, base_url: str, wanted: int) -> None:
        self._base_url = base_url
        self._wanted = wanted
        self.looks = 0
        self.seen: Counter[str] = Counter()
        self.half: list[tuple[str, int]] = []

    def look(self) -> None:
        """What is visible now; if anything is, every record has to be there already."""
        visible = [
            name
            for name, status in (("ServiceRequest", "active"), ("Task", "requested"))
            if self._count(f"{name}?status={status}")
        ]
        self.looks += 1
        self.seen.update(visible)
        if visible and (there := self._count("Observation?code=2339-0")) != self._wanted:
            self.half.append((visible[-1], there))

    def _count(self, query: str) -> int:
        url = f"{self._base_url}/{query}&_summary=count"
        answer = requests.get(url, headers={"Cache-Control": "no-cache"}, timeout=60)
        answer.raise_for_status()
        return int(answer.json()["total"])


@contextmanager
def looking(base_url: str, wanted: int, pause_s: float) -> Iterator[Looker]:
    """Somebody looks until this ends, and once more at the end."""
    looker, end = Looker(base_url, wanted), threading.Event()

    def go_on() -> None:
        while not end.wait(pause_s):
            looker.look()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield looker
    finally:
        end.set()
        thread.join()
    looker.look()


def assert_never_half(
    site: Site, records: Sequence[Resource], looked_at: str, pause_s: float
) -> None:
    """Transfer `records` while somebody looks, who sees no request before all of them are there."""
    wanted = sum(r["resourceType"] == "Observation" for r in records)
    site.configure(source=f'files = "{write_files(site.folder, records)}"', destination=LIMITS)
    request = site.request(scope="whole-chart", patient={"id": PATIENT})
    with looking(looked_at, wanted, pause_s) as looker:
        ran = site.cli("transfer", request, "--json")
    assert ran.json["state"] == "verified", ran
    assert looker.half == []
    assert looker.looks > 20
    assert looker.seen.keys() == {"ServiceRequest", "Task"}


def assert_resolved(resources: Sequence[Resource]) -> None:
    """Nothing dangles, and each ring is closed by references, not by names."""
    there = {f"{r['resourceType']}/{r['id']}" for r in resources}
    assert {ref for r in resources for ref in references(r)} <= there
    following = {
        f"Observation/{r['id']}": r["hasMember"][0]["reference"]
        for r in resources
        if "hasMember" in r
    }
    rings: list[int] = []
    while following:
        here, size = next(iter(following)), 0
        while here in following:
            here, size = following.pop(here), size + 1
        rings.append(size)
    assert sorted(rings) == sorted(CIRCLES)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from references(child)
    elif isinstance(value, list):
        for child in value:
            yield from references(child)
