"""After delivery: what would be withheld now is told, and single records are taken back."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector import transfer
from connector.store.case.casefile import CaseFile
from connector.store.status.standing import standing
from connector.work.sync import _for_a_log
from tests import support
from tests.cli.test_consent_times import V3, codes, consent, job
from tests.cli.test_taken_back import events, say
from tests.push.conftest import dangling

SPARSE = 3  # the tiny chart lacks what the checklist requires
SUD = {"system": f"{V3}v3-ActCode", "code": "SUD"}
LETS_GO = {"securityLabel": [SUD]}
SECRET = "ZZSECRET"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[support.World]:
    with support.world(tmp_path) as made:
        made.configure()
        made.request()
        yield made


def problem(world: support.World, *labels: dict[str, str]) -> None:
    """A problem at the source whose words are easily found."""
    world.source.put(
        {
            "resourceType": "Condition", "id": "x", "meta": {"security": list(labels)},
            "clinicalStatus": {"coding": [{"system": f"{V3}condition-clinical", "code": "active"}]},
            "code": {"text": SECRET}, "subject": {"reference": f"Patient/{world.patient}"},
        }
    )  # fmt: skip


def delivered(world: support.World) -> None:
    ran = world.cli("transfer", "request.yaml", "--json")
    assert (ran.code, ran.json["state"]) == (SPARSE, "verified"), ran.out


def since(ran: support.Ran) -> list[tuple[str, str]]:
    return [(each["record"], each["rule"]) for each in ran.json["withheld_since"]["records"]]


def letters(world: support.World) -> list[list[dict[str, Any]]]:
    return [letter["payload"] for letter in world.there("Communication")]


def told(world: support.World, *arguments: str) -> support.Ran:
    """A run that ends with exit 5 because of what stands there."""
    ran = world.cli(*arguments)
    assert ran.code == 5, ran.out
    return ran


@pytest.mark.parametrize("how", ["revoked", "opted out", "given later"])
def test_a_consent_changes_after_delivery(world: support.World, how: str) -> None:
    problem(world, SUD)
    world.source.put(consent(world, provision=LETS_GO))
    delivered(world)
    before = world.there()
    if how == "revoked":
        world.source.put(consent(world, provision=LETS_GO, status="inactive"))
    elif how == "opted out":
        denied = {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]}
        world.source.put(consent(world, "deny", provision=denied))
    else:
        world.source.put({**consent(world, "deny", provision=LETS_GO), "id": "c2"})
    assert world.cli("show", "SO-1").code == SPARSE  # it asks nobody
    for verb in ("transfer", "verify", "show"):
        ran = world.cli(verb, "SO-1", "--json")
        assert (ran.code, codes(ran)[0]) == (5, "withheld-since")
        assert "Condition/x" in dict(since(ran))
        assert "Condition/x" not in str(ran.json["reasons"])
    shown = told(world, "transfer", "SO-1", "--dry-run").out
    assert "At the destination, and would be withheld now" in shown
    assert world.there() == before


def test_a_consent_runs_out_by_the_clock_alone(world: support.World) -> None:
    problem(world, SUD)
    ends = {"period": {"end": "2098-12-01"}}
    world.source.put(consent(world, provision=LETS_GO | ends))
    delivered(world)
    line = world.cli("sync", ".", "--json").json["requests"][0]
    assert (line["withheld_since"]["runs_out"], line["patient"]) == (1, None)
    stands = world.cli("show", "SO-1", "--json").json["withheld_since"]
    assert (stands["runs_out_at"], stands["runs_out"]) == ("2098-12-02T00:00:00Z", 1)
    asked = len(world.source.requests)
    late = datetime(2098, 12, 3, tzinfo=UTC)
    with CaseFile.open(next((world.store / "cases").iterdir())) as case:
        assert standing(case, late).exit_code == 5
        assert standing(case, datetime(2098, 12, 1, tzinfo=UTC)).exit_code == SPARSE
    assert len(world.source.requests) == asked
    looked = transfer.advance(replace(job(world, late), clock=lambda: late))
    assert looked.withheld_since is not None
    log = _for_a_log(looked)["withheld_since"]  # what cron prints is kept anywhere
    assert (log["undecided"], log["records"]) == (1, [])
    assert [each["record"] for each in looked.withheld_since["records"]] == ["Condition/x"]


def test_all_is_denied_after_delivery(world: support.World) -> None:
    problem(world)
    delivered(world)
    world.source.put(consent(world, "deny"))
    ran = told(world, "verify", "SO-1", "--json")
    assert codes(ran)[0] == "withheld-since"
    assert "consent-denies" in ran.json["reasons"][0]["why"]
    carried = [r for r in world.there() if r["resourceType"] == "Observation"]
    assert sum(record.startswith("Observation/") for record, _ in since(ran)) == len(carried)
    # An update tells nothing more, and says the same; what is recalled whole is no more to decide.
    assert codes(told(world, "transfer", "SO-1", "--update", "--json"))[:2] == [
        "consent-denies",
        "withheld-since",
    ]
    assert letters(world) == []
    assert say(world, "consent revoked", "recall", "SO-1").code == 0
    assert world.cli("show", "SO-1").code == 0


def test_a_label_is_added_after_delivery(world: support.World) -> None:
    """The update's letter names only what the source changed, and nothing by what it cut."""
    problem(world)
    refers = {
        "resourceType": "Condition", "id": "y", "code": {"text": "other"},
        "clinicalStatus": {"coding": [{"system": f"{V3}condition-clinical", "code": "active"}]},
        "evidence": [{"detail": [{"reference": "Condition/x"}]}],
        "subject": {"reference": f"Patient/{world.patient}"},
    }  # fmt: skip
    world.source.put(refers)
    delivered(world)
    [x] = [r for r in world.there("Condition") if r["code"].get("text") == SECRET]
    [y] = [r for r in world.there("Condition") if r["code"].get("text") == "other"]
    assert y["evidence"][0]["detail"][0]["reference"] == f"Condition/{x['id']}"
    problem(world, SUD)
    ran = told(world, "transfer", "SO-1", "--update", "--json")
    assert since(ran) == [("Condition/x", "release-part-2")]
    [letter] = letters(world)
    assert [list(part) for part in letter] == [["contentString"]]
    assert x["id"] not in str(letter)
    [y] = [r for r in world.there("Condition") if r["code"].get("text") == "other"]
    assert "evidence" not in y
    # Nor when the source has it no more.
    world.source.delete("Condition/x")
    told(world, "transfer", "SO-1", "--update")
    assert x["id"] not in str(letters(world))
    assert since(told(world, "verify", "SO-1", "--json")) == [("Condition/x", "release-part-2")]


