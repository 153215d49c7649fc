"""What goes with a reference to a withheld record: the smallest element that R4 lets go."""

import copy
import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.fhir.gate import check, required
from connector.fhir.lossless import decode, encode
from connector.packet.record.links import Links
from connector.packet.release.redact import UncuttableError, cut
from connector.packet.release.withheld import Withheld
from connector.store.case.casefile import CaseFile
from tests.packet.charts import FIXTURES, SOURCE, put, put_target

SECRET = {"reference": "Condition/secret"}
OTHER = {"reference": "Condition/other"}
DIV = {"status": "generated", "div": "<div>dependence</div>"}


@pytest.fixture
def withheld(tmp_path: Path) -> Withheld:
    case = CaseFile.open(tmp_path)
    secret = {
        "resourceType": "Condition",
        "id": "secret",
        "identifier": [{"system": "urn:oid:1.2", "value": "S-1"}],
    }
    put(case, secret, {"resourceType": "Condition", "id": "other"})
    put_target(case, "Condition?identifier=urn:oid:9|resolved", "Condition/secret")
    put_target(case, "urn:uuid:9f0c8a10-0000-4000-8000-000000000000", "Condition/secret")
    found = Withheld(Links(case, SOURCE.base_url))
    found.add("Condition/secret", secret)
    return found


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Condition/secret", "display": "dependence"},
        {"reference": "Condition/secret/_history/3"},
        {"reference": f"{SOURCE.base_url}/Condition/secret"},
        {"reference": f"{SOURCE.base_url}/Condition/secret/_history/1"},
        {"reference": "https://other.example/fhir/Condition/secret"},  # maybe another address of it
        {"reference": "Condition/secret#part"},
        {"reference": "urn:uuid:secret"},
        {"reference": "urn:uuid:9f0c8a10-0000-4000-8000-000000000000"},
        {"reference": "Condition?identifier=urn:oid:9|resolved"},
        {"reference": "Condition?identifier=urn:oid:1.2|S-1"},
        {"reference": "Condition?identifier=urn%3Aoid%3A1.2%7CS-1"},
        {"reference": "Condition?_id=secret"},
        {"identifier": {"system": "urn:oid:1.2", "value": "S-1"}, "display": "dependence"},
        {"type": "Condition", "identifier": {"system": "urn:oid:1.2", "value": "S-1"}},
        {"reference": "Condition/gone", "identifier": {"system": "urn:oid:1.2", "value": "S-1"}},
    ],
)
def test_a_withheld_record_is_known_however_it_is_named(
    withheld: Withheld, reference: dict[str, Any]
) -> None:
    flag = {"resourceType": "Flag", "id": "f", "status": "active", "code": {}, "author": reference}
    assert cut(flag, withheld)
    assert flag == {"resourceType": "Flag", "id": "f", "status": "active", "code": {}}


@pytest.mark.parametrize(
    "reference",
    [
        OTHER,
        {"reference": "Procedure/secret"},
        {"reference": "#secret"},
        {"reference": "Condition?identifier=urn:oid:1.2|S-2"},
        {"type": "Procedure", "identifier": {"system": "urn:oid:1.2", "value": "S-1"}},
        {"identifier": {"value": "S-1"}},
        {"display": "dependence"},
    ],
)
def test_nothing_else_is_touched(withheld: Withheld, reference: dict[str, Any]) -> None:
    flag = {"resourceType": "Flag", "id": "f", "text": DIV, "author": reference}
    before = copy.deepcopy(flag)
    assert not cut(flag, withheld)
    assert flag == before


