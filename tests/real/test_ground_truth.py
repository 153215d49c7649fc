"""The judge judged: a faithful transfer made by hand passes, and each fault in it is named."""

import base64
import copy
import hashlib
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.real.charts import FIXTURES, Resource, key, map_nodes, read_chart
from tests.real.destination import Destination
from tests.real.ground_truth import Transfer, authored, problems

SOURCE_ID = uuid.UUID("5c0b8dd5-5d0c-4c6e-8a51-6a3c6f3a2f10")
SOURCE_URL = "http://127.0.0.1:1/fhir"
TAGS = "urn:oid:2.25.1"
PATIENT = "Patient/there"


@pytest.fixture(scope="module")
def transfer() -> Transfer:
    [path] = FIXTURES.glob("mix/Charlene806*")
    return Transfer(read_chart(path), SOURCE_ID, SOURCE_URL, TAGS, PATIENT)


@pytest.fixture
def arrived(transfer: Transfer) -> dict[str, Resource]:
    """What a faithful connector leaves behind: new ids, tags, references, logical ones too."""
    numbers = {name: str(1000 + i) for i, name in enumerate(sorted(transfer.whole_chart))}
    there = {name: f"{name.partition('/')[0]}/{n}" for name, n in numbers.items()}
    there[key(transfer.chart.patient)] = PATIENT

    def rewritten(node: dict[str, Any]) -> dict[str, Any]:
        target = node.get("reference")
        if target in there:
            return {**node, "reference": there[target]}
        if target not in transfer.by_key:
            return node
        rest = {name: item for name, item in node.items() if name != "reference"}
        return {"identifier": {"system": f"urn:uuid:{SOURCE_ID}", "value": target}, **rest}

    resources: dict[str, Resource] = {PATIENT: {"resourceType": "Patient", "id": "there"}}
    for name, number in numbers.items():
        resource = map_nodes(copy.deepcopy(transfer.by_key[name]), rewritten)
        code = str(uuid.uuid5(SOURCE_ID, name))
        meta = resource.get("meta", {})
        tags = [*meta.get("tag", []), {"system": TAGS, "code": code}]
        resource = {**resource, "id": number, "meta": {**meta, "versionId": "1", "tag": tags}}
        resources[key(resource)] = resource
    _carry_notes_once(resources)
    for resource in resources.values():
        if resource["resourceType"] == "Provenance":
            resource["target"] = [item for item in resource["target"] if "reference" in item]
    return resources


def _carry_notes_once(resources: dict[str, Resource]) -> None:
    documents = {
        document["content"][0]["attachment"]["data"]: document
        for document in resources.values()
        if document["resourceType"] == "DocumentReference"
    }
    for report in resources.values():
        for form in report.get("presentedForm", []):
            document = documents[form["data"]]
            content = base64.b64decode(form.pop("data"))
            digest = hashlib.sha1(content, usedforsecurity=False).digest()
            form |= {"size": len(content), "hash": base64.b64encode(digest).decode()}
            document["context"].setdefault("related", []).append({"reference": key(report)})


def test_a_faithful_transfer_has_no_problems(
    transfer: Transfer, arrived: dict[str, Resource]
) -> None:
    assert len(transfer.whole_chart) > 140
    assert not any(name.startswith(("Claim/", "Explanation")) for name in transfer.whole_chart)
    assert any(name.startswith("Practitioner/") for name in transfer.whole_chart)
    assert problems(transfer, Destination(arrived)) == []


def _first(resources: dict[str, Resource], kind: str) -> Resource:
    return next(r for r in resources.values() if r["resourceType"] == kind)


def _lose(resources: dict[str, Resource]) -> None:
    del resources[key(_first(resources, "Immunization"))]


def _double(resources: dict[str, Resource]) -> None:
    resources["Condition/again"] = {**_first(resources, "Condition"), "id": "again"}


