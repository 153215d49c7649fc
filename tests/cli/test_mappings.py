"""An own mapping set, through the command line: used, noticed when it changes, explained."""

import json
from collections.abc import Mapping
from pathlib import Path

from connector.mappingfiles import ROOT
from tests.support import World

SECRET = {
    "resourceType": "Condition",
    "id": "secret",
    "meta": {
        "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SUD"}]
    },
    "code": {"text": "Something"},
}


def own(world: World, name: str, old: str, new: str) -> Path:
    path = world.folder / "mine" / name
    text = path.read_text() if path.exists() else (ROOT / name).read_text()
    assert old in text
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new))
    return path


def missing(world: World, *arguments: str) -> set[str]:
    ran = world.cli(*arguments, "map", "request.yaml", "--json")
    return {item["item"] for item in ran.json["missing"]}


def test_a_changed_set_makes_the_packet_again_until_it_began_to_leave(world: World) -> None:
    world.configure(release="manual")
    world.request()
    assert "problems" not in missing(world)
    before = world.cli("show", "SO-1", "--json").json["packet_hash"]

    every = "- {type: Condition}"
    own(world, "checklists/general.yaml", every, "- {type: Condition, category: [no-such]}")
    assert "problems" in missing(world, "--mappings", "mine")
    assert "problems" not in missing(world)
    assert world.cli("show", "SO-1", "--json").json["packet_hash"] == before

    world.cli("approve", "SO-1", "--hash", before)
    (world.folder / "mine" / "README.md").write_text("not a rule")
    assert world.cli("transfer", "request.yaml").code == 3
    written = len(world.written())
    again = world.cli("--mappings", "mine", "transfer", "request.yaml", "--json")
    assert again.json["state"] == "verified"
    assert again.json["packet_hash"] == before
    assert len(world.written()) == written


def test_cron_uses_the_set_of_the_configuration_and_an_approval_stays(world: World) -> None:
    path = world.request("requests/a.yaml")
    own(world, "checklists/general.yaml", "version:", "# seen\nversion:")
    world.configure(release="manual", extra='[mappings]\nfolder = "mine"')
    hashed = world.cli("--mappings", "mine", "map", path, "--json").json["packet_hash"]
    world.cli("approve", path, "--hash", hashed)
    (line,) = world.cli("sync", "requests", "--json").json["requests"]
    assert line["state"] == "verified"
    assert line["packet_hash"] == hashed


def test_a_mistake_in_a_file_is_told_before_anything_is_asked(world: World) -> None:
    world.request()
    path = own(world, "checklists/general.yaml", "window: 12 months", "window: a year")
    ran = world.cli("--mappings", "mine", "transfer", "request.yaml")
    assert ran.code == 2
    assert f"mine/{path.relative_to(world.folder / 'mine')}, line " in ran.err
    assert world.source.requests == []


def test_explain_says_rule_reason_file_and_line(world: World) -> None:
    world.source.load(json.dumps(_with_subject(SECRET, world.patient)).encode())
    world.request()
    own(world, "selection.yaml", "version:", "# a line more\nversion:")
    world.cli("--mappings", "mine", "map", "request.yaml")
    told = world.cli("--mappings", "mine", "mappings", "explain", "SO-1", "--json").json
    assert told["same_set"] is True
    counts = world.cli("show", "SO-1", "--json").json["counts"]
    assert len(told["records"]) == counts["pulled"] == sum(r["records"] for r in told["rules"])

    by_rule = {rule["rule"]: rule for rule in told["rules"]}
    _stands(by_rule["safety-problems"], "mine/selection.yaml", "- id: safety-problems", world)
    _stands(by_rule["checklist-vitals"], str(ROOT / "checklists/general.yaml"), "id: vitals", world)
    assert by_rule["referenced"]["where"] is None
    assert by_rule["release-part-2"]["outcome"] == "withheld"
    (withheld,) = [r for r in told["records"] if r["outcome"] == "withheld"]
    assert withheld["record"] == "Condition/secret"

    one = world.cli("mappings", "explain", "SO-1", "Condition/secret")
    assert one.code == 0
    assert "Condition/secret: withheld [release-part-2]" in one.out
    assert "made with another mapping set" in one.out


def test_explain_needs_a_packet_and_a_record_of_the_chart(world: World) -> None:
    world.request()
    world.cli("pull", "request.yaml")
    early = world.cli("mappings", "explain", "SO-1")
    assert (early.code, "no packet yet" in early.err) == (2, True)
    world.cli("map", "request.yaml")
    unknown = world.cli("mappings", "explain", "SO-1", "Condition/nobody")
    assert (unknown.code, "no such record" in unknown.err) == (2, True)
    assert "nobody" not in unknown.err


def test_copy_never_writes_over_and_check_says_what_is_wrong(world: World) -> None:
    copied = world.cli("mappings", "copy", "mine", "release/never.yaml")
    assert copied.code == 0
    assert (world.folder / "mine/release/never.yaml").read_bytes() == (
        ROOT / "release/never.yaml"
    ).read_bytes()
    assert world.cli("mappings", "copy", "mine", "release/never.yaml").code == 2
    assert world.cli("mappings", "copy", "mine", "release/always.yaml").code == 2
    assert world.cli("mappings", "check", "mine").code == 0
    own(world, "release/never.yaml", "types: [AuditEvent]", "types: [Provenance]")
    wrong = world.cli("mappings", "check", "mine", "--json")
    assert wrong.code == 2
    assert "never-audit, the rules none" in "".join(wrong.json["wrong"])


def _stands(rule: dict[str, str], file: str, text: str, world: World) -> None:
    path, _, line = rule["where"].partition(", line ")
    assert path == file
    assert text in (world.folder / path).read_text().splitlines()[int(line) - 1]


def _with_subject(resource: Mapping[str, object], patient: str) -> dict[str, object]:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "resource": {**resource, "subject": {"reference": f"Patient/{patient}"}},
                "request": {"method": "PUT", "url": "Condition/secret"},
            }
        ],
    }