def test_the_source_is_gone_after_delivery(world: support.World) -> None:
    delivered(world)
    world.source.close()
    ran = world.cli("verify", "SO-1", "--json")
    assert ran.code == SPARSE
    assert ran.json["withheld_since"]["unread"]


def test_a_person_says_that_it_may_stay(world: support.World) -> None:
    problem(world)
    delivered(world)
    problem(world, {"system": f"{V3}v3-ActCode", "code": "NOAUTH"})
    told(world, "transfer", "SO-1", "--update")
    assert say(world, "", "recall", "SO-1", "--record", "Condition/x", "--keep").code == 2
    keep = ("recall", "SO-1", "--record", "Condition/x", "--keep", "--by", "R. Example")
    assert say(world, "the patient knows", *keep).code == SPARSE
    ran = world.cli("transfer", "SO-1", "--json")
    assert (ran.code, ran.json["withheld_since"]["records"][0]["kept_by"]) == (SPARSE, "R. Example")
    assert "the patient knows" not in ran.out
    # Of another rule it was not said.
    problem(world, SUD)
    told(world, "transfer", "SO-1", "--update")


def test_one_record_is_taken_back(world: support.World) -> None:
    problem(world)
    delivered(world)
    before = world.cli("show", "SO-1", "--json").json
    others = len(world.there()) - 1
    dry = world.cli("recall", "SO-1", "--record", "Condition/x", "--dry-run", "--json")
    assert [row["fate"] for row in dry.json["resources"]] == ["marked"]
    assert SECRET in str(world.there("Condition"))
    back = ("recall", "SO-1", "--record", "Condition/x", "--by", "R. Example")
    ran = say(world, "ZZREASON", *back)
    assert ran.code == SPARSE, ran.out + ran.err
    assert SECRET not in str(world.there())
    assert "ZZREASON" not in str(world.there())
    [letter] = letters(world)
    assert letter[0]["contentString"].startswith("1 record is withdrawn by the source")
    assert all("contentReference" not in part for part in letter)
    assert len(world.there()) >= others  # all else stands
    now = world.cli("show", "SO-1", "--json").json
    assert (now["service_request"], now["task"]) == (before["service_request"], before["task"])
    assert now["withheld_since"]["taken_back"][0]["record"] == "Condition/x"
    assert now["withheld_since"]["records"] == []
    assert now["counts"]["theirs"] == 0
    assert ("recall", "verified", "R. Example") in events(world)
    receipt = json.loads(Path(now["receipt"]).read_text())
    notes = [line["note"] for line in receipt["resources"] if line["status"] == "removed"]
    assert "taken-back" in notes
    assert dangling(world.destination) == set()
    # It is for good, and the rest is as it was.
    for arguments in (("transfer", "SO-1", "--update"), ("verify", "SO-1")):
        assert world.cli(*arguments).code == SPARSE
    assert SECRET not in str(world.there())
    assert world.cli("audit", "verify").code == 0


