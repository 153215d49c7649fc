"""`$match`: asked only with enough to go by, and believed only when it is certain of one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from connector import push
from connector.endpoint import Answer, Endpoint
from connector.errors import DestinationRefused, Held
from connector.fhir.lossless import decode
from connector.push import Session
from connector.push.patient.match_operation import weight
from tests.push.conftest import writes
from tests.push.packets import MRN, Resource, chart, patient, push_all
from tests.sandbox_parts import Fault, Quirks, Sandbox

SessionOf = Callable[..., Session]
MATCH = r"/Patient/\$match"


@contextmanager
def matching(grades: Mapping[str, str], **quirks: Any) -> Iterator[Sandbox]:
    """A destination with the patients of `grades`, all the same person but for their ids."""
    with Sandbox(quirks=Quirks(match=grades, **quirks)) as sandbox:
        for patient_id in grades:
            sandbox.put(patient(id=patient_id, identifier=None))
        yield sandbox


def asked(sandbox: Sandbox) -> int:
    return sum(request.path.endswith("$match") for request in sandbox.requests)


@pytest.mark.parametrize("more", [{}, {"twin": "probable"}, {"twin": "certainly-not"}])
def test_the_one_it_is_certain_of_is_taken(session_of: SessionOf, more: dict[str, str]) -> None:
    with matching({"there": "certain", **more}) as sandbox:
        assert push_all(session_of(url=sandbox.base_url, new_patient="hold"))["patient"] == (
            "Patient/there"
        )
        assert asked(sandbox) == 1


@pytest.mark.parametrize(
    ("grades", "told"),
    [
        ({"a": "certain", "b": "certain"}, "2 patients at the destination match"),
        ({"a": "probable"}, "a patient at the destination may be this one, but not certainly"),
        ({"a": "possible", "b": "probable"}, "2 patients at the destination may be this one"),
        ({"a": ""}, "a patient at the destination may be this one, but not certainly"),
        ({"a": "sure"}, "a patient at the destination may be this one, but not certainly"),
    ],
)
@pytest.mark.parametrize("new_patient", ["hold", "create"])
def test_anything_less_holds_the_case(
    session_of: SessionOf, grades: dict[str, str], told: str, new_patient: str
) -> None:
    with matching(grades, match_tells_all=True) as sandbox:
        with pytest.raises(Held, match=told):
            push_all(session_of(url=sandbox.base_url, new_patient=new_patient))
        assert writes(sandbox) == 0


def test_who_is_not_certain_is_told_only_where_a_new_patient_would_be_created(
    session_of: SessionOf,
) -> None:
    with matching({"a": "probable"}) as sandbox:
        with pytest.raises(Held, match="no patient at the destination could be matched"):
            push_all(session_of(url=sandbox.base_url, new_patient="hold"))
        sandbox.put(patient(id="a", identifier=None, birthDate="1970-03-05"))
        with pytest.raises(Held, match="but not certainly; differing in: birth date"):
            push_all(session_of(url=sandbox.base_url, new_patient="create"))
        assert writes(sandbox) == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", MATCH, status=400),
        Fault("status", MATCH, status=403),
        Fault("status", MATCH, status=404),
        Fault("status", MATCH, status=500),
        Fault("login-page", MATCH),
        Fault("not-json", MATCH),
        Fault("not-json", MATCH, body=b'{"resourceType":"Parameters"}'),
        Fault(
            "not-json",
            MATCH,
            body=b'{"resourceType":"Bundle","type":"searchset","entry":[{"search":{}}]}',
        ),
        Fault("cut-body", MATCH),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status} {fault.body}",
)
def test_an_answer_that_is_none_creates_nobody(session_of: SessionOf, fault: Fault) -> None:
    with matching({}) as sandbox:
        sandbox.add_fault(fault)
        with pytest.raises(DestinationRefused):
            push_all(session_of(url=sandbox.base_url, attempts=1))
        assert writes(sandbox) == 0


def test_a_record_that_is_not_a_patient_is_none(session_of: SessionOf) -> None:
    group = b'{"resource":{"resourceType":"Group","id":"g"}}'
    page = b'{"resourceType":"Bundle","type":"searchset","entry":[%b]}' % group
    with matching({}) as sandbox:
        sandbox.add_fault(Fault("not-json", MATCH, body=page))
        with pytest.raises(Held, match="no patient"):
            push_all(session_of(url=sandbox.base_url, new_patient="hold"))


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(match={"there": "certain"})])
def test_it_is_not_asked_where_it_is_not_offered_or_switched_off(
    session_of: SessionOf, quirks: Quirks
) -> None:
    with Sandbox(quirks=quirks) as sandbox:
        off = "off" if quirks.match else "certain"
        with pytest.raises(Held):
            push_all(session_of(url=sandbox.base_url, new_patient="hold", match=off))
        assert asked(sandbox) == 0


def test_below_the_weight_nothing_of_the_patient_is_sent(session_of: SessionOf) -> None:
    little: list[Resource] = [*chart()[:-1], patient(identifier=None)]
    with matching({"there": "certain"}) as canary:
        with pytest.raises(Held, match=r"weighs 5, the least is 9"):
            push_all(session_of(little, url=canary.base_url, new_patient="hold"))
        assert asked(canary) == writes(canary) == 0


def test_what_is_sent_is_what_a_match_can_go_by(session_of: SessionOf) -> None:
    sent: list[Any] = []

    class Listening(Endpoint):
        def operation(self, url: str, parameters: bytes, what: str) -> Answer:
            sent.append((url, decode(parameters)))
            return super().operation(url, parameters, what)

    number = {"system": MRN, "value": "4711", "assigner": {"reference": "Organization/1"}}
    chatty = patient(
        identifier=[number], photo=[{"title": "x"}], contact=[{"name": {"family": "X"}}]
    )
    with matching({"there": "certain"}) as sandbox:
        for new_patient in ("hold", "create"):
            session = session_of(
                [*chart()[:-1], chatty],
                url=sandbox.base_url,
                endpoint=Listening,
                new_patient=new_patient,
            )
            push.resolve(session)
    (url, narrow), (_, wide) = sent
    assert url == "Patient/$match"
    asked_for = {parameter["name"]: parameter for parameter in narrow["parameter"]}
    assert asked_for["resource"]["resource"] == {
        "resourceType": "Patient",
        "identifier": [{"system": MRN, "value": "4711"}],
        **{name: chatty[name] for name in ("name", "gender", "birthDate")},
    }
    assert asked_for["onlyCertainMatches"]["valueBoolean"] is True
    assert wide["parameter"][1]["valueBoolean"] is False


PASSPORT = {"type": {"coding": [{"code": "PPN"}]}, "system": "urn:p", "value": "1"}
LICENCE = {"type": {"coding": [{"code": "DL"}]}, "system": "urn:d", "value": "1"}
PHONE, EMAIL = {"system": "phone", "value": "1"}, {"system": "email", "value": "a@b.example"}
HOME = {"use": "home", "line": ["1 Street"], "city": "Town", "state": "MA"}


@pytest.mark.parametrize(
    ("known", "points"),
    [
        ({}, 9),  # name, birth date, one number
        ({"identifier": None}, 5),
        ({"identifier": [{"value": "4711"}]}, 5),  # of nobody knows whom
        ({"identifier": [{"system": MRN}]}, 5),
        ({"identifier": None, "telecom": [PHONE]}, 9),
        ({"identifier": None, "telecom": [{"system": "fax", "value": "1"}]}, 5),
        ({"telecom": [PHONE, EMAIL], "address": [HOME]}, 10),
        ({"identifier": None, "address": [HOME]}, 9),
        ({"identifier": None, "address": [{**HOME, "use": "old"}]}, 5),
        ({"identifier": None, "address": [{"line": ["1 Street"], "postalCode": "1"}]}, 9),
        ({"identifier": None, "address": [{"line": ["1 Street"], "city": "Town"}]}, 5),
        ({"identifier": [PASSPORT]}, 10),
        ({"identifier": [PASSPORT, LICENCE]}, 15),
        ({"identifier": [PASSPORT, PASSPORT, LICENCE], "telecom": [EMAIL]}, 19),
        ({"name": [{"family": "Müller"}]}, 6),
        ({"name": None, "birthDate": "1970"}, 4),
    ],
)
def test_the_weight_of_what_is_known(known: dict[str, Any], points: int) -> None:
    assert weight(patient(**known)) == points
