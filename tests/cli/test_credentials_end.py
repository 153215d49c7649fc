"""In the middle of a push a token or a certificate ends: it goes on, or says why it can't."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.gate import certificate, gate
from tests.push.conftest import doubled
from tests.sandbox_parts import Client, Fault, Protection, Quirks

SECRET = {"CLIENT_SECRET": "s3cret"}
TRANSACTIONS = r"^/fhir/?$"
SOURCE_ID = uuid.UUID(int=7)
SMALL = "bundle = { max_entries = 5 }\nconnections = 1\n"


@contextmanager
def guarded(
    folder: Path, *, expires_in_s: float = 300, uses_max: float = inf
) -> Iterator[support.World]:
    """A world whose destination gives and asks for tokens."""
    client = Client("app", secret=SECRET["CLIENT_SECRET"])
    protection = Protection([client], expires_in_s=expires_in_s, uses_max=uses_max)
    with support.world(folder, destination={"protection": protection}) as world:
        world.source_id = SOURCE_ID  # so that the same records have the same names in each world
        world.configure(
            destination=SMALL
            + """auth = { type = "client-secret", client_id = "app", """
            + """client_secret = { env = "CLIENT_SECRET" }, """
            + f'''token_url = "{world.destination.token_url}" }}'''
        )
        yield world


def answers(world: support.World) -> Counter[int]:
    """Statuses of what the FHIR server was asked."""
    return Counter(r.status for r in world.destination.requests if r.path.startswith("/fhir"))


def tokens(world: support.World) -> int:
    return sum(r.path == "/auth/token" and r.status == 200 for r in world.destination.requests)


def receipt(world: support.World) -> Any:
    """What a receipt says, without what differs from one delivery to another (ids, times)."""
    (path,) = world.store.glob("cases/*/receipt.json")
    lines = json.loads(path.read_text())["resources"]
    return sorted((line["packet"], line["status"], line["note"]) for line in lines)


@pytest.fixture
def undisturbed(tmp_path: Path) -> Any:
    """The receipt of the same delivery with a token that does not end."""
    home = tmp_path / "undisturbed"
    home.mkdir()
    with guarded(home) as world:
        assert world.cli("transfer", world.request(), env=SECRET).code == 3
        assert tokens(world) == 1
        return receipt(world)


def assert_arrived(world: support.World, ran: support.Ran, undisturbed: Any) -> None:
    assert (ran.code, ran.json["state"]) == (3, "verified"), ran
    assert doubled(world.destination) == []
    assert [len(world.there(name)) for name in ("ServiceRequest", "Task", "Patient")] == [1, 1, 1]
    assert receipt(world) == undisturbed


@pytest.mark.deep
def test_a_token_that_ends_is_renewed_before_it_does(tmp_path: Path, undisturbed: Any) -> None:
    with guarded(tmp_path, expires_in_s=6) as world:
        slow = Fault("delay", path=TRANSACTIONS, method="POST", seconds=0.7)
        world.destination.add_fault(slow)
        ran = world.cli("transfer", world.request(), "--json", env=SECRET)
        assert tokens(world) > 1
        assert answers(world)[401] == 0
        assert_arrived(world, ran, undisturbed)


@pytest.mark.parametrize("uses", [1, 7, 12])
def test_a_token_that_is_taken_back_is_replaced(
    tmp_path: Path, undisturbed: Any, uses: int
) -> None:
    """A 401 says that nothing was done: the same write goes once more, with another token."""
    with guarded(tmp_path, uses_max=uses) as world:
        ran = world.cli("transfer", world.request(), "--json", env=SECRET)
        assert tokens(world) > 2
        assert answers(world)[401] == tokens(world) - 1
        refused = [r for r in world.destination.requests if r.status == 401]
        assert uses > 1 or any(r.path.rstrip("/") == "/fhir" for r in refused)
        assert_arrived(world, ran, undisturbed)


def test_no_new_token_in_the_middle_is_told_and_the_next_run_goes_on(
    tmp_path: Path, undisturbed: Any
) -> None:
    with guarded(tmp_path, uses_max=12) as world:
        refused = Fault(
            "status", path="^/auth/token", status=400, body=b'{"error":"invalid_client"}', skip=1
        )
        world.destination.add_fault(refused)
        request = world.request()
        ran = world.cli("transfer", request, "--json", env=SECRET)
        assert (ran.code, ran.json["state"]) == (7, "destination-refused"), ran
        [reason] = [r for r in ran.json["reasons"] if r["exit_code"] == 7]
        assert "sign-in: the token endpoint answers HTTP 400 (invalid_client)" in reason["why"]
        assert "client_id" in reason["what_to_do"]
        before = len(world.there())
        assert before > 0
        assert not any(r["status"] == "requested" for r in world.there("Task"))
        world.destination.clear_faults()
        again = world.cli("transfer", request, "--json", env=SECRET)
        assert_arrived(world, again, undisturbed)


@pytest.mark.parametrize(
    ("ends_in_days", "words"),
    [
        (-1, "our certificate has expired"),
        (9, "the server does not accept our certificate"),
    ],
)
def test_a_certificate_that_ends_is_told_and_the_next_run_goes_on(
    tmp_path: Path, ends_in_days: int, words: str
) -> None:
    server = certificate(tmp_path / "server.pem")
    old = certificate(tmp_path / "client.pem", ends_in_days=ends_in_days)
    new = certificate(tmp_path / "new.pem")
    trusts = old if ends_in_days < 0 else new
    quirks = Quirks(page_links="relative")
    with (
        support.world(tmp_path, destination={"quirks": quirks}) as world,
        gate(world.destination_url, server, trusts, free=1) as before,
    ):
        world.configure(
            destination_url=before.base_url,
            destination=SMALL + f'ca_file = "{server}"\nclient_cert_file = "{old}"\nattempts = 2\n',
        )
        # One write is done and the connection ends: the next one is a new connection.
        cut = Fault("drop-after", path=TRANSACTIONS, method="POST", skip=1, times=1)
        world.destination.add_fault(cut)
        request = world.request()
        ran = world.cli("transfer", request, "--json")
        assert (ran.code, ran.json["state"]) == (7, "destination-refused"), ran
        [reason] = [r for r in ran.json["reasons"] if r["exit_code"] == 7]
        assert words in reason["why"]
        assert "client_cert_file" in reason["what_to_do"]
        stood = {(r["resourceType"], r["id"]) for r in world.there()}
        assert stood
        old.write_bytes(new.read_bytes())
        with gate(world.destination_url, server, new) as after:
            path = world.folder / "connector.toml"
            moved = path.read_text().replace(before.base_url, after.base_url)
            # In mid-case an address is the same server's only if the operator says so.
            named = f'[destinations.outside]\nformerly = ["{before.base_url}"]'
            path.write_text(moved.replace("[destinations.outside]", named))
            again = world.cli("transfer", request, "--json")
        assert (again.code, again.json["state"]) == (3, "verified"), again
        assert stood <= {(r["resourceType"], r["id"]) for r in world.there()}
        assert doubled(world.destination) == []


@pytest.mark.parametrize(
    ("life", "ok", "detail"),
    [((-9, 9), True, "9 days left"), ((-9, -1), False, "ended on"), ((3, 9), False, "good from")],
)
def test_doctor_tells_how_long_our_certificate_is_good(
    world: support.World, life: tuple[int, int], ok: bool, detail: str
) -> None:
    ours = certificate(world.folder / "client.pem", *life)
    world.configure(destination=f'client_cert_file = "{ours}"')
    ran = world.cli("doctor", "--json")
    checks = {(c["end"], c["name"]): c for c in ran.json["checks"]}
    check = checks["outside", "our certificate"]
    assert ("home", "our certificate") not in checks
    assert (check["ok"], detail in check["detail"]) == (ok, True), check
    assert (ran.code, bool(check["fix"])) == ((0, False) if ok else (7, True))
