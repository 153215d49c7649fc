"""A destination that writes the same values in its own way: verified, and told."""

import base64
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.relay import Asked, Given, Relay

# A note in lines of 76 characters, as MIME writes base64 (RFC 2045): valid in R4.
_BYTES = base64.b64encode(b"All is well with the knee. " * 9).decode()
LINES = "\r\n".join(_BYTES[at : at + 76] for at in range(0, len(_BYTES), 76))


def note(patient: str, data: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": "lines",
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]},
        "subject": {"reference": f"Patient/{patient}"},
        "date": "2026-11-01T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "data": data}}],
    }


def base64_anew(asked: Asked) -> Given | None:
    """As HAPI: bytes are kept, and written in one line, padded."""
    if asked.method not in ("POST", "PUT") or asked.search:
        return None
    return asked.forward(asked.body.replace(b"\\r\\n", b"").replace(b'"bm90ZQ"', b'"bm90ZQ=="'))


def under(base: str, asked: Asked) -> Given | None:
    """Every reference that is read is absolute."""
    if asked.method != "GET" and not asked.search:
        return None
    relative = rb'"reference":\s*"([A-Z][A-Za-z]+/)'
    return asked.forward(asked.body).replaced(relative, b'"reference":"' + base.encode() + rb"/\1")


def proof(world: support.World) -> list[dict[str, Any]]:
    values = world.cli("show", "SO-1", "--json").json
    lines: list[dict[str, Any]] = json.loads(Path(values["receipt"]).read_text())["resources"]
    return lines


@pytest.mark.parametrize("data", [LINES, "bm90ZQ"])
def test_base64_written_anew(world: support.World, data: str) -> None:
    world.source.put(note(world.patient, data))
    with Relay(world.destination, base64_anew) as relay:
        world.configure(destination_url=relay.base_url)
        ran = world.cli("transfer", world.request(scope="whole-chart"), "--json")
        assert (ran.code, ran.json["state"]) == (3, "verified")  # records are missing
        assert ran.json["counts"]["verified"] == ran.json["counts"]["sent"]
        [told] = [line for line in proof(world) if line["status"] == "form-changed"]
        assert told["packet"].startswith("DocumentReference/")
        assert told["note"] == "base64"
        assert world.cli("verify", "SO-1").code == 3
    assert [task["status"] for task in world.there("Task")] == ["requested"]


def test_references_under_the_own_base(world: support.World) -> None:
    with Relay(world.destination, lambda asked: under(relay.base_url, asked)) as relay:
        world.configure(destination_url=relay.base_url)
        ran = world.cli("transfer", world.request(), "--json")
        assert (ran.code, ran.json["state"]) == (3, "verified")
        told = Counter((line["status"], line["note"]) for line in proof(world))
        assert told["form-changed", "references"] > 5
        assert {status for status, _ in told} == {"form-changed", "verified"}
        assert world.cli("verify", "SO-1").code == 3
    assert [task["status"] for task in world.there("Task")] == ["requested"]


def test_references_under_another_base(world: support.World) -> None:
    inner = "http://inner:8080/fhir"
    with Relay(world.destination, lambda asked: under(inner, asked)) as relay:
        world.configure(destination_url=relay.base_url)
        ran = world.cli("transfer", world.request(), "--json")
    assert (ran.code, ran.json["state"]) == (8, "differs")
    [why] = [reason for reason in ran.json["reasons"] if reason["exit_code"] == 8]
    assert "absolute, under another base than base_url" in why["why"]
    assert "base_url" in why["what_to_do"]
    assert [task["status"] for task in world.there("Task")] == ["draft"]


def marked(resource: Any) -> Any:
    """As Medplum, and as a HAPI that others use: more in `meta`, tags with others' displays."""
    if isinstance(resource, list):
        return [marked(one) for one in resource]
    if not isinstance(resource, dict):
        return resource
    found = {name: marked(value) for name, value in resource.items()}
    if "versionId" in (meta := found.get("meta", {})):
        for one in [*meta.get("tag", []), *meta.get("security", [])]:
            one |= {"display": "Another's words", "userSelected": False}
        meta |= {"project": "P", "author": {"reference": "ClientApplication/1"}}
    return found


def unversioned(resource: Any) -> Any:
    """As a server that keeps no versions and tells none."""
    text = re.sub(r'"(versionId|etag)": *"[^"]*", *|/_history/[0-9]+', "", json.dumps(resource))
    return json.loads(text)


@pytest.mark.deep
@pytest.mark.parametrize(
    ("shown", "headers", "way", "notes"),
    [
        (marked, True, "transaction", {"meta"}),
        (unversioned, False, "transaction", {""}),
        (lambda resource: resource, False, "single", {""}),
    ],
    ids=["more in meta", "no versions", "no headers, one by one"],
)
def test_a_server_of_other_habits(
    world: support.World, shown: Any, headers: bool, way: str, notes: set[str]
) -> None:
    """What is brought there is verified and announced, and all of it can be taken back."""

    def hook(asked: Asked) -> Given:
        given = asked.forward(asked.body)
        kept = given.headers if headers else {}
        if not given.body:
            return given._replace(headers=kept)
        return Given(given.status, json.dumps(shown(json.loads(given.body))).encode(), kept)

    with Relay(world.destination, hook) as relay:
        world.configure(destination=f'way = "{way}"', destination_url=relay.base_url)
        ran = world.cli("transfer", world.request(), "--json")
        assert (ran.code, ran.json["state"]) == (3, "verified"), ran.err
        assert {line["note"] for line in proof(world)} == notes
        assert [task["status"] for task in world.there("Task")] == ["requested"]
        if way == "single":  # a hundred deletions, one by one, show nothing new
            return
        assert world.cli("verify", "SO-1").code == 3
        done = world.cli("recall", "SO-1", "--by", "A. Person", "--json", stdin="wrong team")
    assert (done.code, done.json["state"]) == (0, "recalled")
    assert world.there() == []