def _round(resources: dict[str, Resource]) -> None:
    for resource in resources.values():
        value = resource.get("valueQuantity", {}).get("value")
        if isinstance(value, Decimal):
            resource["valueQuantity"]["value"] = value * Decimal("1.0")
            return
    raise AssertionError("no decimal in the chart")


def _rename(resources: dict[str, Resource]) -> None:
    _first(resources, "DocumentReference")["identifier"][0]["value"] = "other"


def _drop_profile(resources: dict[str, Resource]) -> None:
    del _first(resources, "Encounter")["meta"]["profile"]


def _misdirect(resources: dict[str, Resource]) -> None:
    _first(resources, "Observation")["subject"]["reference"] = "Patient/elsewhere"


def _keep_urn(resources: dict[str, Resource]) -> None:
    attachment = _first(resources, "DocumentReference")["content"][0]["attachment"]
    attachment["url"] = f"urn:uuid:{uuid.uuid4()}"


def _point_home(resources: dict[str, Resource]) -> None:
    attachment = _first(resources, "DocumentReference")["content"][0]["attachment"]
    attachment["url"] = f"{SOURCE_URL}/Binary/1"


def _repeat_note(resources: dict[str, Resource]) -> None:
    report = next(r for r in resources.values() if r.get("presentedForm"))
    report["presentedForm"][0]["data"] = "SGk="


def _drop_target(resources: dict[str, Resource]) -> None:
    _first(resources, "Provenance")["target"].pop()


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (_lose, "missing"),
        (_double, "stands 2 times"),
        (_round, "differs at valueQuantity.value"),
        (_rename, "differs at identifier.0.value"),
        (_drop_profile, "lost one of meta.profile"),
        (_misdirect, "refers to Patient/elsewhere, which is not there"),
        (_keep_urn, "holds the address urn:uuid:"),
        (_point_home, f"holds the address {SOURCE_URL}"),
        (_repeat_note, "gained presentedForm.0.data"),
        (_drop_target, "Provenance"),
    ],
)
def test_each_fault_is_named(
    transfer: Transfer,
    arrived: dict[str, Resource],
    spoil: Callable[[dict[str, Resource]], None],
    named: str,
) -> None:
    spoil(arrived)
    assert any(named in problem for problem in problems(transfer, Destination(arrived)))


def test_a_claim_that_travelled_is_named(transfer: Transfer, arrived: dict[str, Resource]) -> None:
    claim = next(r for r in transfer.chart.records if r["resourceType"] == "Claim")
    tag = {"system": TAGS, "code": str(uuid.uuid5(SOURCE_ID, key(claim)))}
    arrived["Claim/1"] = {"resourceType": "Claim", "id": "1", "meta": {"tag": [tag]}}
    assert any("never travels" in p for p in problems(transfer, Destination(arrived)))


def test_a_part_of_the_chart_is_held_to_the_same_measure(
    transfer: Transfer, arrived: dict[str, Resource]
) -> None:
    names = sorted(transfer.whole_chart)
    alone = [name for name in names if name.startswith("Organization/")]
    destination = Destination(
        {n: r for n, r in arrived.items() if n == PATIENT or r["resourceType"] == "Organization"}
    )
    assert problems(transfer, destination, expected=alone) == []
    assert len(problems(transfer, destination)) == len(names) - len(alone)


def test_authored_resources_are_told_from_the_chart(
    transfer: Transfer, arrived: dict[str, Resource]
) -> None:
    def requests_of(patient: str) -> Iterator[Resource]:
        for number in ("1", "2"):
            subject = {"reference": patient}
            yield {
                "resourceType": "ServiceRequest",
                "id": f"{patient}-{number}",
                "subject": subject,
            }

    for resource in (*requests_of(PATIENT), *requests_of("Patient/other")):
        arrived[key(resource)] = resource
    assert len(authored(transfer, Destination(arrived), "ServiceRequest")) == 2
    assert authored(transfer, Destination(arrived), "Encounter") == []
