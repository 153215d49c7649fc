"""What servers and files say is shown on a terminal, never obeyed by it."""

import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.cli.shown import REWIND, shown
from tests import support

ESCAPES = "\x1b[2J\x9b31m\x07\u202e\u2066\r\x00"


@given(st.text())
def test_no_control_comes_through(text: str) -> None:
    before, sys.stdout = sys.stdout, io.StringIO()
    try:
        with shown():
            sys.stdout.write(text)
        said = sys.stdout.getvalue()
    finally:
        sys.stdout = before
    assert all(line.isprintable() for line in said.removeprefix(REWIND).split("\n"))
    if text.replace("\n", "").isprintable():
        assert said == text


@pytest.mark.parametrize("way", [(), ("--json",)])
def test_ids_and_names_of_a_source_command_no_terminal(
    world: support.World, way: tuple[str, ...]
) -> None:
    patient = {"reference": f"Patient/{world.patient}"}
    document = {"contentType": f"a/b{ESCAPES}", "url": f"Binary/x{ESCAPES}", "title": ESCAPES}
    world.source.put(
        {
            "resourceType": "DocumentReference",
            "id": f"d{ESCAPES}",
            "subject": patient,
            "type": {"text": ESCAPES, "coding": [{"code": ESCAPES, "display": ESCAPES}]},
            "content": [{"attachment": document}],
        }
    )
    request = world.request()
    for command in (("transfer", request, "--dry-run"), ("show", request), ("doctor", request)):
        ran = world.cli(*command, *way)
        for control in "\x1b\x9b\x07\u202e\u2066\r\x00":
            assert control not in ran.out + ran.err, (command, control)
