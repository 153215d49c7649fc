"""Records of unknown kind: named, counted, never "none", and taken by a number that is of a day."""

import base64
import hashlib
from typing import Any

import pytest

from connector.errors import UsageError
from connector.fhir.lossless import encode
from connector.packet import Outline
from connector.packet.checklist import unknown
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import put, request, resources, run

SUBJECT = {"reference": "Patient/p"}
SUD = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SUD"}]}


def data_of(text: str) -> str:
    """Of no two records the same: equal ones are one."""
    return base64.b64encode(text.encode()).decode()


def document(id: str, text: str = "Zork", when: str = "2026-10-01", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": id, "status": "current", "subject": SUBJECT,
        "type": {"text": text}, "date": f"{when}T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "data": data_of(id)}}], **more,
    }  # fmt: skip


def numbers(outline: Outline) -> dict[str, str]:
    return {group["title"]: group["number"] for group in outline.unknown}


def leaving(case: CaseFile) -> dict[str, str]:
    return {
        d.id: d.rule
        for d in packet.decisions(case)
        if d.outcome == "selected" and d.type != "Patient"
    }


def test_they_are_grouped_by_what_they_are_called_and_by_whom_the_newest_first(
    case: CaseFile,
) -> None:
    roe: dict[str, Any] = {"author": [{"display": "Dr Roe"}]}
    inside: dict[str, Any] = {
        "author": [{"reference": "#a"}],
        "contained": [
            {"resourceType": "Practitioner", "id": "a", "name": [{"family": "Poe", "given": ["E"]}]}
        ],
    }
    put(
        case,
        document("one", when="2026-10-01", **roe),
        document("two", when="2019-10-01", **roe),
        document("three", when="2026-10-02", **inside),
        document("known", "Discharge summary"),
        document("empty", content=[]),
        document("withheld", meta=SUD),
        document("described", type=None, description="Zork by post", when="2001-01-01"),
        document("titled", type=None, when="2000-01-01",
                 content=[{"attachment": {"data": data_of("titled"), "title": "Zork\nby fax"}}]),
        document("nameless", type=None, when="1999-01-01"),
    )  # fmt: skip
    found = run(case).unknown
    assert [(g["title"], g["author"], g["records"]) for g in found] == [
        ("Zork", "E Poe", ["DocumentReference/three"]),
        ("Zork", "Dr Roe", ["DocumentReference/one", "DocumentReference/two"]),
        ("Zork by post", "", ["DocumentReference/described"]),
        ("Zork by fax", "", ["DocumentReference/titled"]),
        ("DocumentReference", "", ["DocumentReference/nameless"]),
    ]
    assert [g["number"].partition("-")[0] for g in found] == ["1", "2", "3", "4", "5"]
    assert (found[1]["first"], found[1]["last"]) == ("2019-10-01", "2026-10-01")
    assert {g["leave"] for g in found} == {0}


def test_a_required_item_that_one_may_answer_is_not_recognised_and_never_none(
    case: CaseFile,
) -> None:
    """In oncology pathology is a kind that may be a document; no kind knows a "Zork"."""
    pathology = {"case_type": "oncology"}
    put(case, document("z"))
    found = {line.item: line for line in run(case, request(**pathology)).items}
    kinds = {item: line.kind for item, line in found.items() if line.missing}
    put(case, document("z", status="superseded"))
    without = {
        line.item: line.kind for line in run(case, request(**pathology)).items if line.missing
    }
    changed = {item for item in kinds if kinds[item] != without[item]}
    assert kinds.keys() == without.keys()
    assert {"pathology", "notes"} <= changed
    for item in changed:
        assert (kinds[item], without[item]) == ("not-recognised", "searched-none")
        assert found[item].why == "searched; 1 record of unknown kind: look at them"
    assert "searched-none" in without.values()


def test_a_number_takes_its_group_and_nothing_else(case: CaseFile) -> None:
    put(case, document("one"), document("two"), document("other", "Blorb"))
    number = numbers(run(case))["Zork"]
    outline = run(case, request(include=[number]))
    assert leaving(case) == {"one": "request-include", "two": "request-include"}
    assert {g["title"]: g["leave"] for g in outline.unknown} == {"Zork": 2, "Blorb": 0}
    # The same number means the same: whoever runs it again gets the same packet.
    assert numbers(outline)["Zork"] == number
    assert run(case, request(include=[number])).packet_hash == outline.packet_hash


def test_a_number_stays_right_when_the_list_moves_and_takes_what_came_to_its_group(
    case: CaseFile,
) -> None:
    put(case, document("one"))
    number = numbers(run(case))["Zork"]
    put(case, document("newer", "Blorb", when="2026-11-01"), document("two"))
    moved = numbers(run(case, request(include=[number])))["Zork"]
    assert (number[0], moved[0]) == ("1", "2")
    assert number[1:] == moved[1:]
    assert leaving(case).keys() == {"one", "two"}


@pytest.mark.parametrize("change", [{"text": "Zork, amended"}, {"author": [{"display": "Poe"}]}])
def test_a_number_of_a_group_that_is_gone_is_refused(
    case: CaseFile, change: dict[str, Any]
) -> None:
    put(case, document("one"))
    number = numbers(run(case))["Zork"]
    put(case, document("one", **change), document("other", "Blorb"))
    with pytest.raises(UsageError, match=f"include, number 2: {number} is not on the list"):
        run(case, request(include=["DocumentReference/other", number]))


def test_what_may_not_leave_is_not_meant_by_a_number(case: CaseFile) -> None:
    put(case, document("one"), document("secret", meta=SUD), document("mine"))
    number = numbers(run(case))["Zork"]
    run(case, request(include=[number], exclude=["DocumentReference/mine"]))
    assert leaving(case) == {"one": "request-include"}


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests that all begin with the same six digits."""

    def digest(*parts: str) -> str:
        return "abcdef" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[6:]

    monkeypatch.setattr(unknown, "_digest", digest)


@pytest.mark.usefixtures("alike")
def test_groups_that_begin_alike_have_longer_numbers(case: CaseFile) -> None:
    put(case, document("one"))
    short = numbers(run(case))["Zork"]
    assert short == "1-abcd"
    put(case, document("other", "Blorb"), document("third", "Quux"))
    found = numbers(run(case))
    assert len({number.partition("-")[2] for number in found.values()}) == 3
    assert len(found["Zork"]) > len("1-abcdef")
    run(case, request(include=[found["Blorb"]]))
    assert leaving(case) == {"other": "request-include"}
    with pytest.raises(UsageError, match="1-abcd may mean several groups of the list"):
        run(case, request(include=[short]))


@pytest.mark.parametrize("text", ["3", "3-a1f", "3-A1F0", "0-a1f0", "3-a1f0-", "a1f0", "-a1f0"])
def test_what_is_no_number_of_the_list(text: str) -> None:
    with pytest.raises(ValueError, match="include"):
        request(include=[text])


def test_the_packet_does_not_say_that_it_lacks_what_it_may_hold(case: CaseFile) -> None:
    put(case, document("z"))
    outline = run(case, request(scope="whole-chart"))
    notes = next(line for line in outline.items if line.item == "notes")
    assert notes.kind == "not-recognised"
    sent = b"".join(map(encode, resources(case)))
    assert f"{notes.title}: not recognised; a report of unknown kind may be it".encode() in sent
    assert f"{notes.title}: not in this packet".encode() not in sent
