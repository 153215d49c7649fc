"""A secret, an authority or a key that is a pipe or a device: a usage error, never a wait."""

import os
from pathlib import Path

import pytest

from tests.support import World

KEYS = {
    "a secret": 'auth = {{ type = "bearer", token = {{ file = "{path}" }} }}',
    "ca_file": 'ca_file = "{path}"',
    "client_cert_file": 'client_cert_file = "{path}"\nclient_key_file = "{path}"',
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_it_is_said_and_not_waited_for(world: World, key: str, kind: str) -> None:
    path = world.folder / "pipe"
    os.mkfifo(path)
    named = path if kind == "pipe" else Path("/dev/zero")
    world.configure(source=KEYS[key].format(path=named))
    ran = world.cli("pull", world.request())
    assert (ran.code, str(named) in ran.err) == (2, True), ran
    assert world.source.requests == []
