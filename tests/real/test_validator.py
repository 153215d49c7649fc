"""The official HL7 validator on everything that leaves: one start for all of it.

Authored resources and Bundle shells for every chart, key question, kind of case and kind of
Bundle; every carried record once, next to the same record as its source sent it.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from connector.fhir.lossless import sha256
from connector.packet import Revision
from connector.packet.render.bundle import Kind, render
from connector.request import Meeting
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet, update
from connector.store.pulled import chart as records
from tests.packet.charts import MAPPINGS, QUESTIONS, full_request, put_chart, run
from tests.real.charts import chart_files
from tests.real.conftest import skip
from tests.real.validator import Issue, JavaMissingError, artefacts, errors, validate

_BSER = "http://hl7.org/fhir/us/bser/StructureDefinition/"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
# What the resources we author are held to. They do not claim it themselves: a receiver that does
# not know a profile may refuse what claims it.
PROFILES = {
    "MessageHeader": [_BSER + "BSeR-ReferralMessageHeader"],
    "Organization": [_US_CORE + "organization"],
    "Practitioner": [_US_CORE + "practitioner"],
    "PractitionerRole": [_US_CORE + "practitionerrole"],
    "Provenance": [_US_CORE + "provenance"],
    "ServiceRequest": [_BSER + "referral-servicerequest", _US_CORE + "servicerequest"],
    "Task": [_BSER + "referral-task"],
}
CHARTS = {path.name.split("_")[0]: path for path in chart_files()[:5]}
Found = Mapping[str, list[Issue]]
# Chart → the carried records of which a shell holds no more than the name, as `Type/id`.
BARE: dict[str, set[str]] = defaultdict(set)


def claiming(resource: Any) -> Any:
    """An authored resource that says what it is held to."""
    profile = PROFILES.get(resource["resourceType"])
    meta = {**resource["meta"], "profile": profile} if profile else resource["meta"]
    return {**resource, "meta": meta}


def shell(case: CaseFile, kind: Kind, chart: str) -> Any:
    """A Bundle in which the carried records, but for the Patient, are no more than their names."""
    bundle = json.loads(b"".join(render(case, kind)))
    carried = {f"urn:uuid:{entry.id}" for entry in packet.entries(case, "carried")}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if entry["fullUrl"] not in carried:
            entry["resource"] = claiming(resource)
        elif resource["resourceType"] != "Patient":
            entry["resource"] = {name: resource[name] for name in ("resourceType", "id")}
            BARE[chart].add("/".join(entry["resource"].values()))
    return bundle


def material(folder: Path) -> Iterator[tuple[str, Any]]:
    """Name → what is validated: resources, and bytes of resources."""
    for chart, path in CHARTS.items():
        case = CaseFile.open(folder / chart)
        put_chart(case, path)
        for kind_of_case in MAPPINGS.checklists:
            for question in QUESTIONS:
                run(case, full_request(case, question, kind_of_case))
                name = f"{chart} {kind_of_case} {question}"
                for kind in get_args(Kind):
                    yield f"shell {name} {kind}", shell(case, kind, chart)
                for entry in packet.entries(case, "authored"):
                    yield f"authored {name} {entry.source}", claiming(json.loads(entry.body))
        yield f"whole {chart}", b"".join(render(case, "document"))
        yield from updated(case, chart)
        run(case, full_request(case, "diagnosis", "general", scope="whole-chart"))
        for entry in packet.entries(case, "carried"):
            yield f"packet {chart} {entry.source}", entry.body
            body = case.row("SELECT body FROM record WHERE type || '/' || id = ?", (entry.source,))
            assert body
            yield f"source {chart} {entry.source}", body[0]
    yield from planted(case)


def updated(case: CaseFile, chart: str) -> Iterator[tuple[str, Any]]:
    """The packet of an update: a result corrected, a meeting moved, the letter that says so."""
    told = full_request(case, "treatment", "general", scope="whole-chart")
    run(case, told)
    update.keep_former(case, "2026-01-01T00:00:00Z")
    said_otherwise(case, b"final", b"corrected")
    moved = told.model_copy(update={"meeting": Meeting(start="2098-02-02T10:00:00Z")})
    run(case, moved, revision=Revision(1, told=told))
    assert packet.authored(case, packet.LETTER)
    for kind in get_args(Kind):
        yield f"shell {chart} update {kind}", shell(case, kind, chart)
    for entry in packet.entries(case, "authored"):
        yield f"authored {chart} update {entry.source}", claiming(json.loads(entry.body))
    with case.commit():
        case.execute("DELETE FROM former")
    said_otherwise(case, b"corrected", b"final")


def said_otherwise(case: CaseFile, before: bytes, after: bytes) -> None:
    """Every Observation of the chart with a word exchanged, as a later pull would bring it."""
    with case.commit():
        for record in list(records.of_type(case, "Observation")):
            body = record.body.replace(before, after)
            again = record._replace(body=body, sha256=sha256(body))
            records.put_record(case, again, "test")


def planted(case: CaseFile) -> Iterator[tuple[str, Any]]:
    """Mistakes that have to be found, or finding none would prove nothing."""
    run(case, full_request(case, "diagnosis", "general"))
    task = claiming(json.loads(packet.authored(case, "Task").body))  # type: ignore[union-attr]
    yield "planted: no owner", {k: v for k, v in task.items() if k != "owner"}
    role = claiming(json.loads(packet.authored(case, "PractitionerRole").body))  # type: ignore[union-attr]
    yield "planted: no telecom", {k: v for k, v in role.items() if k != "telecom"}
    document = shell(case, "document", "planted")
    yield "planted: not first", {**document, "entry": document["entry"][::-1]}
    composition = json.loads(packet.authored(case, "Composition").body)  # type: ignore[union-attr]
    sections = [s | {"entry": [{"display": "x"}]} for s in composition["section"]]
    yield "planted: entry and emptyReason", {**composition, "section": sections}
    bad = [s | {"text": {"status": "generated", "div": "<div>x</div>"}} for s in sections]
    yield "planted: narrative of no namespace", {**composition, "section": bad}


@pytest.fixture(scope="session")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Every piece of material by name → its issues. Equal pieces are validated once."""
    bodies: dict[bytes, list[str]] = {}
    for name, made in material(tmp_path_factory.mktemp("validator")):
        body = made if isinstance(made, bytes) else json.dumps(made).encode()
        bodies.setdefault(body, []).append(name)
    try:
        found = validate({names[0]: body for body, names in bodies.items()})
    except JavaMissingError as error:
        skip("validator", error)
    return {name: found[names[0]] for names in bodies.values() for name in names}