@pytest.mark.parametrize(
    ("record", "left"),
    [
        ({"resourceType": "Provenance", "target": [OTHER, SECRET, OTHER], "agent": [{}]},
         {"target": [OTHER, OTHER], "agent": [{}]}),
        ({"resourceType": "List", "entry": [{"item": SECRET, "deleted": True}, {"item": OTHER}]},
         {"entry": [{"item": OTHER}]}),
        # cmp-1: a section needs text, entries or sections, and its text went with the edit
        ({"resourceType": "Composition", "text": DIV, "identifier": {"value": "c"}, "section": [
            {"title": "a", "text": DIV, "entry": [SECRET]},
            {"title": "b", "text": DIV, "entry": [SECRET, OTHER]},
            {"title": "c", "section": [{"title": "d", "entry": [SECRET]}]}]},
         {"identifier": {"value": "c"}, "section": [{"title": "b", "entry": [OTHER]}]}),
        # con-2: evidence needs a code or a detail
        ({"resourceType": "Condition", "evidence": [{"detail": [SECRET]},
            {"code": [{"text": "x"}], "detail": [SECRET]}]},
         {"evidence": [{"code": [{"text": "x"}]}]}),
        # ctm-1: nobody is on behalf of whom nobody is
        ({"resourceType": "CareTeam", "participant": [
            {"member": SECRET, "onBehalfOf": {"display": "x"}, "role": [{"text": "r"}]}]},
         {"participant": [{"role": [{"text": "r"}]}]}),
        # ext-1: an extension has a value or extensions
        ({"resourceType": "Flag", "extension": [{"url": "u", "valueReference": SECRET},
            {"url": "v", "extension": [{"url": "w", "valueReference": SECRET}]},
            {"url": "x", "valueBoolean": True}]},
         {"extension": [{"url": "x", "valueBoolean": True}]}),
        ({"resourceType": "Patient", "name": [{"given": ["A", "B"], "_given": [
            {"extension": [{"url": "u", "valueReference": SECRET}]}, {"id": "i"}]}]},
         {"name": [{"given": ["A", "B"], "_given": [None, {"id": "i"}]}]}),
        # A modifier can't be taken from what it modifies
        ({"resourceType": "Encounter", "participant": [
            {"modifierExtension": [{"url": "u", "valueReference": SECRET}]},
            {"individual": OTHER}]},
         {"participant": [{"individual": OTHER}]}),
        # a contained resource that needs it goes, and with it what points to it
        ({"resourceType": "MedicationRequest", "contained": [
            {"resourceType": "Immunization", "id": "i", "text": DIV, "patient": SECRET}],
            "basedOn": [{"reference": "#i"}, OTHER],
            "supportingInformation": [{"reference": "#i"}]},
         {"basedOn": [OTHER]}),
        # dom-3: what was contained for the element that went goes too
        ({"resourceType": "Encounter", "contained": [
            {"resourceType": "Condition", "id": "c", "code": {"text": "dependence"},
             "asserter": {"reference": "#p"}},
            {"resourceType": "Practitioner", "id": "p"}, {"resourceType": "Location", "id": "l"}],
            "diagnosis": [{"condition": SECRET, "use": {"extension": [
                {"url": "u", "valueReference": {"reference": "#c"}}]}}],
            "serviceProvider": {"reference": "#l"}},
         {"contained": [{"resourceType": "Location", "id": "l"}],
          "serviceProvider": {"reference": "#l"}}),
    ],
)  # fmt: skip
def test_the_smallest_element_goes_and_its_narrative(
    withheld: Withheld, record: dict[str, Any], left: dict[str, Any]
) -> None:
    assert cut(record, withheld)
    assert record == {"resourceType": record["resourceType"]} | left


@pytest.mark.parametrize(
    "record",
    [
        {"resourceType": "Immunization", "patient": SECRET},
        {"resourceType": "Provenance", "target": [SECRET, SECRET]},
        {"resourceType": "Flag", "modifierExtension": [{"url": "u", "valueReference": SECRET}]},
        {"resourceType": "Invented", "subject": SECRET},
        {"resourceType": "Condition", "asserter": SECRET},
    ],
)
def test_a_record_that_can_t_be_without_it_is_told(
    withheld: Withheld, record: dict[str, Any]
) -> None:
    with pytest.raises(UncuttableError):
        cut(record, withheld)


def test_the_models_say_what_r4_demands() -> None:
    assert required("Encounter", "diagnosis", "condition")
    assert not required("Encounter", "diagnosis")
    assert required("CommunicationRequest", "payload", "contentString")
    assert required("Observation", "status")
    assert not required("Observation", "no-such-element")
    with pytest.raises(LookupError):
        required("NoSuchType", "subject")


def records() -> list[dict[str, Any]]:
    (path,) = (FIXTURES / "charts").glob("mix/Charlene*")
    every = [entry["resource"] for entry in decode(gzip.decompress(path.read_bytes()))["entry"]]
    by_shape = {tuple(sorted(one)): one for one in every}
    return [by_shape[shape] for shape in sorted(by_shape)]


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in references(item)]
    if not isinstance(value, dict):
        return []
    inside = [found for item in value.values() for found in references(item)]
    mine = value.get("reference")
    return [mine, *inside] if isinstance(mine, str) and not mine.startswith("#") else inside


def findings(resource: dict[str, Any]) -> Counter[str]:
    return Counter(
        ".".join(part for part in finding.split(".") if not part.isdigit())
        for finding in check(copy.deepcopy(resource))
    )


RECORDS = records()
REFERENCES = sorted({reference for record in RECORDS for reference in references(record)})


@pytest.fixture(scope="module")
def links(tmp_path_factory: pytest.TempPathFactory) -> Links:
    """Every reference of the chart leads to a record of its own."""
    case = CaseFile.open(tmp_path_factory.mktemp("cut"))
    for number, reference in enumerate(REFERENCES):
        put(case, {"resourceType": "Basic", "id": f"b{number}"})
        put_target(case, reference, f"Basic/b{number}")
    return Links(case, SOURCE.base_url)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_cut_the_rest_is_as_valid_as_before(data: st.DataObject, links: Links) -> None:
    """Whichever of its references are withheld: none is left, and R4 is kept as it was."""
    resource = data.draw(st.sampled_from([record for record in RECORDS if references(record)]))
    gone = data.draw(st.sets(st.sampled_from(sorted(set(references(resource)))), min_size=1))
    withheld = Withheld(links)
    for reference in gone:
        withheld.add(f"Basic/b{REFERENCES.index(reference)}", None)
    edited = copy.deepcopy(resource)
    try:
        cut(edited, withheld)
    except UncuttableError:
        return
    left = encode(edited)
    assert not [reference for reference in gone if encode(reference) in left]
    assert findings(edited) <= findings(resource)
