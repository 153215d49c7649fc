"""Which differences count when arrival is proved."""

import pytest

from connector.fhir.equality import Verdict, relation
from connector.fhir.lossless import UndecodableError

EQUAL, PRECISION, DIFFERS = Verdict.EQUAL, Verdict.PRECISION_CHANGED, Verdict.DIFFERS
FORM = Verdict.FORM_CHANGED


def div(inner: str) -> str:
    return f'{{"status":"generated","div":"<div>{inner}</div>"}}'


@pytest.mark.parametrize(
    ("sent", "read", "verdict"),
    [
        # what a server may do
        ('"id":"a"', '"id":"b"', EQUAL),
        ('"a":1,"b":2', '"b":2,"a":1', EQUAL),
        ('"a":"é"', '"a":"\\u00e9"', EQUAL),
        ('"a":"/"', '"a":"\\/"', EQUAL),
        ('"a":1', '"a":1,"meta":{"versionId":"2","lastUpdated":"x","source":"#1"}', EQUAL),
        ('"meta":{"versionId":"7"}', '"meta":{"versionId":"1"}', EQUAL),
        ('"meta":{"tag":[{"code":"a"}]}', '"meta":{"tag":[{"code":"b"},{"code":"a"}]}', EQUAL),
        ('"meta":{"tag":[{"code":"a","system":"s"}]}',
         '"meta":{"tag":[{"system":"s","code":"a"}]}', EQUAL),
        ('"meta":{"profile":["p"]}', '"meta":{"profile":["q","p"]}', EQUAL),
        ('"meta":{"security":[{"code":"R"}]}',
         '"meta":{"security":[{"code":"R"},{"code":"X"}]}', EQUAL),
        ('"meta":{"tag":[{"system":"s","code":"a"}]}',
         '"meta":{"tag":[{"system":"s","code":"a","display":"A","userSelected":false}]}', EQUAL),
        ('"a":1', '"a":1,"meta":{"project":"p","author":{"reference":"Practitioner/1"}}', FORM),
        ('"a":1.50', '"a":1.5,"meta":{"project":"p"}', PRECISION),
        ('"meta":{"extension":[{"url":"x"}]}',
         '"meta":{"extension":[{"url":"y"},{"url":"x"}]}', FORM),
        # what it may not
        ('"meta":{"extension":[{"url":"x"}]}', '"meta":{"extension":[{"url":"y"}]}', DIFFERS),
        ('"meta":{"security":[{"system":"s","code":"R"}]}',
         '"meta":{"security":[{"system":"t","code":"R"}]}', DIFFERS),
        ('"a":1', '"a":2,"meta":{"project":"p"}', DIFFERS),
        ('"a":1', '"a":1,"meta":"p"', DIFFERS),
        ('"meta":{"tag":[{"code":"a"}]}', '"meta":{"tag":[{"code":"b"}]}', DIFFERS),
        ('"meta":{"tag":[{"code":"a"}]}', '"a":1', DIFFERS),
        ('"meta":{"security":[{"code":"R"}]}', '"meta":{}', DIFFERS),
        ('"meta":{"profile":["p"]}', '"meta":{"profile":["q"]}', DIFFERS),
        ('"meta":{"extension":[{"url":"x"}]}', '"meta":{}', DIFFERS),
        ('"a":1', '"a":2', DIFFERS),
        ('"a":1', '"b":1', DIFFERS),
        ('"a":1', '"a":1,"b":2', DIFFERS),
        ('"a":1,"b":2', '"a":1', DIFFERS),
        ('"a":[1,2]', '"a":[2,1]', DIFFERS),
        ('"a":"x"', '"a":"x "', DIFFERS),
        ('"a":true', '"a":1', DIFFERS),
        ('"a":"1"', '"a":1', DIFFERS),
        ('"a":null', '"b":1', DIFFERS),
        ('"contained":[{"id":"1"}]', '"contained":[{"id":"2"}]', DIFFERS),
        ('"b":{"meta":{"versionId":"1"}}', '"b":{"meta":{"versionId":"2"}}', DIFFERS),
        ('"s":{"reference":"Patient/1"}', '"s":{"reference":"Patient/2"}', DIFFERS),
        # digits
        ('"a":1.50', '"a":1.50', EQUAL),
        ('"a":1e2', '"a":1E+2', EQUAL),
        ('"a":5e0', '"a":5', EQUAL),
        ('"a":1.50', '"a":1.5', PRECISION),
        ('"a":1e2', '"a":100', PRECISION),
        ('"a":1.0', '"a":1', PRECISION),
        ('"a":0.1234567890123456789', '"a":0.123456789012345678', DIFFERS),
        ('"a":18446744073709551617', '"a":18446744073709551616', DIFFERS),
        ('"a":1.50,"b":1', '"a":1.5,"b":2', DIFFERS),
        # narrative
        (f'"text":{div("<b>x</b><br/>")}', f'"text":{div("<b>x</b><br></br>")}', EQUAL),
        (f'"text":{div("&#233;")}', f'"text":{div("é")}', EQUAL),
        (f'"section":[{{"text":{div("<br/>")}}}]', f'"section":[{{"text":{div("<br></br>")}}}]',
         EQUAL),
        (f'"contained":[{{"text":{div("<br/>")}}}]',
         f'"contained":[{{"text":{div("<br></br>")}}}]', EQUAL),
        (f'"text":{div("x")}', f'"text":{div("y")}', DIFFERS),
        (f'"text":{div("x")}', '"a":1', DIFFERS),
        (f'"section":[{{"text":{div("x")}}}]', f'"section":[{{"text":{div("y")}}}]', DIFFERS),
        # a plain `text` (CodeableConcept.text) is a string, not a narrative
        ('"code":{"text":"<br/>"}', '"code":{"text":"<br></br>"}', DIFFERS),
    ],
)  # fmt: skip
def test_what_counts(sent: str, read: str, verdict: Verdict) -> None:
    one, other = f'{{"resourceType":"X",{sent}}}', f'{{"resourceType":"X",{read}}}'
    assert relation(one.encode(), other.encode()).verdict is verdict
    assert relation(one.encode(), one.encode()).verdict is EQUAL


@pytest.mark.parametrize("read", [b"[]", b"null", b'"x"', b'{"resourceType":"OperationOutcome"}'])
def test_another_thing_differs(read: bytes) -> None:
    assert relation(b'{"resourceType":"X"}', read).verdict is DIFFERS


def test_what_is_no_json_is_no_verdict() -> None:
    with pytest.raises(UndecodableError):
        relation(b'{"resourceType":"X"}', b"<html>")