def chosen(validated: Found, *beginnings: str) -> Found:
    found = {name: issues for name, issues in validated.items() if name.startswith(beginnings)}
    assert found
    return found


def test_what_we_author_has_no_error(validated: Found) -> None:
    known = artefacts()
    wrong = {n: e for n, i in chosen(validated, "authored").items() if (e := errors(i, known))}
    assert not wrong


@pytest.mark.parametrize("kind", get_args(Kind))
def test_no_bundle_around_it_has_an_error(validated: Found, kind: str) -> None:
    known = artefacts()
    wrong = {}
    for name, issues in chosen(validated, "shell").items():
        of_bundle = [e for e in errors(issues, known) if not is_bare(e, name)]
        if name.endswith(kind) and of_bundle:
            wrong[name] = of_bundle
    assert not wrong


def is_bare(issue: Issue, shell_name: str) -> bool:
    """Whether an issue is about a carried record of a shell, of which only the name is left."""
    about = re.search(r"/\*(\w+/[^*]+)\*/", issue.path)
    return about is not None and about[1] in BARE[shell_name.split()[1]]


def test_carried_records_have_only_the_errors_they_had(validated: Found) -> None:
    known = artefacts()
    worse = {}
    for name, issues in chosen(validated, "packet").items():
        before = validated[name.replace("packet", "source", 1)]
        had = Counter(issue.kind for issue in errors(before, known))
        if more := Counter(issue.kind for issue in errors(issues, known)) - had:
            worse[name] = more
    assert not worse


def test_a_whole_document_has_only_the_errors_of_its_records(validated: Found) -> None:
    known = artefacts()
    for name, issues in chosen(validated, "whole").items():
        sources = chosen(validated, name.replace("whole", "source", 1)).values()
        had = {issue.complaint for found in sources for issue in errors(found, known)}
        assert [e for e in errors(issues, known) if e.complaint not in had] == [], name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no owner", "Task.owner"),
        ("no telecom", "pd-1"),
        ("not first", "bdl-11"),
        ("entry and emptyReason", "cmp-2"),
        ("narrative of no namespace", "namespace"),
    ],
)
def test_a_planted_mistake_is_found(validated: Found, name: str, words: str) -> None:
    found = errors(validated[f"planted: {name}"], artefacts())
    assert any(words in issue.text for issue in found), found


def test_each_artefact_is_there_and_has_its_reason(validated: Found) -> None:
    texts = {i.text for issues in validated.values() for i in issues if i.severity == "error"}
    for artefact in artefacts():
        assert artefact.reason
        assert any(artefact.text.fullmatch(text) for text in texts), artefact.name
