"""Credentials belong to one origin; another origin is not even asked, unless allowed by name."""

from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import pytest

from connector.errors import Forbidden, UsageError

from .conftest import BEARER, TOKEN, Serve, endpoint
from .server import Reply


def test_the_token_goes_home(serve: Serve) -> None:
    server = serve()
    asked = endpoint(server, auth=BEARER)
    asked.get("x", "read")
    asked.search("Patient", {}, "search")
    asked.write("POST", "", b"{}", "write")
    assert [seen.headers["authorization"] for seen in server.seen] == [f"Bearer {TOKEN}"] * 3


def test_basic_sign_in(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pässword\n", encoding="utf-8")
    server = serve()
    password = {"file": str(tmp_path / "password")}
    endpoint(server, auth={"type": "basic", "username": "u", "password": password}).get("x", "read")
    expected = b64encode("u:pässword".encode()).decode()
    assert server.seen[0].headers["authorization"] == f"Basic {expected}"


def test_another_origin_is_not_asked(serve: Serve) -> None:
    home, other = serve(), serve()
    asked = endpoint(home, auth=BEARER)
    for url in (f"{other.base}/x", other.base.removeprefix("http:")):
        with pytest.raises(Forbidden):
            asked.get(url, "next page")
        with pytest.raises(Forbidden):
            asked.write("PUT", url, b"{}", "write")
    assert (home.seen, other.seen) == ([], [])


def test_further_headers_stay_at_home(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY", "k3y")
    headers = {"Epic-Client-ID": "ours", "X-Api-Key": {"env": "GATEWAY"}}
    home, other = serve(), serve()
    asked = endpoint(home, headers=headers, allowed_origins=[other.origin])
    asked.get("x", "read")
    asked.get(f"{other.base}/Binary/1", "attachment")
    assert home.seen[0].headers["epic-client-id"] == "ours"
    assert home.seen[0].headers["x-api-key"] == "k3y"
    assert not {"epic-client-id", "x-api-key"} & other.seen[0].headers.keys()


@pytest.mark.parametrize(
    "headers", [{"Authorization": "x"}, {"a b": "x"}, {"X-Key": "a\nb"}, {"X-Key": 1}]
)
def test_headers_that_are_made_by_us_or_are_none_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="headers"):
        endpoint("http://127.0.0.1:1", headers=headers)


def test_an_allowed_origin_is_asked_without_the_token(serve: Serve) -> None:
    home, other = serve(), serve()
    asked = endpoint(home, auth=BEARER, allowed_origins=[other.origin])
    asked.get(f"{other.base}/Binary/1", "attachment")
    asked.get("x", "read")
    assert "authorization" not in other.seen[0].headers
    assert "authorization" in home.seen[0].headers


def test_cookies_stay_with_their_origin(serve: Serve) -> None:
    home = serve(Reply(headers={"Set-Cookie": "SESSION=s3cret; Path=/"}))
    other = serve(Reply(headers={"Set-Cookie": "OTHER=1; Path=/"}))
    asked = endpoint(home, allowed_origins=[other.origin])
    for url in ("x", f"{other.base}/y", "x", f"{other.base}/y"):
        asked.get(url, "read")
    assert [seen.headers.get("cookie") for seen in home.seen] == [None, "SESSION=s3cret"]
    assert [seen.headers.get("cookie") for seen in other.seen] == [None, "OTHER=1"]


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("https://files.example.org", "https://files.example.org/x"),
        ("https://files.example.org/", "https://files.example.org:443/x"),
        ("https://files.example.org:443", "https://FILES.example.org/x"),
        ("https://Files.example.org:8443", "https://files.example.org:8443/x"),
    ],
)
def test_an_origin_is_allowed_however_it_is_written(allowed: str, url: str) -> None:
    asked = endpoint("https://ehr.example.org/fhir", allowed_origins=[allowed])
    assert asked.resolve(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example.org:8443/x",
        "http://files.example.org/x",
        "https://files.example.org.evil.example/x",
        "https://evil.example/https://files.example.org",
        "https://files.example.org@evil.example/x",
        "https://ehr.example.org:8443/fhir/x",
        "http://ehr.example.org/fhir/x",
        "//evil.example/x",
        "ftp://ehr.example.org/x",
        "file:///etc/passwd",
    ],
)
def test_no_other_origin_is(url: str) -> None:
    asked = endpoint("https://ehr.example.org/fhir", allowed_origins=["https://files.example.org"])
    with pytest.raises(Forbidden):
        asked.resolve(url)


