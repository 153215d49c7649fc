"""A token whose scopes are smaller than what was asked: told as gaps, before anything is asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from connector import keys
from connector.errors import SourceFailed
from connector.pull import types_of_chart
from tests.sandbox_parts import Client, Fault, Protection, Sandbox

from .support import NEVER, pull, source

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "pa"}
RECORDS = [
    {"resourceType": name, "id": name.lower(), "subject": {"reference": "Patient/pa"}}
    for name in ("Observation", "Condition", "Procedure")
]


class Site:
    def __init__(self, folder: Path, *allowed: str, **settings: Any) -> None:
        key = keys.new("ES384")
        (folder / "key.pem").write_bytes(key.pem())
        client = Client("app", json.loads(keys.jwks(key)), scopes=allowed)
        self.sandbox = Sandbox(protection=Protection([client], **settings))
        for resource in (PATIENT, *RECORDS):
            self.sandbox.put(resource)
        key_file = {"file": str(folder / "key.pem")}
        auth = {"type": "smart", "client_id": "app", "private_key": key_file}
        self.settings = source(self.sandbox.base_url, auth=auth)

    def asked(self, name: str) -> list[int]:
        wanted = f"/fhir/{name}"
        return [r.status for r in self.sandbox.requests if r.path.startswith(wanted)]


def test_what_is_not_granted_is_a_gap_and_is_not_asked(tmp_path: Path) -> None:
    site = Site(tmp_path, "system/Patient.rs", "system/Condition.rs", "system/Provenance.rs")
    with site.sandbox:
        pulled = pull(tmp_path / "case", site.settings, id="pa")
    assert set(pulled.records) == {"Patient/pa", "Condition/condition"}
    gap = pulled.gap("Observation")
    assert (gap.kind, gap.why.partition(":")[0], gap.expected) == ("refused", "not granted", False)
    assert site.asked("Observation") == []
    assert "Condition" not in {gap.what for gap in pulled.gaps}
    assert not {gap.what for gap in pulled.gaps} & NEVER


def test_no_other_way_asks_for_it_either(tmp_path: Path) -> None:
    """`$everything` that breaks off is filled by searches; Provenance is searched by target."""
    site = Site(tmp_path, "system/Patient.rs", "system/Condition.rs")
    site.sandbox.add_fault(Fault("status", path="everything", status=500))
    settings = site.settings.model_copy(update={"pull": "everything"})
    with site.sandbox:
        pulled = pull(tmp_path / "case", settings, id="pa")
    assert set(pulled.records) == {"Patient/pa", "Condition/condition"}
    for name in ("Observation", "Provenance"):
        assert pulled.gap(name).why.startswith("not granted")
        assert site.asked(name) == []


def test_everything_holds_what_the_token_reaches_and_the_rest_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, "system/Patient.rs", "system/Condition.rs")
    settings = site.settings.model_copy(update={"pull": "everything"})
    with site.sandbox:
        pulled = pull(tmp_path / "case", settings, id="pa")
    assert any("everything" in request.path for request in site.sandbox.requests)
    assert set(pulled.records) == {"Patient/pa", "Condition/condition"}
    assert pulled.gap("Observation").why.startswith("not granted")


def test_granted_later_it_is_asked(tmp_path: Path) -> None:
    some = "system/Patient.rs", "system/Provenance.rs"
    with (site := Site(tmp_path, *some)).sandbox:
        pull(tmp_path / "case", site.settings, id="pa")
    with (site := Site(tmp_path, "system/*.rs")).sandbox:
        pulled = pull(tmp_path / "case", site.settings, id="pa")
    assert len(pulled.records) == 1 + len(RECORDS)
    assert pulled.gaps == []


def test_tokens_that_end_in_mid_pull_lose_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, "system/*.rs")
    for name in ("Condition", "Procedure", "Flag"):
        site.sandbox.add_fault(Fault("status", path=name, status=401, times=1))
    with site.sandbox:
        pulled = pull(tmp_path / "case", site.settings, id="pa")
    assert len(pulled.records) == 1 + len(RECORDS)
    assert pulled.gaps == []
    assert sorted(site.asked("Condition")) == [200, 401]
    assert sum(r.path == "/auth/token" for r in site.sandbox.requests) > 1


def test_a_door_that_closes_in_mid_pull_fails_the_pull_not_forty_types(tmp_path: Path) -> None:
    site = Site(tmp_path, "system/*.rs", expires_in_s=0.05)
    site.sandbox.add_fault(
        Fault("status", path="/auth/token", status=401, body=b'{"error":"invalid_client"}', skip=1)
    )
    site.sandbox.add_fault(Fault("delay", path="Patient", seconds=0.2, times=1))
    with site.sandbox, pytest.raises(SourceFailed, match="invalid_client"):
        pull(tmp_path / "case", site.settings, id="pa")


def test_the_types_of_a_chart_leave_out_what_never_travels() -> None:
    types = types_of_chart(NEVER)
    assert not types & NEVER
    assert {"Patient", "Observation", "Practitioner", "Binary", "Provenance", "Task"} <= types
