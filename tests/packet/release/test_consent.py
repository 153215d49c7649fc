"""The decision table of docs/release.md, row by row."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Held, UsageError
from connector.fhir.lossless import encode
from connector.packet.release.consent import read_consent, tells
from connector.packet.release.provision import Disclosure
from connector.request import Request
from connector.store.case.casefile import CaseFile
from tests.packet.charts import MAPPINGS, PATIENT, carried, put, request, resources, run

V3 = "http://terminology.hl7.org/CodeSystem/"
SUBJECT = {"reference": "Patient/p"}
US = {"identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}}
THEM = {"display": "another team"}
WHO_KNOWS = {"display": "?"}
NOW = Disclosure(
    at=datetime(2026, 11, 22, 14, tzinfo=UTC),
    purposes=MAPPINGS.consent.purposes["treatment"],
    terms=MAPPINGS.consent,
    receives=lambda who, *_: True if who == US else False if who == THEM else None,
    record=lambda reference: reference if reference.startswith("Observation/") else None,
)
FOR_US = {"actor": [{"role": {"coding": [{"system": f"{V3}v3-ParticipationType", "code": "IRCP"}]},
                     "reference": US}]}  # fmt: skip


def actor(who: dict[str, Any], role: str = "IRCP") -> dict[str, Any]:
    coding = {"system": f"{V3}v3-ParticipationType", "code": role}
    return {"actor": [{"role": {"coding": [coding]}, "reference": who}]}


def purpose(*codes: str) -> dict[str, Any]:
    return {"purpose": [{"system": f"{V3}v3-ActReason", "code": code} for code in codes]}


def action(*codes: str) -> dict[str, Any]:
    return {"action": [{"coding": [{"system": f"{V3}consentaction", "code": c}]} for c in codes]}


def label(*codes: str, system: str = "v3-ActCode") -> dict[str, Any]:
    return {"securityLabel": [{"system": f"{V3}{system}", "code": code} for code in codes]}


def of_type(*types: str) -> dict[str, Any]:
    system = "http://hl7.org/fhir/resource-types"
    return {"class": [{"system": system, "code": name} for name in types]}


def period(start: str | None = None, end: str | None = None) -> dict[str, Any]:
    bounds = {"start": start, "end": end}
    return {"period": {name: value for name, value in bounds.items() if value}}


def deny(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "deny", **{k: v for part in parts for k, v in part.items()}, **more}


def permit(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**deny(*parts, **more), "type": "permit"}


def consent(provision: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    scope = {"coding": [{"system": f"{V3}consentscope", "code": "patient-privacy"}]}
    made = {
        "resourceType": "Consent",
        "id": "c",
        "status": "active",
        "scope": scope,
        "patient": SUBJECT,
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    }
    return made | ({"provision": provision} if provision is not None else {}) | more


def policy(code: str) -> dict[str, Any]:
    return {"policyRule": {"coding": [{"system": f"{V3}v3-ActCode", "code": code}]}}


SUD = label("SUD")
UNCONFIRMED = {"verification": [{"verified": False}]}
NOTHING: tuple[int, int, tuple[str, ...]] = (0, 0, ())


def table() -> Iterator[tuple[str, dict[str, Any], tuple[int, int, tuple[str, ...]]]]:
    """What it is, the Consent, and (denials, permissions, elements that are unclear)."""
    yield "not active", consent(deny(), status="inactive"), NOTHING
    yield "a proposal", consent(deny(), status="proposed"), NOTHING
    research = {"coding": [{"system": f"{V3}consentscope", "code": "research"}]}
    yield "not on privacy", consent(deny(), scope=research), NOTHING
    yield "scope in words", consent(deny(), scope={"text": "x"}), (0, 0, ("scope",))
    yield "modifier", consent(permit(), modifierExtension=[{}]), (0, 0, ("modifierExtension",))
    yield "a document alone", consent(None), (0, 0, ("provision.type",))
    yield "opt-in alone", consent(None, **policy("OPTIN")), (0, 1, ())
    yield "opt-out alone", consent(None, **policy("OPTOUT")), (1, 0, ())
    yield "opt-in, restrictions", consent(None, **policy("OPTINR")), (0, 0, ("provision",))
    yield "opt-out, exceptions", consent(None, **policy("OPTOUTE")), (0, 0, ("provision",))
    yield "root without type", consent({}), (0, 0, ("provision.type",))
    yield "root by policy", consent({"provision": [deny(SUD)]}, **policy("OPTIN")), (1, 1, ())

    yield "deny all", consent(deny()), (1, 0, ())
    yield "deny us", consent(deny(FOR_US)), (1, 0, ())
    yield "deny another", consent(deny(actor(THEM))), NOTHING
    yield (
        "deny another and us",
        consent(deny({"actor": actor(THEM)["actor"] + FOR_US["actor"]})),
        (1, 0, ()),
    )
    yield "deny who knows", consent(deny(actor(WHO_KNOWS))), (0, 0, ("provision.actor",))
    yield "deny in another role", consent(deny(actor(US, "CST"))), (0, 0, ("provision.actor",))
    yield "deny treatment", consent(deny(purpose("TREAT"))), (1, 0, ())
    yield "deny marketing", consent(deny(purpose("HMARKT"))), NOTHING
    yield "deny both", consent(deny(purpose("HMARKT", "TREAT"))), (1, 0, ())
    yield "deny a local purpose", consent(deny(purpose("X"))), (0, 0, ("provision.purpose",))
    yield "deny disclosing", consent(deny(action("disclose"))), (1, 0, ())
    yield "deny correcting", consent(deny(action("correct"))), NOTHING
    yield "deny over", consent(deny(period(end="2026-11-21"))), NOTHING
    yield "deny not yet", consent(deny(period("2026-11-23"))), NOTHING
    yield "deny to the day", consent(deny(period("2026-11-22", "2026-11-22"))), (1, 0, ())
    yield "deny unreadable", consent(deny(period("x"))), (0, 0, ("provision.period",))
    yield "over settles it", consent(deny(period(end="2025"), actor(WHO_KNOWS))), NOTHING
    yield "deny a label", consent(deny(SUD)), (1, 0, ())
    levels = label("R", system="v3-Confidentiality")
    yield "deny a level", consent(deny(levels)), (0, 0, ("provision.securityLabel",))
    yield "deny a type", consent(deny(of_type("Observation"))), (1, 0, ())
    cda = {"class": [{"system": "urn:ietf:bcp:13", "code": "application/hl7-cda+xml"}]}
    yield "deny a document class", consent(deny(cda)), (0, 0, ("provision.class",))
    yield "deny a code", consent(deny(code=[{"text": "x"}])), (0, 0, ("provision.code",))
    one = {"meaning": "instance", "reference": {"reference": "Observation/1"}}
    yield "deny a record", consent(deny(data=[one])), (1, 0, ())
    related = one | {"meaning": "related"}
    yield "deny what is related", consent(deny(data=[related])), (0, 0, ("provision.data",))
    yield "deny a time", consent(deny(dataPeriod={"start": "2020"})), (1, 0, ())
    yield "deny no time", consent(deny(dataPeriod={})), (0, 0, ("provision.dataPeriod",))
    yield "deny with a modifier", consent(deny(modifierExtension=[{}])), (
        0, 0, ("provision.modifierExtension",),
    )  # fmt: skip
    yield "deny but us", consent(deny(provision=[permit(FOR_US)])), (1, 0, ())

    yield "permit all", consent(permit()), (0, 1, ())
    yield "permit us", consent(permit(FOR_US, SUD)), (0, 1, ())
    yield "permit another", consent(permit(actor(THEM), SUD)), NOTHING
    yield "permit who knows", consent(permit(actor(WHO_KNOWS), SUD)), NOTHING
    yield "permit over", consent(permit(period(end="2026-11-21"), SUD)), NOTHING
    yield "permit unconfirmed", consent(permit(SUD), **UNCONFIRMED), NOTHING
    yield "permit a level", consent(permit(levels)), NOTHING
    yield "permit but labels", consent(permit(provision=[deny(SUD)])), (1, 1, ())
    yield "permit but who knows", consent(permit(provision=[deny(actor(WHO_KNOWS))])), (
        0, 1, ("provision.provision.actor",),
    )  # fmt: skip
    yield "permit but what", consent(permit(provision=[{}])), (
        0, 1, ("provision.provision.type",),
    )  # fmt: skip
    other_but = permit(actor(THEM), provision=[deny(SUD)])
    yield "permit another but labels", consent(other_but), (1, 0, ())
    over_but = permit(period(end="2025"), provision=[deny(SUD)])
    yield "permit over but labels", consent(over_but), NOTHING
    deep = permit(provision=[permit(SUD, provision=[deny(FOR_US)])])
    yield "two levels of exceptions", consent(deep), (1, 1, ())
    deeper = permit(provision=[permit(provision=[permit(provision=[deny(SUD)])])])
    yield "four levels", consent(deeper), (1, 1, ())
    who = permit(provision=[permit(provision=[deny(actor(WHO_KNOWS))])])
    yield "three levels, who knows", consent(who), (
        0, 1, ("provision.provision.provision.actor",),
    )  # fmt: skip
    lapsed = permit(provision=[permit(period(end="2025"), provision=[deny(SUD)])])
    yield "three levels, the second over", consent(lapsed), (0, 1, ())
    other_deny = deny(actor(THEM), provision=[permit(provision=[deny(SUD)])])
    yield "deny another, and labels inside", consent(other_deny), (1, 0, ())
    yield "permit and a label", consent(permit(provision=[permit(SUD)])), (0, 2, ())


ROWS = list(table())


@pytest.mark.parametrize(("found", "expected"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_a_consent_is_read_as_the_table_says(
    found: dict[str, Any], expected: tuple[int, int, tuple[str, ...]]
) -> None:
    reading = read_consent(found, NOW)
    assert (len(reading.denials), len(reading.permits), reading.unclear) == expected


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (consent(permit()), False),
        (consent(None, **policy("OPTIN")), False),
        (consent(deny()), True),
        (consent(permit(provision=[deny()])), True),
        (consent(permit(SUD)), True),
        (consent(None, **policy("OPTINR")), True),
        # who wants no resuscitation has to be seen
        (consent(deny(), scope={"coding": [{"code": "adr"}]}), False),
    ],
)
def test_a_consent_that_holds_something_back_tells_so(found: dict[str, Any], told: bool) -> None:
    assert tells(found, NOW.terms) is told


@pytest.fixture
def case(tmp_path: Path) -> CaseFile:
    case = CaseFile.open(tmp_path)
    sud = {"security": [{"system": f"{V3}v3-ActCode", "code": "SUD"}]}
    place = {"resourceType": "Organization", "id": "o", "name": "Clínica Example"}
    seen = {"status": "final", "subject": SUBJECT, "code": {"text": "x"}}
    put(
        case,
        PATIENT,
        place,
        {"resourceType": "Observation", "id": "sud", "meta": sud, **seen},
        {"resourceType": "Observation", "id": "old", "effectiveDateTime": "2019-05", **seen},
        {"resourceType": "Observation", "id": "new", "effectiveDateTime": "2026-05", **seen},
    )
    return case


def asked(**more: Any) -> Request:
    performer = {"organization": {"name": "Clinica Example", "npi": "1234567893"}}
    return request(scope="whole-chart", performer=performer, **more)


def left(case: CaseFile) -> set[str]:
    rows = case.rows("SELECT type || '/' || id FROM decision WHERE outcome = 'selected'")
    return {key for (key,) in rows if key.startswith(("Observation/", "Consent/"))}


@pytest.mark.parametrize(
    ("found", "leaves"),
    [
        (None, {"new", "old"}),
        (consent(permit()), {"new", "old", "Consent/c"}),  # which label it may be, it does not say
        (consent(permit(FOR_US, SUD)), {"new", "old", "sud", "Consent/c"}),
        (consent(permit(provision=[permit(SUD)])), {"new", "old", "sud", "Consent/c"}),
        (consent(permit(label("ETHUD"))), {"new", "old"}),
        # the label under a name of its system that was used before
        (consent(permit(FOR_US, {"securityLabel": [
            {"system": "http://hl7.org/fhir/v3/ActCode", "code": "SUD"}]})),
         {"new", "old", "sud", "Consent/c"}),
        (consent(permit(actor({"reference": "Organization/o"}), SUD)),
         {"new", "old", "sud", "Consent/c"}),
        (consent(permit(SUD, dataPeriod={"start": "2020"})), {"new", "old"}),  # it has no date
        (consent(deny(FOR_US, dataPeriod={"end": "2020"}), status="active"), {"new"}),
        (consent(deny(provision=[permit(FOR_US)])), {"new", "old"}),
        (consent(deny(data=[{"meaning": "instance",
                             "reference": {"reference": "Observation/new"}}])), {"old"}),
    ],
)  # fmt: skip
def test_what_leaves_under_a_consent(
    case: CaseFile, found: dict[str, Any] | None, leaves: set[str]
) -> None:
    if found:
        put(case, found)
    run(case, asked())
    assert left(case) == {key if "/" in key else f"Observation/{key}" for key in leaves}


def house(id: str, name: str, number: str = "", **more: Any) -> dict[str, Any]:
    identifier = [{"system": "http://hl7.org/fhir/sid/us-npi", "value": number}] if number else []
    return {
        "resourceType": "Organization", "id": id, "name": name, "identifier": identifier, **more,
    }  # fmt: skip


PART_OF = {"partOf": {"reference": "Organization/parent"}}
HOLDING = house("parent", "Holding", "1932102084")
CLINIC = house("clinic", "Clinic", "1234567893", **PART_OF)
MEMBER = {
    "resourceType": "OrganizationAffiliation", "id": "a",
    "organization": {"reference": "Organization/net"},
    "participatingOrganization": {"reference": "Organization/clinic"},
}  # fmt: skip
TEAM = {
    "resourceType": "CareTeam", "id": "t",
    "participant": [{"member": {"reference": "Organization/clinic"}}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("chart", "named", "denied", "permitted"),
    [
        # what is denied to the whole is denied to the part; a permission may not mean the part
        ([HOLDING, CLINIC], "Organization/parent", "withheld", False),
        ([house("net", "Network"), house("clinic", "Clinic", "1234567893"), MEMBER],
         "Organization/net", "withheld", False),
        ([TEAM, house("clinic", "Clinic", "1234567893")], "CareTeam/t", "withheld", False),
        # one house under a second number, a second name, or told by the chart alone
        ([house("clinic", "Clinic", "1932102084")], "Organization/clinic", "held", False),
        ([house("clinic", "Clinic, Inc."), ], "Organization/clinic", "withheld", True),
        ([house("x", "Department of Oncology, Clinic at the Lake", "1234567893")],
         "Organization/x", "withheld", True),
        ([house("x", "Other name", "1234567893", alias=["Lake House"]), house("y", "Lake House")],
         "Organization/y", "withheld", True),
        # a part of the receiving house; somebody else; one that nobody can place
        ([house("clinic", "Clinic", "1234567893"),
          house("x", "Billing", partOf={"reference": "Organization/clinic"})],
         "Organization/x", "held", False),
        ([house("x", "Elsewhere", "1932102084")], "Organization/x", "leaves", False),
        ([house("x", "Elsewhere")], "Organization/x", "held", False),
        ([{**TEAM, "participant": [{"member": {"reference": "CareTeam/t"}}]}],
         "CareTeam/t", "held", False),
    ],
)  # fmt: skip
def test_who_is_meant_by_an_actor(
    case: CaseFile, chart: list[dict[str, Any]], named: str, denied: str, permitted: bool
) -> None:
    put(case, *chart, consent(deny(SUD, actor({"reference": named}))))
    performer = {"organization": {"name": "Clinic", "npi": "1234567893"}}
    wanted = request(scope="whole-chart", performer=performer)
    if denied == "held":
        with pytest.raises(Held) as caught:
            run(case, wanted)
        assert caught.value.code == "consent-unclear"
    else:
        rules = {d.rule for d in run(case, wanted).withheld if d.id == "sud"}
        # labelled: withheld in any case, by the consent's denial only if it means the recipient
        assert rules == {"release-part-2"}
        put(case, {"resourceType": "Observation", "id": "plain", "status": "final",
                   "code": {"text": "x"}, "subject": SUBJECT})  # fmt: skip
        put(case, consent(deny(of_type("Observation"), actor({"reference": named}))))
        rules = {d.rule for d in run(case, wanted).withheld if d.id == "plain"}
        assert rules == ({"consent"} if denied == "withheld" else set())
    put(case, consent(permit(SUD, actor({"reference": named}))))
    run(case, wanted)
    assert ("Observation/sud" in left(case)) == permitted


def test_a_consent_stays_that_names_a_label_of_what_stays(case: CaseFile) -> None:
    """It lets SUD go, and the record is labelled 42CFRPart2 besides: to name it would tell."""
    both = {"security": [{"system": f"{V3}v3-ActCode", "code": c} for c in ("SUD", "42CFRPart2")]}
    put(case, {"resourceType": "Observation", "id": "sud", "status": "final", "meta": both,
               "code": {"text": "x"}, "subject": SUBJECT}, consent(permit(SUD)))  # fmt: skip
    assert {d.rule for d in run(case, asked()).withheld} == {"release-part-2", "consent-tells"}


def test_two_consents_the_stricter_counts(case: CaseFile) -> None:
    put(case, consent(permit(SUD)), consent(deny(SUD), id="d"))
    assert {d.rule for d in run(case, asked()).withheld} == {"consent", "consent-tells"}


@pytest.mark.parametrize(
    ("found", "code", "word"),
    [
        (consent(deny()), "consent-denies", "denies this disclosure"),
        (consent(deny(FOR_US)), "consent-denies", "denies this disclosure"),
        (consent(deny(actor(WHO_KNOWS))), "consent-unclear", "provision.actor"),
        (consent(deny(of_type("Patient"))), "withheld-patient", "(consent)"),
    ],
)
def test_a_person_decides(
    case: CaseFile, found: dict[str, Any], code: str, word: str, tmp_path: Path
) -> None:
    put(case, found)
    with pytest.raises(Held) as caught:
        run(case, asked())
    assert caught.value.code == code
    assert word in str(caught.value)
    assert "Consent/c" not in str(caught.value)
    review = {"record": "Consent/c", "reviewed_by": "R. Example", "withhold": ["Observation/old"]}
    outline = run(case, asked(consents=[review]))
    assert left(case) == {"Observation/new"}
    assert ("old", "consent-reviewed") in {(d.id, d.rule) for d in outline.withheld}
    assert b"R. Example" not in b"".join(map(encode, resources(case)))


@pytest.mark.parametrize("field", ["record", "withhold"])
def test_a_review_names_records_of_the_chart(case: CaseFile, field: str) -> None:
    put(case, consent(deny()))
    review = {"record": "Consent/c", "reviewed_by": "R. Example", "withhold": []}
    review[field] = "Consent/away" if field == "record" else ["Observation/away"]
    with pytest.raises(UsageError, match="no such record"):
        run(case, asked(consents=[review]))


def test_psychotherapy_notes_leave_only_under_a_consent_that_names_them(
    case: CaseFile, tmp_path: Path
) -> None:
    notes = {"security": [{"system": f"{V3}v3-ActCode", "code": "PSYTHPN"}]}
    note = {"resourceType": "DocumentReference", "id": "n", "status": "current", "content": []}
    put(case, note | {"meta": notes, "subject": SUBJECT})
    document = tmp_path / "signed.pdf"
    document.write_bytes(b"%PDF-1.7")
    signed = asked(basis={"kind": "patient-authorization", "document": str(document)})
    assert [d.rule for d in run(case, signed).withheld if d.id == "n"] == [
        "release-psychotherapy-notes"
    ]
    put(case, consent(permit(FOR_US, label("PSYTHPN"))))
    run(case, asked())
    assert carried(case, "DocumentReference/n")["meta"]["security"] == notes["security"]
    assert resources(case, "Composition")[-1]["confidentiality"] == "R"
    assert b"PSYTHPN" not in encode(resources(case, "ServiceRequest", "Task", "Composition"))
