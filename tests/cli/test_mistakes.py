"""A user's mistake: a clear message, exit 2, nothing sent, no traceback."""

import json
import os

from connector.fhir.lossless import encode
from tests import support
from tests.sandbox_parts import Fault


def refused(world: support.World, *arguments: object) -> str:
    ran = world.cli(*map(str, arguments))
    assert ran.code == 2, ran
    assert "Traceback" not in ran.err
    assert not world.written()
    return ran.err


def test_unreadable_requests_name_line_and_field(world: support.World) -> None:
    path = world.folder / "bad.yaml"
    path.write_text("request_id: a\npatient: {id: x}\nkey_question: cure\nquestion: q\n")
    message = refused(world, "transfer", path)
    assert "bad.yaml, line 3: key_question" in message
    path.write_text("request_id: [\n")
    assert "line" in refused(world, "transfer", path)
    assert "no such request" in refused(world, "transfer", "nothing.yaml")


def test_unknown_endpoints_are_named(world: support.World) -> None:
    assert "[sources.nowhere]" in refused(world, "transfer", world.request(source="nowhere"))
    message = refused(world, "transfer", world.request(destination="nowhere"))
    assert "[destinations.nowhere]" in message


def test_production_never_reaches_test(world: support.World) -> None:
    world.configure(environments=("production", "test"))
    assert "production" in refused(world, "transfer", world.request())
    world.configure(environments=("test", "production"))
    assert "production" in refused(world, "transfer", world.request())


def test_no_configuration(world: support.World) -> None:
    (world.folder / "connector.toml").unlink()
    assert "connector init" in refused(world, "transfer", world.request())


def test_unknown_options_and_verbs(world: support.World) -> None:
    assert world.cli("transfer", "--nonsense", "x").code == 2
    assert world.cli("nonsense").code == 2


def test_records_that_are_not_in_the_chart(world: support.World) -> None:
    message = refused(world, "transfer", world.request(hinge=["DiagnosticReport/none"]))
    assert "hinge" in message


def test_json_errors_are_json_too(world: support.World) -> None:
    ran = world.cli("transfer", world.request(source="nowhere"), "--json")
    error = json.loads(ran.out)
    assert error["exit_code"] == ran.code == 2
    assert "nowhere" in error["error"]


def test_who_was_merged_in_the_middle_is_asked_for_anew_and_the_words_say_so(
    world: support.World,
) -> None:
    [old] = [r for r in world.source.resources("Patient") if r["id"] == world.patient]
    merged = {**old, "link": [{"type": "replaced-by", "other": {"reference": "Patient/kept"}}]}
    world.source.put({**old, "id": "kept"})
    reading = f"Patient/{world.patient}$"
    world.source.add_fault(Fault("status", path=reading, status=200, body=encode(merged), skip=1))
    for words in ("while it was pulled", "to another patient than when"):
        ran = world.cli("transfer", world.request(), "--json")
        told = ran.json["reasons"][0]
        assert (ran.code, told["code"]) == (5, "patient")
        assert words in told["why"]
        assert "in the request. Where something has left already" in told["what_to_do"]
        assert "connector cancel" in told["what_to_do"]
        world.source.clear_faults()
        world.source.put(merged)
    assert world.cli("cancel", "SO-1", stdin="merged into another record").code == 0
    assert not world.written()
    anew = world.request("b.yaml", request_id="SO-2", patient={"id": "kept"})
    assert world.cli("transfer", anew, "--json").json["state"] == "verified"


def test_a_source_that_is_the_destination_is_told(world: support.World) -> None:
    world.configure(destination_url=world.source_url + "/")
    assert "they are one server" in refused(world, "transfer", world.request())
    assert "FAIL both environment: source and destination have" in world.cli("doctor").out
    world.configure(destination_url=world.source_url.replace("http://", "HTTP://"))
    assert "they are one server" in refused(world, "transfer", world.request())


def test_a_pipe_for_a_configuration_or_a_document_never_waits(world: support.World) -> None:
    os.mkfifo(world.folder / "pipe")
    assert "not a regular file" in refused(world, "-c", world.folder / "pipe", "status")
    for name in ("pipe", "/dev/zero", "/etc/passwd", "connector-data/ledger.key"):
        basis = {"kind": "patient-authorization", "document": name}
        message = refused(world, "transfer", world.request(request_id="doc", basis=basis))
        assert "basis.document" in message
    for name in ("pipe", "/dev/zero", "/etc/passwd", "connector-data/ledger.key"):
        ran = world.cli("attach", world.request(), "--item", "pathology", name)
        assert ran.code == 2
        assert "Traceback" not in ran.err
