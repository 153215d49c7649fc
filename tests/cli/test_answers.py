"""What people answer in place of the chart, through the real command line: attach and waive."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import support
from tests.packet.missing import ANSWERS, Resource, chart, without
from tests.sandbox_parts import Fault, Sandbox

PDF = b"%PDF-1.4\nscanned\n"
PLAN = "demo-first-opinion-plan"
REASON = "Canary7Q was lost in a flood"


@contextmanager
def between(folder: Path, resources: list[Resource]) -> Iterator[support.World]:
    with Sandbox() as source, Sandbox() as destination:
        for resource in resources:
            source.put(resource)
        patient = next(r["id"] for r in resources if r["resourceType"] == "Patient")
        made = support.World(folder, source, destination, patient)
        made.configure()
        plan = [r for r in resources if r["id"] == PLAN]
        made.named = {"first_opinion": [f"CarePlan/{PLAN}"]} if plan else {}
        yield made


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[support.World]:
    """A source whose patient has everything that the general checklist requires."""
    with between(tmp_path, chart()) as made:
        yield made


@pytest.fixture
def uncovered(tmp_path: Path) -> Iterator[support.World]:
    """The same without Coverage, which is required."""
    with between(tmp_path, without("coverage")) as made:
        yield made


def waive(world: support.World, *arguments: str, reason: str = "") -> support.Ran:
    return world.cli("waive", *arguments, stdin=reason)


def kinds(stands: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {item["item"]: item["kind"] for item in stands["missing"] if item["required"]}


def test_a_whole_chart_lacks_nothing(demo: support.World) -> None:
    ran = demo.cli("map", demo.request(), "--json")
    assert (ran.code, kinds(ran.json)) == (0, {})


@pytest.mark.parametrize("item", ANSWERS)
def test_a_required_item_that_lacks_is_named_with_exit_3(tmp_path: Path, item: str) -> None:
    with between(tmp_path, without(item)) as world:
        ran = world.cli("map", world.request(), "--json")
    assert (ran.code, kinds(ran.json)) == (3, {item: "searched-none"})
    (missing,) = [i for i in ran.json["missing"] if i["required"]]
    assert missing["ask"]
    assert missing["due"] == support.NEEDED_BY


@pytest.mark.parametrize(("status", "kind"), [(403, "refused"), (500, "failed")])
def test_a_required_search_that_broke_is_named(demo: support.World, status: int, kind: str) -> None:
    demo.configure(source='pull = "search"\nattempts = 1')
    demo.source.add_fault(Fault("status", r"/Coverage\?", status=status))
    ran = demo.cli("map", demo.request(), "--json")
    assert (ran.code, kinds(ran.json)) == (3, {"coverage": kind})


def test_a_document_is_attached_listed_taken_back_and_sent(uncovered: support.World) -> None:
    scan = uncovered.folder / "scan.pdf"
    scan.write_bytes(PDF)
    request = uncovered.request()
    assert kinds(uncovered.cli("map", request, "--json").json) == {"coverage": "searched-none"}
    asked = len(uncovered.source.requests)

    given = ("--item", "coverage", "--type", "11506-3", "--date", "2026-11-01")
    ran = uncovered.cli("attach", "SO-1", *given, scan, "--json")
    assert (ran.code, ran.json["state"], kinds(ran.json)) == (0, "ready", {})
    assert ran.json["settled"][0]["kind"] == "supplied"
    assert len(uncovered.source.requests) == asked, "nothing is pulled for it"
    for title in ("\x0b", "a\x1b[2J", "x" * 201):
        wrong = uncovered.cli("attach", "SO-1", "--item", "pathology", "--title", title, scan)
        assert (wrong.code, "--title" in wrong.err) == (2, True)
    (listed,) = uncovered.cli("attach", request, "--list", "--json").json
    assert (listed["item"], listed["content_type"], listed["size"]) == (
        "coverage", "application/pdf", len(PDF),
    )  # fmt: skip

    assert uncovered.cli("attach", request, "--remove", listed["hash"][:12]).code == 3
    assert uncovered.cli("attach", request, "--list", "--json").json == []
    assert uncovered.cli("attach", request, "--remove", listed["hash"][:12]).code == 2

    uncovered.cli("attach", request, *given, scan)
    assert uncovered.cli("transfer", request, "--json").code == 0
    (there,) = [
        d
        for d in uncovered.there("DocumentReference")
        if d.get("description", "").startswith("Supplied")
    ]
    assert base64.b64decode(there["content"][0]["attachment"]["data"]) == PDF
    (composition,) = uncovered.there("Composition")
    reference = f"DocumentReference/{there['id']}"
    assert reference in repr(composition)

    written = uncovered.written()
    late = uncovered.cli("attach", request, *given, scan)
    assert late.code == 0, late.err  # the same document again: nothing new
    assert uncovered.written() == written
    assert uncovered.cli("show", request).code == 0


def test_a_document_may_come_before_the_chart(demo: support.World) -> None:
    scan = demo.folder / "scan.pdf"
    scan.write_bytes(PDF)
    request = demo.request()
    early = demo.cli("attach", request, "--item", "pathology", scan, "--json")
    assert (early.code, early.json["state"]) == (4, "opened")
    assert not demo.source.requests
    stands = demo.cli("map", request, "--json").json
    assert {i["item"]: i["kind"] for i in stands["settled"]}["pathology"] == "supplied"


@pytest.mark.parametrize(
    ("name", "body", "arguments", "said"),
    [
        ("ct.dcm", b"\0" * 128 + b"DICM", (), "DICOM"),
        ("scan.pdf", b"MZ", (), "program"),
        ("empty.pdf", b"", (), "empty"),
        ("big.pdf", b"%PDF-" + b"x" * 1000, (), "larger than 1000 bytes"),
        ("scan.pdf", PDF, ("--date", "yesterday"), "expected a date"),
        ("scan.pdf", PDF, ("--type", "pathology"), "expected a LOINC code"),
        ("scan.pdf", PDF, ("--item", "slides"), "does not have: slides"),
        ("scan.pdf", None, (), "No such file"),
    ],
)
def test_what_can_not_be_attached_is_told_and_nothing_is_kept(
    demo: support.World, name: str, body: bytes | None, arguments: tuple[str, ...], said: str
) -> None:
    demo.configure(source="attachment_bytes_max = 1000")
    if body is not None:
        (demo.folder / name).write_bytes(body)
    ran = demo.cli("attach", demo.request(), "--item", "pathology", *arguments, name)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert not [path for path in demo.store.rglob("*.db") if path.name == "case.db"]


def test_an_item_is_waived_with_a_reason_and_waited_for_again(uncovered: support.World) -> None:
    request = str(uncovered.request())
    assert uncovered.cli("map", request).code == 3
    assert waive(uncovered, request, "coverage", "--by", "A. Person").code == 2  # no reason
    assert waive(uncovered, request, "gaols", reason=REASON).code == 2

    ran = waive(uncovered, request, "coverage", "--by", "A. Person", "--json", reason=REASON)
    assert (ran.code, kinds(ran.json)) == (0, {})
    assert ran.json["settled"][0]["why"].startswith("waived by A. Person, ")
    listed = waive(uncovered, request, "--list")
    assert "A. Person" in listed.out
    assert REASON in listed.out

    assert waive(uncovered, request, "coverage", "--undo").code == 3
    assert waive(uncovered, request, "coverage", "--undo").code == 2

    waive(uncovered, request, "coverage", reason=REASON)
    sent = uncovered.cli("transfer", request)
    assert sent.code == 0
    everything = repr(uncovered.there()) + sent.out + sent.err + uncovered.cli("show", request).out
    assert "Canary7Q" not in everything
    (task,) = uncovered.there("Task")
    assert any(
        "by decision of the sending side" in value.get("valueString", "") for value in task["input"]
    )
    ledger = (uncovered.store / "ledger.db").read_bytes()
    assert b"Canary7Q" not in ledger
    written = uncovered.written()
    late = waive(uncovered, request, "labs", "--json", reason=REASON)  # they are there anyway
    assert (late.json["state"], late.json["update"]) == ("verified", None)
    assert uncovered.written() == written


def test_an_approval_does_not_cover_what_was_added_later(demo: support.World) -> None:
    demo.configure(release="manual")
    request = demo.request()
    digest = demo.cli("map", request, "--json").json["packet_hash"]
    demo.cli("approve", request, "--hash", digest)
    (demo.folder / "scan.pdf").write_bytes(PDF)
    ran = demo.cli("attach", request, "--item", "pathology", "scan.pdf", "--json")
    assert ran.json["state"] == "awaiting-approval"
    assert demo.cli("transfer", request).code == 5
    assert not demo.written()


def test_how_images_come_is_said_by_the_request_and_read_by_the_other_team(
    demo: support.World,
) -> None:
    demo.source.put(
        {
            "resourceType": "ImagingStudy",
            "id": "ct",
            "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.99.7"}],
            "status": "available",
            "subject": {"reference": f"Patient/{demo.patient}"},
            "started": "2026-10-02",
            "series": [{"uid": "1.2.840.99.7.1", "modality": {"code": "CT"}}],
        }
    )
    request = demo.request()
    told = demo.cli("map", request, "--json").json["missing"]
    assert ("images", "not-asked", "optional") in {(i["item"], i["kind"], i["need"]) for i in told}
    assert "nobody has said how they are sent" in demo.cli("show", request).out

    how = [{"item": "images", "how": "on a CD by courier"}]
    stands = demo.cli("transfer", demo.request(sent_separately=how), "--json").json
    assert ("images", "sent-separately") in {(i["item"], i["kind"]) for i in stands["settled"]}
    (task,) = demo.there("Task")
    said = [
        i["valueString"]
        for i in task["input"]
        if i["type"]["coding"][0]["code"] == "sent-separately"
    ]
    assert any("study 1.2.840.99.7" in line for line in said)
    assert all(line.endswith("on a CD by courier") for line in said)

    wrong = demo.cli("map", demo.request(sent_separately=[{"item": "imagse", "how": "x"}]))
    assert wrong.code == 2
    assert "does not have: imagse" in wrong.err


def test_doubts_of_independence_are_told_before_and_after(demo: support.World) -> None:
    request = demo.request(performer={"organization": {"name": "HOME hospital"}})
    dry = demo.cli("transfer", request, "--dry-run")
    assert "Independence: The receiving organisation is the one that asks" in dry.out
    assert not demo.written()
    stands = demo.cli("transfer", request, "--json").json
    assert len(stands["independence"]) == 1
    assert stands["advice"].startswith("In person")
    assert "Independence: " in demo.cli("show", request).out
