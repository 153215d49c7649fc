"""Asking, asking again, and writing once."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from connector.endpoint.retry import Again, Park
from connector.errors import Answered, Forbidden, Unreachable, Waiting

from .conftest import Serve, endpoint
from .server import CERTIFICATE, Reply

BUSY = Reply(503)
CUT = Reply(200, b'{"resourceType":', promise=500)


def test_a_get_asks_for_fhir_below_the_base(serve: Serve) -> None:
    server = serve(Reply(200, b'{"a":1.50}', {"ETag": 'W/"3"'}))
    answer = endpoint(server).get("Patient/1?_format=json", "Patient read")
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, b'{"a":1.50}', 'W/"3"')
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("GET", "/fhir/Patient/1?_format=json")
    assert seen.headers["accept"] == "application/fhir+json"
    assert "cache-control" not in seen.headers
    assert re.match(r"second-opinion-connector/\d", seen.headers["user-agent"])


def test_fresh_asks_a_server_not_to_reuse_a_search(serve: Serve) -> None:
    server = serve()
    endpoint(server).get("Patient", "search", fresh=True, accept="application/json")
    assert server.seen[0].headers["cache-control"] == "no-cache"
    assert server.seen[0].headers["accept"] == "application/json"


def test_an_absolute_url_of_this_server_is_asked_verbatim(serve: Serve) -> None:
    server = serve()
    endpoint(server).get(f"{server.base}?_getpages=a%7Cb&x=%C3%A9&y=1,2", "next page")
    assert server.seen[0].path == "/fhir?_getpages=a%7Cb&x=%C3%A9&y=1,2"


def test_a_url_in_a_query_does_not_make_it_absolute(serve: Serve) -> None:
    server = serve()
    endpoint(server).get("Patient?identifier=http://mrn.example.org|1", "search")
    assert server.seen[0].path == "/fhir/Patient?identifier=http://mrn.example.org%7C1"


def test_a_search_keeps_its_parameters_out_of_the_url(serve: Serve) -> None:
    server = serve(BUSY, Reply())
    endpoint(server).search("Patient", {"identifier": "http://a|1&2", "_count": "2"}, "search")
    for seen in server.seen:
        assert (seen.method, seen.path) == ("POST", "/fhir/Patient/_search")
        assert seen.body == b"identifier=http%3A//a%7C1%262&_count=2"
        assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert len(server.seen) == 2


@pytest.mark.parametrize("trouble", [BUSY, CUT, Reply(429, headers={"Retry-After": "0"})])
def test_a_get_is_tried_again_until_there_is_an_answer(serve: Serve, trouble: Reply) -> None:
    server = serve(trouble, trouble, Reply(200, b"[]"))
    assert endpoint(server).get("x", "read").body == b"[]"
    assert len(server.seen) == 3


def test_a_busy_server_is_given_up_after_so_many_tries(serve: Serve) -> None:
    server = serve(BUSY)
    with pytest.raises(Answered, match=r"read: HTTP 503") as caught:
        endpoint(server).get("x", "read")
    assert (caught.value.status, len(server.seen)) == (503, 3)


def test_a_body_cut_short_is_no_answer(serve: Serve) -> None:
    server = serve(CUT)
    with pytest.raises(Unreachable, match="cut short"):
        endpoint(server).get("x", "read")
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 501])
def test_a_refusal_is_not_asked_again(serve: Serve, status: int) -> None:
    server = serve(Reply(status))
    with pytest.raises(Answered) as caught:
        endpoint(server).get("x", "read")
    assert (caught.value.status, len(server.seen)) == (status, 1)


def test_a_refusal_is_told_by_its_codes(serve: Serve) -> None:
    issues = b'[{"code":"not-found"},{"code":"forbidden"},{"code":"Zanzibar 8812"},{},7]'
    server = serve(Reply(404, b'{"resourceType":"OperationOutcome","issue":' + issues + b"}"))
    with pytest.raises(Answered, match=r"^read: HTTP 404 \(forbidden, not-found\)$"):
        endpoint(server).get("x", "read")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"x"', b'{"issue":null}', b'{"issue":3}'])
def test_a_refusal_in_any_shape_is_told_by_its_status(serve: Serve, body: bytes) -> None:
    server = serve(Reply(403, body))
    with pytest.raises(Answered, match=r"^read: HTTP 403$"):
        endpoint(server).get("x", "read")


def test_a_long_retry_after_parks_the_case(serve: Serve) -> None:
    server = serve(Reply(429, headers={"Retry-After": "3600"}))
    with pytest.raises(Waiting) as caught:
        endpoint(server).get("x", "read")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", caught.value.until)
    assert datetime.fromisoformat(caught.value.until) > datetime.now(UTC)
    assert len(server.seen) == 1


def test_a_wait_of_a_year_is_one_of_a_day_and_is_said(serve: Serve) -> None:
    server = serve(Reply(429, headers={"Retry-After": "31536000"}))
    with pytest.raises(Waiting, match="more than a day") as caught:
        endpoint(server).get("x", "read")
    assert datetime.fromisoformat(caught.value.until) < datetime.now(UTC) + timedelta(days=2)


def test_silence_has_an_end(serve: Serve) -> None:
    server = serve(Reply(stall=True))
    with pytest.raises(Unreachable, match="time limit while reading"):
        endpoint(server, read_timeout_s=0.1, attempts=2).get("x", "read")
    assert len(server.seen) == 2


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        nobody = endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}/fhir")
        with pytest.raises(Unreachable, match="connection refused"):
            nobody.get("x", "read")
        with pytest.raises(Unreachable, match="connection refused"):
            nobody.write("POST", "x", b"{}", "write")


@pytest.mark.parametrize("status", [200, 201, 400, 409, 412, 429, 500, 503])
def test_a_write_is_tried_exactly_once_and_any_answer_is_returned(
    serve: Serve, status: int
) -> None:
    server = serve(Reply(status, b"{}", {"Retry-After": "0"}), Reply(200))
    answer = endpoint(server).write("PUT", "Task/1", b'{"a":1}', "write", {"If-Match": 'W/"3"'})
    assert (answer.status, answer.ok) == (status, status < 300)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.body) == ("PUT", "/fhir/Task/1", b'{"a":1}')
    assert seen.headers["content-type"] == "application/fhir+json"
    assert seen.headers["if-match"] == 'W/"3"'


@pytest.mark.parametrize("trouble", [CUT, Reply(stall=True)])
def test_a_write_without_an_answer_is_not_repeated(serve: Serve, trouble: Reply) -> None:
    server = serve(trouble, Reply(201))
    with pytest.raises(Unreachable):
        endpoint(server, read_timeout_s=0.1).write("POST", "", b"{}", "write")
    assert len(server.seen) == 1


def test_a_write_is_not_taken_along_by_a_redirect(serve: Serve) -> None:
    server = serve(Reply(307, b"", {"Location": "/fhir/elsewhere"}), Reply(201))
    assert endpoint(server).write("POST", "", b"{}", "write").status == 307
    assert len(server.seen) == 1


def test_the_retry_decision_for_a_write_that_is_settled(serve: Serve) -> None:
    busy = serve(Reply(503), Reply(503, headers={"Retry-After": "3600"}), Reply(422))
    asked = endpoint(busy)
    first, second, third = (asked.write("POST", "", b"{}", "write") for _ in range(3))
    assert asked.after(1, first) == Again(0)
    assert asked.after(1, None) == Again(0)
    assert asked.after(3, first) is None
    assert isinstance(asked.after(1, second), Park)
    assert asked.after(1, third) is None


def test_a_redirect_within_the_server_is_followed(serve: Serve) -> None:
    server = serve(Reply(302, b"", {"Location": "/fhir/new?x=1"}), Reply(200, b"[]"))
    assert endpoint(server).get("old", "read").body == b"[]"
    assert [seen.path for seen in server.seen] == ["/fhir/old", "/fhir/new?x=1"]


def test_redirects_have_an_end(serve: Serve) -> None:
    server = serve(Reply(302, b"", {"Location": "/fhir/again"}))
    with pytest.raises(Answered) as caught:
        endpoint(server).get("x", "read")
    assert caught.value.status == 302
    assert len(server.seen) == 4


def test_threads_share_an_endpoint(serve: Serve) -> None:
    server = serve()
    asked = endpoint(server)
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda n: asked.get(f"x/{n}", "read"), range(50)))
    assert sorted(seen.path for seen in server.seen) == sorted(f"/fhir/x/{n}" for n in range(50))


def test_an_unknown_certificate_is_refused(serve: Serve) -> None:
    server = serve(tls=True)
    with pytest.raises(Unreachable, match="TLS"):
        endpoint(server).get("x", "read")
    assert server.seen == []


@pytest.mark.parametrize("elsewhere", [None, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_configured_certificate_counts_whatever_the_environment_says(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, elsewhere: str | None
) -> None:
    if elsewhere:
        monkeypatch.setenv(elsewhere, "/etc/hostname")
    server = serve(Reply(200, b"[]"), tls=True)
    assert endpoint(server, ca_file=CERTIFICATE).get("x", "read").body == b"[]"


def test_a_url_that_cannot_be_read_is_refused(serve: Serve) -> None:
    server = serve()
    for url in ("http://[bad", "http://127.0.0.1:99999/x", "http://127.0.0.1:port/x", "http://"):
        with pytest.raises(Forbidden):
            endpoint(server).get(url, "next page")
    assert server.seen == []
