"""Security labels: every name of a system, every place where one stands, what inherits it."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import Held
from connector.fhir.bundle import entries, page
from connector.fhir.lossless import decode, encode
from connector.packet.record.security_labels import Labels
from connector.store.case.casefile import CaseFile
from tests.packet.charts import (
    MAPPINGS,
    PATIENT,
    carried,
    put,
    put_attachment,
    request,
    resources,
    run,
)

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
INLINE = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label"
SUBJECT = {"reference": "Patient/p"}
SUD = {"system": ACT, "code": "SUD"}
LABELS = Labels(MAPPINGS.labels)
WHOLE = request(scope="whole-chart")


def condition(id: str = "c", **more: Any) -> dict[str, Any]:
    made = {"resourceType": "Condition", "id": id, "subject": SUBJECT, "code": {"text": id}}
    return made | more


def labelled(*codings: dict[str, Any]) -> dict[str, Any]:
    return {"meta": {"security": list(codings)}}


def withheld(case: CaseFile, *records: dict[str, Any]) -> dict[str, str]:
    put(case, *records)
    return {f"{d.type}/{d.id}": d.rule for d in run(case, WHOLE).withheld}


@pytest.mark.parametrize(
    ("coding", "rule"),
    [
        ({"system": "http://hl7.org/fhir/v3/ActCode", "code": "SUD"}, "release-part-2"),
        ({"system": "https://terminology.hl7.org/CodeSystem/v3-ActCode/", "code": "ETHUD"},
         "release-part-2"),
        ({"system": f"{ACT}|2018-08-12", "code": "OPIOIDUD"}, "release-part-2"),
        ({"system": "urn:oid:2.16.840.1.113883.5.4", "code": "ETH"}, "release-part-2"),
        ({"system": "2.16.840.1.113883.5.4", "code": "42CFRPart2"}, "release-part-2"),
        ({"system": "URN:OID:2.16.840.1.113883.5.25", "code": "ETH"}, "release-part-2"),
        ({"system": "http://hl7.org/fhir/v3/Confidentiality", "code": "ETH"}, "release-part-2"),
        ({"code": "SUD"}, "release-part-2"),
        ({"system": ACT, "code": "sud"}, "release-part-2"),
        ({"code": "42 CFR Part 2"}, "release-part-2"),
        ({"display": "42 CFR Part 2"}, "release-part-2"),
        ({"system": "https://labels.home.example/codes", "code": "SUD"}, "release-part-2"),
        ({"system": "http://terminology.hl7.org/CodeSystem/v3-ActUSPrivacyLaw",
          "code": "Title38Section7332"}, "release-title-38"),
        ({"system": "urn:oid:2.16.840.1.113883.5.1138", "code": "42CFRPart2"}, "release-part-2"),
        ({"system": ACT, "code": "NOAUTH"}, "release-refrain"),
        ({"system": ACT, "code": "NODSCLCD"}, "release-refrain"),
        ({"code": "NODSCLCDS"}, "release-refrain"),
        ({"system": "http://hl7.org/fhir/v3/RefrainPolicy", "code": "NORDSCLCD"},
         "release-refrain"),
        ({"system": ACT, "code": "ORCON"}, "release-forbidden"),
        ({"system": ACT, "code": "OPTOUT"}, "release-forbidden"),
        ({"system": ACT, "code": "REDACT"}, "release-obligation"),
        ({"system": ACT, "code": "HRCOMPT"}, "release-compartment"),
    ],
)  # fmt: skip
def test_a_label_under_every_name_of_its_system(
    case: CaseFile, coding: dict[str, Any], rule: str
) -> None:
    assert withheld(case, condition(**labelled(coding))) == {"Condition/c": rule}


@pytest.mark.parametrize(
    "coding",
    [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"},
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"},
        {"system": ACT, "code": "HIV"},
        {"system": "urn:local", "code": "BLUE"},
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUD"},
    ],
)
def test_labels_that_no_rule_withholds_by(case: CaseFile, coding: dict[str, Any]) -> None:
    assert withheld(case, condition(**labelled(coding))) == {}


@pytest.mark.parametrize("coding", [{"system": ACT, "code": "ZZNEW"}, {"system": ACT}])
def test_an_unknown_label_of_a_system_of_labels_holds_until_somebody_excludes_it(
    case: CaseFile, coding: dict[str, Any]
) -> None:
    put(case, condition(**labelled(coding)))
    with pytest.raises(Held) as caught:
        run(case, WHOLE)
    assert caught.value.code == "label-unknown"
    assert "ZZNEW" not in str(caught.value)
    outline = run(case, request(scope="whole-chart", exclude=["Condition/c"]))
    assert [d.rule for d in outline.withheld] == ["label-unknown"]


SUD_CONCEPT = {"coding": [SUD]}


@pytest.mark.parametrize(
    "record",
    [
        {"resourceType": "DocumentReference", "securityLabel": [SUD_CONCEPT]},
        {"resourceType": "DocumentReference", "securityLabel": [{"text": "42 CFR Part 2"}]},
        {"resourceType": "Composition", "title": "x", "section": [
            {"title": "y", "extension": [{"url": INLINE, "valueCoding": SUD}]}]},
        {"resourceType": "Condition", "contained": [
            {"resourceType": "Observation", "id": "i", **labelled(SUD)}],
         "evidence": [{"detail": [{"reference": "#i"}]}]},
        {"resourceType": "Condition", "note": [
            {"text": "x", "extension": [{"url": INLINE, "valueCoding": SUD}]}]},
        {"resourceType": "Condition", "recordedDate": "2024", "_recordedDate": {
            "extension": [{"url": INLINE, "valueCoding": SUD}]}},
        {"resourceType": "Condition", **labelled({
            "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R",
            "extension": [{"url": INLINE.replace("inline-sec-label", "sec-label-basis"),
                           "valueCoding": {"system": ACT, "code": "42CFRPart2"}}]})},
    ],
)  # fmt: skip
def test_a_label_in_every_place(case: CaseFile, record: dict[str, Any]) -> None:
    key = f"{record['resourceType']}/r"
    found = withheld(case, record | {"id": "r", "subject": SUBJECT})
    assert found == {key: "release-part-2"}


def test_a_consent_about_a_label_does_not_have_it() -> None:
    consent = {"resourceType": "Consent", "provision": {"securityLabel": [SUD]}}
    assert LABELS.of(consent, encode(consent)) == frozenset()


@pytest.mark.parametrize("escaped", [False, True])
def test_names_of_members_may_be_escaped(case: CaseFile, *, escaped: bool) -> None:
    body = encode(condition(**labelled(SUD)))
    put(case, body.replace(b'"security"', b'"sec\\u0075rity"') if escaped else body)
    assert len(run(case, WHOLE).withheld) == 1


def test_a_label_of_a_bundle_is_one_of_every_record_in_it() -> None:
    inside = condition(**labelled({"code": "R"}))
    bundle = {"resourceType": "Bundle", "type": "searchset", **labelled(SUD), "entry": [
        {"fullUrl": "urn:x", "resource": inside}, {"resource": PATIENT}]}  # fmt: skip
    bodies: Iterable[bytes | None] = [body for _, body in entries(encode(bundle))]
    assert [e.body for e in page(encode(bundle)).entries] == list(bodies)
    security = [decode(body or b"")["meta"]["security"] for body in bodies]
    assert security == [[{"code": "R"}, SUD], [SUD]]
    assert decode(bytes(next(iter(bodies)) or b"")) | {"meta": 0} == inside | {"meta": 0}


def test_a_bundle_without_labels_leaves_its_records_as_they_are() -> None:
    body = b'{"resourceType":"Condition", "id":"c" , "meta": {"versionId":"1"}}'
    bundle = b'{"resourceType":"Bundle","type":"searchset","meta":{"id":1},"entry":[{"resource":'
    assert page(bundle + body + b"}]}").entries[0].body == body


def note(where: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "DocumentReference", "id": "n", "status": "current",
            "subject": SUBJECT, "context": {"encounter": [where]},
            "content": [{"attachment": {"contentType": "text/plain", "data": "eA=="}}]}  # fmt: skip


@pytest.mark.parametrize(
    "where",
    [
        {"reference": "Encounter/e"},
        {"reference": "Encounter/e/_history/2"},
        {"reference": "https://other.example/fhir/Encounter/e"},
        {"reference": "Encounter?identifier=urn:visit|V9"},
        {"identifier": {"system": "urn:visit", "value": "V9"}},
        {"type": "Encounter", "identifier": {"value": "V9"}},
        {"reference": "Encounter/part"},
    ],
)
def test_what_belongs_to_a_labelled_encounter_has_its_label(
    case: CaseFile, where: dict[str, Any]
) -> None:
    seen = {"status": "finished", "class": {"code": "AMB"}, "subject": SUBJECT}
    encounter = {"resourceType": "Encounter", "id": "e", **seen, **labelled(SUD),
                 "identifier": [{"system": "urn:visit", "value": "V9"}]}  # fmt: skip
    part = {
        "resourceType": "Encounter",
        "id": "part",
        **seen,
        "partOf": {"reference": "Encounter/e"},
    }
    other = {"resourceType": "Encounter", "id": "f", **seen}
    found = withheld(case, encounter, part, other, note(where))
    assert found == dict.fromkeys(
        ("Encounter/e", "Encounter/part", "DocumentReference/n"), "release-part-2"
    )


def test_an_episode_gives_its_label_to_its_encounters_and_what_was_done_there(
    case: CaseFile,
) -> None:
    episode = {"resourceType": "EpisodeOfCare", "id": "ep", "status": "active", "patient": SUBJECT}
    encounter = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "subject": SUBJECT,
        "class": {"code": "AMB"},
        "episodeOfCare": [{"reference": "EpisodeOfCare/ep"}],
    }
    seen = condition(encounter={"reference": "Encounter/e"})
    assert len(withheld(case, episode | labelled(SUD), encounter, seen)) == 3  # fmt: skip


@pytest.mark.parametrize("child_is_ill", [True, False])
def test_notes_of_the_parent_and_of_the_parts_of_an_encounter_go(
    case: CaseFile, *, child_is_ill: bool
) -> None:
    seen = {"status": "finished", "class": {"code": "AMB"}, "subject": SUBJECT}
    parent = {"resourceType": "Encounter", "id": "parent", **seen}
    child = {"resourceType": "Encounter", "id": "child", **seen,
             "partOf": {"reference": "Encounter/parent"}}  # fmt: skip
    ill, writes = ("child", "parent") if child_is_ill else ("parent", "child")
    secret = condition(encounter={"reference": f"Encounter/{ill}"}, **labelled(SUD))
    found = withheld(case, parent, child, secret, note({"reference": f"Encounter/{writes}"}))
    assert found == {
        "Condition/c": "release-part-2",
        "DocumentReference/n": "release-encounter-notes",
    }


def test_notes_of_an_encounter_that_names_it_as_its_diagnosis_go(case: CaseFile) -> None:
    encounter = {"resourceType": "Encounter", "id": "e", "status": "finished", "subject": SUBJECT,
                 "class": {"code": "AMB"}, "reasonCode": [{"text": "Canary7Q"}],
                 "diagnosis": [{"condition": {"reference": "Condition/c"}}]}  # fmt: skip
    found = withheld(
        case, condition(**labelled(SUD)), encounter, note({"reference": "Encounter/e"})
    )
    assert found["DocumentReference/n"] == "release-encounter-notes"
    assert "reasonCode" not in carried(case, "Encounter/e")


def test_a_label_of_a_binary_is_one_of_the_record_that_attaches_it(case: CaseFile) -> None:
    document = {"resourceType": "DocumentReference", "id": "d", "status": "current",
                "subject": SUBJECT, "content": [{"attachment": {"url": "Binary/1"}}]}  # fmt: skip
    put_attachment(case, "Binary/1", b"Canary7Q", "text/plain")
    case.state.binaries = {"Binary/1": {"security": [SUD], "context": None}}
    assert withheld(case, document) == {"DocumentReference/d": "release-part-2"}
    case.state.binaries = {"Binary/1": {"security": [], "context": "Condition/c"}}
    found = withheld(case, document, condition(**labelled(SUD)))
    assert found["DocumentReference/d"] == "release-part-2"


def test_what_a_labelled_part_of_a_document_holds_has_its_label(case: CaseFile) -> None:
    section = {"extension": [{"url": INLINE, "valueCoding": SUD}],
               "entry": [{"reference": "Condition/c"}]}  # fmt: skip
    document = {"resourceType": "Composition", "id": "d", "status": "final", "subject": SUBJECT,
                "section": [section, {"entry": [{"reference": "Condition/e"}]}]}  # fmt: skip
    found = withheld(case, document, condition(), condition(id="e"))
    assert set(found) == {"Composition/d", "Condition/c"}


CODES = [code for each in MAPPINGS.labels.lists for code in each.codes if len(code) > 1]
NAMES = [
    "http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://hl7.org/fhir/v3/ActCode",
    "urn:oid:2.16.840.1.113883.5.4", "2.16.840.1.113883.5.4", "", None,
]  # fmt: skip


@given(
    code=st.sampled_from([c for c in CODES if c not in ("ETH", "HIV", "PSY", "SDV")]),
    system=st.sampled_from(NAMES),
    lower=st.booleans(),
)
def test_every_code_is_known_under_every_name(
    code: str, system: str | None, *, lower: bool
) -> None:
    coding = {"code": code.lower() if lower else code} | ({"system": system} if system else {})
    labels = frozenset(LABELS.named(coding))
    assert f"{ACT}|{code}" in labels
    assert not LABELS.unknown(labels)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["security", "meta", "securityLabel", "coding", "code", "system", "x"]),
        inner, max_size=3,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_whatever_stands_where_labels_stand_is_read_without_an_error(value: Any) -> None:
    resource = {"resourceType": "Condition", "meta": value, "securityLabel": value}
    LABELS.unknown(LABELS.of(resource, encode(resource)))


def test_a_record_without_labels_is_what_it_was(case: CaseFile) -> None:
    put(case, condition())
    run(case, WHOLE)
    assert any(r["resourceType"] == "Condition" for r in resources(case))
