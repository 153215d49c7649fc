"""Who the patient is there is looked at again just before a document or a message leaves."""

from pathlib import Path

import pytest

from tests import support
from tests.cli.test_message import TELECOM
from tests.relay import Asked, Relay
from tests.sandbox_parts import Quirks


class Corrected:
    """The Patient there turns out to be somebody else once it was read and compared."""

    def __init__(self, world: support.World) -> None:
        (own,) = [p for p in world.source.resources("Patient") if p["id"] == world.patient]
        self._there = world.destination
        self._patient = {**own, "id": "theirs"}
        self._there.put(self._patient)
        self._compared = self.changed = False

    def __call__(self, asked: Asked) -> None:
        read = asked.path.startswith("Patient/theirs")
        if self._compared and not read and not self.changed:
            self._there.put({**self._patient, "birthDate": "1901-01-01"})
            self.changed = True
        self._compared |= read


@pytest.mark.parametrize("kind", ["document", "message"])
def test_a_patient_corrected_since_it_was_found_gets_nothing(tmp_path: Path, kind: str) -> None:
    with support.world(tmp_path, destination={"quirks": Quirks(messages=0)}) as world:
        corrected = Corrected(world)
        with Relay(world.destination, corrected) as relay:
            bundle = f'bundle = {{ kind = "{kind}" }}'
            world.configure(destination=bundle, destination_url=relay.base_url)
            request = world.request(**TELECOM, destination_patient={"id": "theirs"})
            held = world.cli("transfer", request, "--json")
        assert corrected.changed
        assert (held.code, held.json["reasons"][0]["code"]) == (5, "identity"), held
        assert world.written() == []
        assert world.destination.messages == []
