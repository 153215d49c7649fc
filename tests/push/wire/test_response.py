"""What an answer proves: only what it says was done."""

import pytest

from connector.endpoint import Answer
from connector.fhir.lossless import encode
from connector.push.wire.response import Kind, by_entries

KEYS = ["Observation/a", "Observation/b"]
DONE = {"status": "201 Created", "location": "Observation/1/_history/1"}


@pytest.mark.parametrize("status", ["422 Unprocessable Entity", "409", "500", "302", "204", ""])
def test_a_refused_entry_is_not_taken_wherever_it_is_said_to_be(status: str) -> None:
    refused = {"status": status, "location": "Observation/2/_history/1", "etag": 'W/"1"'}
    bundle = {
        "resourceType": "Bundle",
        "type": "batch-response",
        "entry": [{"response": DONE}, {"response": refused}],
    }
    heard = by_entries(KEYS, Answer(200, {}, encode(bundle)))
    assert heard.kind is Kind.REFUSED
    assert (set(heard.found.places), heard.found.made) == ({KEYS[0]}, {KEYS[0]})