def test_a_redirect_to_another_origin_is_not_followed(serve: Serve) -> None:
    other = serve()
    home = serve(Reply(302, b"", {"Location": f"{other.base}/x"}))
    with pytest.raises(Forbidden):
        endpoint(home, auth=BEARER).get("x", "read")
    assert other.seen == []


def test_a_redirect_to_an_allowed_origin_leaves_the_token_at_home(serve: Serve) -> None:
    other = serve(Reply(200, b"[]"))
    home = serve(Reply(307, b"", {"Location": f"{other.base}/x"}))
    asked = endpoint(home, auth=BEARER, allowed_origins=[other.origin])
    assert asked.get("x", "read").body == b"[]"
    assert "authorization" not in other.seen[0].headers


def test_a_url_with_two_readings_does_not_carry_the_token_away(serve: Serve) -> None:
    home, other = serve(), serve()
    at_home, at_other = (s.origin.removeprefix("http://") for s in (home, other))
    asked = endpoint(home, auth=BEARER)
    for url in (
        f"http://{at_other}\\@{at_home}/fhir/x",
        f"http://{at_other}/\\@{at_home}/fhir/x",
        f"http://{at_other}#@{at_home}/fhir/x",
        f"http://{at_other}?@{at_home}/fhir/x",
        f"http://{at_home}@{at_other}/fhir/x",
        f"http:\\\\{at_other}/fhir/x",
        f"\\\\{at_other}/fhir/x",
        f"http:/{at_other}/fhir/x",
        f" http://{at_other}/fhir/x",
        f"http://{at_other}\t@{at_home}/fhir/x",
    ):
        with suppress(Forbidden):
            asked.get(url, "next page")
    assert other.seen == []


def test_netrc_is_not_read(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password else\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    home, other = serve(), serve()
    endpoint(home).get("x", "read")
    asked = endpoint(home, auth=BEARER, allowed_origins=[other.origin])
    asked.get("x", "read")
    asked.get(f"{other.base}/x", "attachment")
    assert "authorization" not in home.seen[0].headers
    assert home.seen[1].headers["authorization"] == f"Bearer {TOKEN}"
    assert "authorization" not in other.seen[0].headers


@pytest.mark.parametrize("token", ["s3cret\nInjected: yes", "s3crét", "s3cret\x00", "s3čret"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str
) -> None:
    (tmp_path / "token").write_text(token, encoding="utf-8")
    server = serve()
    with pytest.raises(UsageError) as caught:
        endpoint(server, auth={"type": "bearer", "token": {"file": str(tmp_path / "token")}})
    assert "s3" not in str(caught.value)
    assert server.seen == []


@pytest.mark.parametrize("held", ["a b", "Bearer abc", "a\nb", "a\u20ac", "\x00"])
def test_a_secret_that_no_header_can_hold_is_told_with_its_place(
    serve: Serve, tmp_path: Path, held: str
) -> None:
    (tmp_path / "key").write_text(held, encoding="utf-8")
    secret = {"file": str(tmp_path / "key")}
    server = serve()
    with pytest.raises(UsageError, match=r"file .*key"):
        endpoint(server, auth={"type": "bearer", "token": secret}).get("x", "read")
    if " " not in held:
        with pytest.raises(UsageError, match=r"X-Api-Key .file .*key"):
            endpoint(server, headers={"X-Api-Key": secret}).get("x", "read")
    assert not server.seen


def test_a_byte_order_mark_is_no_part_of_a_secret(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbfabc\r\n")  # as some editors save it
    server = serve()
    secret = {"file": str(tmp_path / "key")}
    endpoint(server, auth={"type": "bearer", "token": secret}).get("x", "read")
    assert server.seen[0].headers["authorization"] == "Bearer abc"