@pytest.mark.sweep
@pytest.mark.deep
def test_a_recall_of_one_record_killed_at_any_step_and_run_again(tmp_path: Path) -> None:
    stride = support.stride(220, 40)
    log, number, steps = tmp_path / "steps.txt", 0, [""]
    back = ("recall", "SO-1", "--record", "Condition/x", "--by", "R. Example")
    while number < len(steps):
        (folder := tmp_path / f"kill-{number}").mkdir()
        with support.world(folder) as world:
            world.configure()
            world.request()
            problem(world)
            delivered(world)
            others = len(world.there()) - 1
            if step := steps[number]:
                assert world.cli(*back, stdin="why", failpoint=step).code == 137, step
            ran = world.cli(*back, stdin="why", log="" if step else str(log))
            assert ran.code == SPARSE, (step, ran)
            assert SECRET not in str(world.there()), step
            assert len(world.there()) >= others, step
            assert len(letters(world)) == 1, step
            assert dangling(world.destination) == set(), step
            assert world.cli("audit", "verify").code == 0, step
        if not step:
            steps += log.read_text().split()[stride // 2 :: stride]
        number += 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--record", "Condition/none"), "no such record"),
        (("--record", "Patient/{patient}"), "patient's own"),
        (("--keep",), "would be withheld now"),
    ],
)
def test_what_can_not_be_taken_back_alone(
    world: support.World, arguments: tuple[str, ...], says: str
) -> None:
    delivered(world)
    ran = say(world, "why", "recall", "SO-1", *(a.format(patient=world.patient) for a in arguments))
    assert (ran.code, says in ran.err) == (2, True), ran.err
    assert world.patient not in ran.err


@pytest.mark.parametrize("named", [True, False])
def test_a_consent_that_stands_there_says_what_it_is_now(world: support.World, named: bool) -> None:
    """Also one that the packet had only because the request named it, once."""
    world.source.put(consent(world))
    world.request(include=["Consent/c1"])
    delivered(world)
    [before] = world.there("Consent")
    assert before["status"] == "active"
    world.source.put(consent(world, status="inactive"))
    if not named:
        world.request()
    assert world.cli("transfer", "request.yaml", "--update").code == SPARSE
    [now] = world.there("Consent")
    assert (now["id"], now["status"]) == (before["id"], "inactive")


def test_a_consent_that_would_tell_is_on_the_list(world: support.World) -> None:
    problem(world, SUD)
    world.source.put(consent(world, provision=LETS_GO))
    world.request(include=["Consent/c1"])
    delivered(world)
    world.source.put(consent(world, provision=LETS_GO, status="inactive"))
    world.request()
    ran = told(world, "transfer", "request.yaml", "--update", "--json")
    assert since(ran) == [("Condition/x", "release-part-2"), ("Consent/c1", "consent-tells")]
    assert world.there("Consent")[0]["status"] == "active"
    back = ("recall", "SO-1", "--record", "Consent/c1", "--record", "Condition/x")
    assert say(world, "revoked", *back).code == SPARSE
    assert not [c for c in world.there("Consent") if c["status"] == "active"]
    assert letters(world)[-1][0]["contentString"].startswith("2 records are withdrawn")
    assert SECRET not in str(world.there())
