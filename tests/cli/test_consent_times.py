"""A consent that changes on the way: before the dry run, after approval, during sending."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector import packet, transfer
from connector.case import State
from connector.config import load
from connector.job import Job, prepare
from connector.sandbox.parameters import PARAMETERS
from connector.work.requests import read_request
from tests import support
from tests.sandbox_parts import Fault, Quirks

V3 = "http://terminology.hl7.org/CodeSystem/"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[support.World]:
    with support.world(tmp_path) as made:
        made.configure(release="manual")
        made.request()
        yield made


def consent(world: support.World, kind: str = "permit", **more: Any) -> dict[str, Any]:
    provision = {"type": kind, **more.pop("provision", {})}
    return {
        "resourceType": "Consent",
        "id": "c1",
        "status": "active",
        "scope": {"coding": [{"system": f"{V3}consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{world.patient}"},
        "provision": provision,
        **more,
    }


def approved(world: support.World) -> None:
    shown = world.cli("transfer", "request.yaml", "--dry-run", "--json")
    assert shown.code in (0, 3, 5), shown.err
    digest = shown.json["packet_hash"]
    assert world.cli("approve", "request.yaml", "--hash", digest).code in (0, 3)


def codes(ran: support.Ran) -> list[str]:
    return [reason["code"] for reason in ran.json["reasons"]]


def test_denied_after_the_approval_nothing_leaves(world: support.World) -> None:
    world.source.put(consent(world))
    approved(world)
    world.source.put(consent(world, "deny"))
    ran = world.cli("transfer", "request.yaml", "--json")
    assert ran.code == 5
    assert codes(ran)[0] == "consent-denies"
    assert world.written() == []
    # and it is so on every later run, also on one that only looks
    assert world.cli("transfer", "request.yaml", "--dry-run").code == 5
    world.source.put(consent(world))  # the patient decided otherwise
    again = world.cli("transfer", "request.yaml", "--json")
    assert again.code in (0, 3), again.out


def test_a_consent_that_was_given_first_after_the_approval(world: support.World) -> None:
    approved(world)
    world.source.put(consent(world, "deny"))
    assert world.cli("transfer", "request.yaml").code == 5
    assert world.written() == []


def test_some_records_denied_after_the_approval_need_another_one(world: support.World) -> None:
    approved(world)
    observations = {"class": [{"system": "http://hl7.org/fhir/resource-types",
                               "code": "Observation"}]}  # fmt: skip
    world.source.put(consent(world, "deny", provision=observations))
    ran = world.cli("transfer", "request.yaml", "--json")
    assert ran.code == 5
    assert codes(ran)[0] == "approval"
    assert ran.json["counts"]["withheld"] > 0
    assert world.written() == []
    approved(world)
    world.cli("transfer", "request.yaml")
    assert world.there("ServiceRequest")
    assert not world.there("Observation")


def test_a_permission_that_runs_out_between_approval_and_sending(world: support.World) -> None:
    """Labelled records that a consent lets go stay once its period is over: by the clock alone."""
    world.source.put(
        {
            "resourceType": "Condition", "id": "sud",
            "meta": {"security": [{"system": f"{V3}v3-ActCode", "code": "SUD"}]},
            "clinicalStatus": {"coding": [{"system": f"{V3}condition-clinical", "code": "active"}]},
            "code": {"text": "ZZSECRET"}, "subject": {"reference": f"Patient/{world.patient}"},
        }
    )  # fmt: skip
    label = {"securityLabel": [{"system": f"{V3}v3-ActCode", "code": "SUD"}]}
    period = {"period": {"end": "2098-12-01"}}
    world.source.put(consent(world, provision=label | period))
    world.configure(release="auto")
    asked = job(world, datetime(2026, 11, 22, tzinfo=UTC))
    first = transfer.advance(asked, State.READY)
    assert first.counts["withheld"] == 0
    late = replace(asked, clock=lambda: datetime(2098, 12, 2, tzinfo=UTC))
    assert transfer.advance(late).counts["withheld"] > 0
    assert "ZZSECRET" not in str(world.there())
    assert world.there("ServiceRequest")


def job(world: support.World, now: datetime) -> Job:
    config = load(world.folder / "connector.toml")
    made = prepare(config, read_request(world.folder / "request.yaml"), packet.load())
    return replace(made, clock=lambda: now)


def test_revoked_while_it_is_on_its_way(world: support.World) -> None:
    world.configure(release="auto")
    world.source.put(consent(world))
    world.destination.add_fault(
        Fault("status", path=r"/fhir/?$", method="POST", status=503, skip=1)
    )
    world.configure(release="auto", destination="attempts = 1\nbundle = { max_entries = 20 }")
    assert world.cli("transfer", "request.yaml").code in (4, 7)
    world.destination.clear_faults()
    there = len(world.there())
    assert there
    world.source.put(consent(world, "deny"))
    ran = world.cli("transfer", "request.yaml", "--json")
    assert (ran.code, codes(ran)[0]) == (5, "consent-changed")
    assert len(world.there()) == there
    assert world.cli("transfer", "request.yaml").code == 5  # however often
    world.source.put(consent(world))
    assert world.cli("transfer", "request.yaml").code in (0, 3)


def test_an_edit_waits_while_the_packet_is_on_its_way(world: support.World) -> None:
    """Consents are read for the request that is leaving, not for the one that comes after it."""
    world.source.put(consent(world, "deny"))
    review = {"record": "Consent/c1", "reviewed_by": "R. Example", "withhold": []}
    world.request(consents=[review])
    world.configure(release="auto", destination="attempts = 1\nbundle = { max_entries = 20 }")
    world.destination.add_fault(
        Fault("status", path=r"/fhir/?$", method="POST", status=503, skip=1)
    )
    assert world.cli("transfer", "request.yaml").code in (4, 7)
    world.destination.clear_faults()
    assert world.there()
    world.request()  # nobody read that consent after all
    ran = world.cli("transfer", "request.yaml", "--json")
    assert "consent-changed" not in codes(ran), ran.out
    assert [task["status"] for task in world.there("Task")] == ["requested"]


def test_consents_are_read_again_in_pages_that_the_source_takes(tmp_path: Path) -> None:
    picky = Fault("status", path="[?&]_count=", status=400)
    with support.world(tmp_path, source={"faults": [picky]}) as world:
        world.configure()
        world.request()
        ran = world.cli("transfer", "request.yaml", "--json")
        assert ran.code in (0, 3), ran.err
        assert world.written()


def test_an_approval_is_of_the_consents_as_they_were(world: support.World) -> None:
    """Also of those that change nothing of the packet: whoever approved had not seen them."""
    research = {"coding": [{"system": f"{V3}consentscope", "code": "research"}]}
    world.source.put(consent(world, "deny", scope=research))
    world.request(exclude=["Consent/c1"])
    approved(world)
    world.source.put(consent(world, "permit", scope=research))
    ran = world.cli("transfer", "request.yaml", "--json")
    assert (ran.code, codes(ran)[0]) == (5, "approval")
    assert world.written() == []
    approved(world)
    assert world.cli("transfer", "request.yaml").code in (0, 3)


def test_an_approval_grows_old(world: support.World) -> None:
    world.configure(release="manual", destination="approval_days = 2")
    asked = job(world, datetime(2026, 11, 22, tzinfo=UTC))
    first = transfer.advance(asked, State.READY)
    assert first.packet_hash
    transfer.approve(asked, first.packet_hash, "R. Example")
    late = replace(asked, clock=lambda: datetime(2026, 11, 24, 0, 0, 1, tzinfo=UTC))
    assert transfer.advance(late).state is State.UNAPPROVED
    assert world.written() == []
    in_time = replace(asked, clock=lambda: datetime(2026, 11, 23, 23, tzinfo=UTC))
    assert transfer.advance(in_time).state is State.VERIFIED


@pytest.mark.parametrize("how", ["refused", "undeclared"])
def test_what_can_not_be_read_counts_against(tmp_path: Path, how: str) -> None:
    source: dict[str, Any] = {}
    if how == "refused":
        source["faults"] = [Fault("status", path="/Consent", status=403)]
    else:
        source["quirks"] = Quirks(types=frozenset(PARAMETERS) - {"Consent"})
    with support.world(tmp_path, source=source) as world:
        world.configure()
        world.request()
        ran = world.cli("transfer", "request.yaml", "--json")
        assert (ran.code, codes(ran)[0]) == (5, "consent-unread")
        assert world.written() == []
        said = {"by": "Robin Example", "reason": "paper forms read, none restricts"}
        world.request(consents_checked=said)
        assert world.cli("transfer", "request.yaml").code in (0, 3)
        assert b"Robin Example" not in b"".join(
            p.read_bytes() for p in world.folder.rglob("packet.json")
        )


def test_a_refusal_told_for_several_types_counts_for_the_consents_too(tmp_path: Path) -> None:
    faults = [Fault("status", path=f"/{name}", status=404) for name in ("CarePlan", "Consent")]
    with support.world(tmp_path, source={"faults": faults}) as world:
        world.configure(release="manual")
        world.request()
        ran = world.cli("transfer", "request.yaml", "--dry-run", "--json")
        assert "CarePlan, Consent" in {gap["what"] for gap in ran.json["gaps"]}
        assert (ran.code, codes(ran)[0]) == (5, "consent-unread")


def test_a_review_is_of_the_consent_that_was_read(world: support.World) -> None:
    world.configure(release="auto")
    world.source.put(consent(world, "deny"))
    review = {"record": "Consent/c1", "reviewed_by": "R. Example", "withhold": []}
    world.request(consents=[review])
    assert world.cli("transfer", "request.yaml", "--dry-run").code in (0, 3)
    world.source.put(consent(world, "deny", provision={"purpose": [{"code": "x"}]}))
    ran = world.cli("transfer", "request.yaml", "--json")
    assert (ran.code, codes(ran)[0]) == (5, "consent-changed")
    assert world.written() == []
    world.request(consents=[{**review, "reviewed_on": "2026-11-27"}])
    assert world.cli("transfer", "request.yaml").code in (0, 3)


def test_the_source_is_gone_when_the_packet_would_leave(world: support.World) -> None:
    approved(world)
    world.source.close()
    ran = world.cli("transfer", "request.yaml", "--json")
    assert ran.code == 6
    assert world.written() == []


NPI = "http://hl7.org/fhir/sid/us-npi"


def house(id: str, number: str, part_of: str = "") -> dict[str, Any]:
    above = {"partOf": {"reference": f"Organization/{part_of}"}} if part_of else {}
    identifier = [{"system": NPI, "value": number}]
    return {
        "resourceType": "Organization", "id": id, "name": id, "identifier": identifier, **above,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("way", "link"),
    [
        ("server", "part"), ("files", "part"), ("server", "none"), ("files", "none"),
        ("server", "organization"), ("files", "organization"), ("files", "network"),
    ],
)  # fmt: skip
def test_what_is_denied_to_a_house_is_denied_to_parts_that_nothing_names(
    tmp_path: Path, way: str, link: str
) -> None:
    """The chart refers to the holding only; that the clinic belongs to it, other records say."""
    with support.world(tmp_path) as world:
        role = {"coding": [{"system": f"{V3}v3-ParticipationType", "code": "IRCP"}]}
        actor = {"actor": [{"role": role, "reference": {"reference": "Organization/holding"}}]}
        houses = [
            house("holding", "1932102084"),
            house("region", "1518960434", "holding" if link in ("part", "none") else ""),
            house("clinic", "1164425534", "" if link == "none" else "region"),
        ]
        base = "https://home.example.org/fhir/" if link == "network" else ""
        whole = {"reference": f"{base}Organization/holding"}
        if link in ("organization", "network"):
            houses.append({
                "resourceType": "OrganizationAffiliation", "id": "member", "active": True,
                link: whole if link == "organization" else [whole],
                "participatingOrganization": {"reference": f"{base}Organization/region"},
            })  # fmt: skip
        planted = [*houses, consent(world, "deny", provision=actor)]
        for resource in planted:
            world.source.put(resource)
        folder = tmp_path / "records"
        folder.mkdir()
        (folder / "chart.json").write_bytes(support.chart_bytes(support.TINY))
        entries = [
            {"fullUrl": f"{base or 'urn:x/'}{r['resourceType']}/{r['id']}", "resource": r}
            for r in planted
        ]
        more = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        (folder / "more.json").write_text(json.dumps(more))
        if way == "files":
            world.source_url = ""
            world.configure(source=f'files = "{folder}"')
        else:
            world.configure()
        world.request(performer={"organization": {"name": "The Clinic", "npi": "1164425534"}})
        ran = world.cli("transfer", "request.yaml", "--json")
        if link != "none":
            assert (ran.code, codes(ran)[0]) == (5, "consent-denies")
            assert world.written() == []
        else:
            assert ran.code in (0, 3), ran.out


def test_consents_in_files_are_read_again(tmp_path: Path) -> None:
    with support.world(tmp_path) as world:
        folder = tmp_path / "records"
        folder.mkdir()
        (folder / "chart.json").write_bytes(support.chart_bytes(support.TINY))
        world.source_url = ""
        world.configure(source=f'files = "{folder}"', release="manual")
        world.request()
        approved(world)
        import json

        (folder / "consent.json").write_text(json.dumps(consent(world, "deny")))
        ran = world.cli("transfer", "request.yaml", "--json")
        assert (ran.code, codes(ran)[0]) == (5, "consent-denies")
        assert world.written() == []
