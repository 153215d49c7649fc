"""`doctor` asks for what a transfer asks for, and says what is wrong, where, and what to do."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.sandbox.capability import capability_statement
from tests import support
from tests.endpoint.server import Reply, Scripted
from tests.sandbox_parts import Fault, Quirks, Sandbox


def checks(world: support.Site, *more: str) -> tuple[int, dict[tuple[str, str], Any]]:
    ran = world.cli("doctor", "--json", *more)
    return ran.code, {(c["end"], c["name"]): c for c in ran.json["checks"]}


def statement(*read_only: str, without: str = "create") -> Fault:
    """What a server says of itself, where the types named lack one interaction."""
    said = capability_statement("http://sandbox.example", Quirks(), datetime.now(UTC))
    for row in said["rest"][0]["resource"]:
        if row["type"] in read_only:
            row["interaction"] = [i for i in row["interaction"] if i["code"] != without]
    return Fault("status", "/metadata", status=200, body=json.dumps(said).encode())


@pytest.mark.parametrize("interaction", ["create", "update"])
@pytest.mark.parametrize(
    ("types", "check", "code"),
    [(("ServiceRequest", "Composition"), "packet", 7), (("Observation",), "records", 3)],
)
def test_types_that_are_only_read_are_not_fit(
    world: support.World, types: tuple[str, ...], check: str, code: int, interaction: str
) -> None:
    world.destination.add_fault(statement(*types, without=interaction))
    ended, seen = checks(world)
    assert ended == code
    assert not seen["outside", check]["ok"]
    assert f"no {interaction} of {', '.join(sorted(types))}" in seen["outside", check]["detail"]
    assert seen["outside", check]["fix"]


def test_a_type_that_says_nothing_of_what_it_does_may_do_it(world: support.World) -> None:
    said = capability_statement("http://sandbox.example", Quirks(), datetime.now(UTC))
    for row in said["rest"][0]["resource"]:
        row.pop("interaction")
    body = json.dumps(said).encode()
    world.destination.add_fault(Fault("status", "/metadata", status=200, body=body))
    assert checks(world)[0] == 0


def test_a_page_that_is_too_large_is_told_with_the_size_that_is_taken(
    world: support.World,
) -> None:
    world.source.add_fault(Fault("status", r"_count=(200|100)$", status=400))
    ended, seen = checks(world)
    assert (ended, seen["home", "page size"]["fix"]) == (0, "Set page_size = 50.")
    assert "note home page size" in world.cli("doctor").out


def test_a_server_that_names_itself_otherwise(world: support.World) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": "http://inner.example:8080/fhir/Patient?x=1"}],
    }
    there = Fault("status", r"/Patient\?_id=", status=200, body=json.dumps(bundle).encode())
    world.source.add_fault(there)
    ended, seen = checks(world)
    assert ended == 6
    assert "http://inner.example:8080" in seen["home", "own address"]["detail"]
    assert 'allowed_origins = ["http://inner.example:8080"]' in seen["home", "own address"]["fix"]
    world.configure(source='allowed_origins = ["http://inner.example:8080"]')
    assert ("home", "own address") not in checks(world)[1]


def test_search_by_post_refused(world: support.World) -> None:
    world.destination.add_fault(Fault("status", r"/_search", "POST", status=404))
    ended, seen = checks(world)
    assert (ended, seen["outside", "search"]["ok"]) == (7, False)
    assert seen["outside", "search"]["fix"]


def test_a_tag_that_nobody_carries_finds_nothing(world: support.World) -> None:
    body = b'{"resourceType":"Bundle","type":"searchset","total":12}'
    world.destination.add_fault(Fault("status", "/Task/_search", "POST", status=200, body=body))
    ended, seen = checks(world)
    assert (ended, seen["outside", "search by tag"]["ok"]) == (7, False)
    world.configure(destination='write = "put"')
    assert ("outside", "search by tag") not in checks(world)[1]


@pytest.mark.parametrize(
    ("owner", "ok"),
    [
        ("Organization/1", True),
        ("Organization/2", False),
        ("Patient/1", False),
        ("http://example.org/oids|clinic", True),
        ("http://example.org/oids|nobody", False),
    ],
)
def test_the_owner_is_looked_up(world: support.World, owner: str, ok: bool) -> None:
    world.destination.put(
        {
            "resourceType": "Organization",
            "id": "1",
            "identifier": [{"system": "http://example.org/oids", "value": "clinic"}],
        }
    )
    world.destination.put({"resourceType": "Patient", "id": "1"})
    world.configure(destination=f'owner = "{owner}"')
    ended, seen = checks(world)
    assert (seen["outside", "owner"]["ok"], ended) == (ok, 0 if ok else 7)


def test_notes_whose_content_can_not_be_had(tmp_path: Path) -> None:
    with support.world(tmp_path) as world:
        world.configure(source="attachment_bytes_max = 0")
        assert "attachment_bytes_max" in checks(world)[1]["home", "notes"]["fix"]
        world.configure()
        assert not checks(world)[1]["home", "notes"]["fix"]


CAUSES = [
    (Reply(401), "HTTP 401", "`auth`"),
    (Reply(403), "HTTP 403", "allow this client"),
    (Reply(404), "HTTP 404", "path of base_url"),
    (Reply(502), "HTTP 502", "in trouble"),
    (Reply(200, b"<html>", {"Content-Type": "text/html"}), "a web page", "`auth`"),
    (Reply(302, b"", {"Location": "https://login.example/?s=1"}), "another origin", "login"),
    (Reply(200, b'{"resourceType":"Patient"}'), "not a CapabilityStatement", "base_url"),
]


@pytest.mark.parametrize(("reply", "cause", "fix"), CAUSES)
def test_what_came_instead_of_an_answer(tmp_path: Path, reply: Reply, cause: str, fix: str) -> None:
    with Scripted(reply) as server, Sandbox() as destination:
        site = support.Site(tmp_path, server.base, destination.base_url)
        site.configure(source="attempts = 1")
        ended, seen = checks(site)
    assert ended == 6
    check = seen["home", "reachable"]
    assert cause in check["detail"]
    assert server.base in check["detail"]
    assert fix in check["fix"]
    assert "doctor" not in check["fix"]


@pytest.mark.parametrize(
    ("url", "cause", "fix"),
    [
        ("http://127.0.0.1:9/fhir", "connection refused", "Nothing listens"),
        ("https://nowhere.invalid/fhir", "host is unknown", "host's name"),
    ],
)
def test_an_end_that_is_not_reached(tmp_path: Path, url: str, cause: str, fix: str) -> None:
    with Sandbox() as destination:
        site = support.Site(tmp_path, url, destination.base_url)
        site.configure(source="attempts = 1")
        check = checks(site)[1]["home", "reachable"]
    assert url in check["detail"]
    assert cause in check["detail"]
    assert fix in check["fix"]


def test_a_certificate_that_nobody_we_know_signed(tmp_path: Path) -> None:
    with Scripted(Reply(), tls=True) as server, Sandbox() as destination:
        site = support.Site(tmp_path, server.base, destination.base_url)
        site.configure(source="attempts = 1")
        check = checks(site)[1]["home", "reachable"]
    assert "not trusted" in check["detail"]
    assert "ca_file" in check["fix"]


def test_secrets_and_stores_that_others_can_read(world: support.World) -> None:
    secret = world.folder / "secret"
    secret.write_text("s")
    secret.chmod(0o644)
    world.configure(
        source=f'auth = {{ type = "bearer", token = {{ file = "{secret}" }} }}',
    )
    world.store.mkdir(mode=0o755)
    world.store.chmod(0o755)
    ended, seen = checks(world)
    assert ended == 0  # told, and nothing fails
    assert str(secret) in seen["here", "secrets"]["detail"]
    assert "chmod -R go=" in seen["here", "store"]["fix"]
    secret.chmod(0o600)
    world.store.chmod(0o700)
    assert not {"secrets", "store"} & {name for _, name in checks(world)[1]}


def test_the_plan_is_short_and_has_only_what_is_asked(world: support.World) -> None:
    out = world.cli("doctor").out
    assert "queries: " in out
    assert all(len(line) <= 110 for line in out.splitlines())
    _, seen = checks(world)
    asked = {line.partition(" ")[0] for line in seen["home", "plan"]["more"]}
    assert "Condition" in asked
    assert "ExplanationOfBenefit" not in asked  # never asked: financial


def test_verbose_tells_each_exchange_and_no_patient(world: support.World) -> None:
    ran = world.cli("doctor", "-v")
    assert "source GET metadata: HTTP 200, " in ran.err
    sent = world.cli("-v", "transfer", world.request())
    assert sent.code == 3
    assert "destination POST" in sent.err
    assert world.patient not in sent.err
    assert "Mills423" not in sent.err


def test_a_busy_port_and_files_that_are_no_chart_are_said_as_such(tmp_path: Path) -> None:
    site = support.Site(tmp_path, "", "")
    (tmp_path / "text.json").write_text("once upon a time")
    (tmp_path / "patient.json").write_text('{"resourceType":"Patient"}')
    (tmp_path / "not.json.gz").write_bytes(b"{}")
    tiny = str(support.CHARTS / support.TINY)
    with Sandbox() as busy:
        port = busy.base_url.split(":")[2].partition("/")[0]
        taken = site.cli("sandbox", "--port", port)
    assert (taken.code, "in use" in taken.err) == (2, True)
    for name, words in (
        ("text.json", "not JSON"),
        ("patient.json", "no FHIR Bundle"),
        ("not.json.gz", "not gzip"),
        (tiny, "hospitals' and practitioners'"),
    ):
        ran = site.cli("sandbox", "--port", "0", "--load", name)
        assert (ran.code, words in ran.err) == (2, True), ran


def test_init_and_sandbox_name_this_machine_the_same_way(tmp_path: Path) -> None:
    site = support.Site(tmp_path, "", "")
    site.cli("init")
    with Sandbox() as server:
        host = server.base_url.rpartition(":")[0]
    assert f'base_url = "{host}:8080/fhir"' in (tmp_path / "connector.toml").read_text()
