"""What is no FHIR is told apart from FHIR that says little; what was cut is asked again."""

import pytest

from connector.errors import NotFhir, Unreachable

from .conftest import Serve, endpoint
from .server import Reply

JSON = {"Content-Type": "application/fhir+json; charset=utf-8"}


@pytest.mark.parametrize(
    ("sent", "words"),
    [("text/html; charset=utf-8", "a web page"), ("application/fhir+xml", "not said to be FHIR")],
)
def test_another_content_type_is_no_fhir(serve: Serve, sent: str, words: str) -> None:
    server = serve(Reply(200, b'{"resourceType":"Bundle"}', {"Content-Type": sent}))
    with pytest.raises(NotFhir, match=words):
        endpoint(server).get("Goal", "search")
    with pytest.raises(NotFhir, match=words):
        endpoint(server).search("Goal", {"patient": "1"}, "search")
    assert len(server.seen) == 2


@pytest.mark.parametrize("sent", ["application/json", "TEXT/JSON", "application/json+fhir", ""])
def test_whatever_mentions_json_counts(serve: Serve, sent: str) -> None:
    server = serve(Reply(200, b"{}", {"Content-Type": sent}))
    assert endpoint(server).get("Goal", "search").body == b"{}"


def test_json_that_ends_inside_is_asked_again(serve: Serve) -> None:
    cut = Reply(200, b'{"resourceType":"Bundle","entry":[{"resource":{"id":"7', JSON)
    whole = Reply(200, b'{"resourceType":"Bundle"}\n', JSON)
    server = serve(cut, whole, cut)
    assert endpoint(server).get("Goal", "search").body == whole.body
    with pytest.raises(Unreachable, match="cut short"):
        endpoint(server).get("Goal", "search")
