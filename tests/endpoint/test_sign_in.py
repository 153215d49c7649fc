"""SMART Backend Services and client secrets, against a sandbox that checks every assertion."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connector import keys
from connector.endpoint import Endpoint
from connector.endpoint.scopes import least
from connector.errors import Answered, SignInFailed, UsageError, Waiting
from tests.sandbox_parts import Client, Protection, Sandbox

from .conftest import Serve, endpoint
from .server import Reply, Scripted

TOKEN = "/auth/token"
TYPES = ("Patient", "Observation", "Binary")


class Site:
    """A protected sandbox, and endpoints with the key that is registered there."""

    def __init__(self, folder: Path, algorithm: keys.Algorithm = "ES384", **settings: Any) -> None:
        self.key = keys.new(algorithm)
        self.file = folder / f"{algorithm}.pem"
        self.file.write_bytes(self.key.pem())
        allowed = settings.pop("allowed", ("system/*.cruds",))
        jwks = json.loads(keys.jwks(self.key))
        clients = [
            Client("app", jwks=jwks, scopes=allowed),
            Client("app:2", secret="s3:cr%t", scopes=allowed),
        ]
        self.sandbox = Sandbox(protection=Protection(clients, **settings))
        self.sandbox.put({"resourceType": "Patient", "id": "pa"})

    def auth(self, **changes: Any) -> dict[str, Any]:
        key = {"file": str(self.file)}
        return {"type": "smart", "client_id": "app", "private_key": key, **changes}

    def endpoint(self, auth: dict[str, Any] | None = None, **settings: Any) -> Endpoint:
        auth = auth or self.auth()
        return endpoint(self.sandbox.base_url, auth=auth, types=TYPES, **settings)

    @property
    def fetched(self) -> int:
        """How many tokens were given."""
        return sum(r.path == TOKEN and r.status == 200 for r in self.sandbox.requests)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.sandbox.close()


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_signed_statement_lets_us_in(tmp_path: Path, algorithm: keys.Algorithm) -> None:
    site = Site(tmp_path, algorithm)
    with site.sandbox:
        asked = site.endpoint()
        for _ in range(3):
            assert asked.get("Patient/pa", "read").ok
        assert site.fetched == 1


@pytest.mark.parametrize("place", [None, "header", "form"])
def test_a_client_secret_lets_us_in(
    site: Site, monkeypatch: pytest.MonkeyPatch, place: str | None
) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "s3:cr%t")
    auth = {
        "type": "client-secret",
        "client_id": "app:2",
        "client_secret": {"env": "CLIENT_SECRET"},
        "token_url": site.sandbox.token_url,
    } | ({"secret_in": place} if place else {})
    assert site.endpoint(auth).get("Patient/pa", "read").ok


def test_the_wrong_key_and_the_wrong_name_are_refused_without_a_word_of_them(
    site: Site, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(keys.new("ES384").pem())
    for auth in (
        site.auth(private_key={"file": str(other)}),
        site.auth(private_key={"file": str(other)}, kid=site.key.kid),
        site.auth(client_id="nobody-knows"),
        site.auth(token_url=site.sandbox.token_url.replace("127.0.0.1", "localhost")),
    ):
        with pytest.raises(SignInFailed, match=r"HTTP 401 \(invalid_client\)$") as caught:
            site.endpoint(auth).get("Patient/pa", "read")
        assert "nobody" not in str(caught.value)
        assert "clock" in caught.value.what_to_do
    assert not any(r.path.endswith("Patient/pa") for r in site.sandbox.requests)


def test_each_try_carries_a_fresh_statement(serve: Serve, site: Site) -> None:
    token = b'{"access_token": "t", "token_type": "Bearer", "expires_in": "300"}'
    answers = [Reply(503), Reply(400, b""), Reply(429), Reply(200, token)]
    told = serve(*answers)
    home = serve()
    auth = site.auth(token_url=f"{told.origin}/token", scopes=["system/Patient.rs"])
    endpoint(home, auth=auth, attempts=4).get("x", "read")
    sent = [parse_qs(seen.body.decode()) for seen in told.seen]
    assert len({form["client_assertion"][0] for form in sent}) == 4
    assert {form["scope"][0] for form in sent} == {"system/Patient.rs"}
    assert home.seen[0].headers["authorization"] == "Bearer t"
    assert all("authorization" not in seen.headers for seen in told.seen)


def test_the_token_endpoint_never_gets_the_token(serve: Serve, site: Site) -> None:
    token = b'{"access_token": "t", "token_type": "bearer", "expires_in": 9}'
    told, home = serve(Reply(200, token)), serve(Reply(), Reply(401), Reply())
    auth = site.auth(token_url=f"{told.origin}/token", scopes=["system/Patient.rs"])
    asked = endpoint(home, auth=auth)
    asked.get("x", "read")
    asked.get("x", "read")
    assert len(told.seen) == 2
    assert all("authorization" not in seen.headers for seen in told.seen)


def test_a_long_wait_is_handed_on(serve: Serve, site: Site) -> None:
    told = serve(Reply(429, b"", {"Retry-After": "3600"}))
    auth = site.auth(token_url=f"{told.origin}/token", scopes=["system/Patient.rs"])
    with pytest.raises(Waiting):
        endpoint(serve(), auth=auth).get("x", "read")


def test_threads_share_one_token(site: Site) -> None:
    asked = site.endpoint()
    gate = threading.Barrier(8)

    def one(_: int) -> bool:
        gate.wait()
        return asked.get("Patient/pa", "read").ok

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(8)))
        assert site.fetched == 1
        site.sandbox.revoke_tokens()
        assert all(pool.map(one, range(8)))
    assert site.fetched == 2


def test_a_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    site = Site(tmp_path, expires_in_s=2)
    with site.sandbox:
        asked = site.endpoint()
        asked.get("Patient/pa", "read")
        until = time.monotonic() + 3
        while time.monotonic() < until:
            asked.get("Patient/pa", "read")
        assert site.fetched >= 3
        assert all(r.status == 200 for r in site.sandbox.requests)


@pytest.mark.parametrize(
    "life",
    [
        "9" * 330,
        "1e400",
        "0",
        "-5",
        '"NaN"',
        '"Infinity"',
        '"-0"',
        "0.0001",
        "true",
        "[]",
        '"soon"',
    ],
)
def test_a_life_that_cannot_be_lasts_until_the_server_refuses(
    serve: Serve, site: Site, life: str
) -> None:
    token = f'{{"access_token": "t", "token_type": "bearer", "expires_in": {life}}}'.encode()
    tokens, home = serve(Reply(200, token)), serve(*[Reply()] * 4, Reply(401), Reply())
    auth = site.auth(token_url=f"{tokens.origin}/t", scopes=["system/*.rs"])
    asked = endpoint(home, auth=auth)
    for _ in range(5):
        assert asked.get("x", "read").ok
    assert len(tokens.seen) == 2
    grant = asked.grant()
    assert grant is not None
    assert grant.expires_in_s is None


def test_a_wrong_secret_is_called_one(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRONG_SECRET", "not-this-one")
    # As Keycloak says it, and as the RFC has it.
    for error, status in (("unauthorized_client", 401), ("invalid_client", 400)):
        tokens = serve(Reply(status, json.dumps({"error": error}).encode()))
        auth = {
            "type": "client-secret",
            "client_id": "app",
            "client_secret": {"env": "WRONG_SECRET"},
            "token_url": f"{tokens.origin}/t",
            "scopes": ["system/*.rs"],
        }
        with pytest.raises(SignInFailed, match=error) as caught:
            endpoint(serve(), auth=auth).get("x", "read")
        assert "client_secret" in caught.value.what_to_do
        assert "key" not in caught.value.what_to_do


def test_refused_scopes_are_named(serve: Serve, site: Site) -> None:
    tokens = serve(Reply(400, b'{"error": "invalid_scope"}'))
    auth = site.auth(token_url=f"{tokens.origin}/t", scopes=["system/Patient.rs", "system/X.r"])
    with pytest.raises(SignInFailed) as caught:
        endpoint(serve(), auth=auth).get("x", "read")
    assert "asked: system/Patient.rs system/X.r" in caught.value.what_to_do


def test_a_fresh_token_that_is_refused_points_to_its_issuer(serve: Serve, site: Site) -> None:
    tokens = serve(Reply(200, b'{"access_token": "t", "token_type": "bearer"}'))
    auth = site.auth(token_url=f"{tokens.origin}/t", scopes=["system/*.rs"])
    with pytest.raises(Answered, match="HTTP 401") as caught:
        endpoint(serve(Reply(401)), auth=auth).get("x", "read")
    assert "issuer" in caught.value.what_to_do


@pytest.mark.parametrize(
    ("listed", "rights", "asked"),
    [
        ("*.rs *.r *.cruds", ("rs",), "*.rs"),
        ("*.rs *.r *.cruds", ("rs", "cu"), "*.cruds"),
        ("*.read *.write *.rs", ("rs",), "*.read"),
        ("*.read *.write", ("rs", "cu"), "*.read *.write"),
        ("*.read *.cruds", ("rs", "cu"), "*.cruds"),
        (
            "Patient.rs Observation.rs Binary.r",
            ("rs",),
            "Binary.r Observation.rs Patient.rs",
        ),
        ("Patient.read Observation.rs", ("rs",), "Observation.rs Patient.read"),
    ],
)
def test_one_form_of_scopes_is_asked(listed: str, rights: tuple[str, ...], asked: str) -> None:
    supported = [f"system/{scope}" for scope in listed.split()]
    assert least(TYPES, rights, (), supported) == tuple(f"system/{one}" for one in asked.split())


def test_a_refused_token_is_replaced_once(serve: Serve, site: Site) -> None:
    asked = site.endpoint()
    asked.get("Patient/pa", "read")
    site.sandbox.revoke_tokens()
    assert (
        asked.write("PUT", "Patient/pa", b'{"resourceType":"Patient","id":"pa"}', "w").ok is False
    )
    assert site.fetched == 2  # 403: a source asks for no right to write
    token = b'{"access_token": "t", "token_type": "bearer"}'
    told, home = serve(Reply(200, token)), serve(Reply(401))
    auth = site.auth(token_url=f"{told.origin}/token", scopes=["system/Patient.rs"])
    stubborn = endpoint(home, auth=auth)
    for _ in range(3):
        with pytest.raises(Answered, match="401"):
            stubborn.get("x", "read")
    assert len(told.seen) == 2
    assert len(home.seen) == 4


def test_the_least_is_asked_and_what_was_granted_is_known_before_asking(tmp_path: Path) -> None:
    site = Site(tmp_path, allowed=("system/Patient.rs", "system/Binary.r"))
    with site.sandbox:
        asked = site.endpoint()
        grant = asked.grant()
        assert grant is not None
        assert grant.asked == ("system/Binary.r", "system/Observation.rs", "system/Patient.rs")
        known = {name: asked.granted(name) for name in (*TYPES, "Condition")}
        assert known == {"Patient": True, "Observation": False, "Binary": True, "Condition": False}
        with pytest.raises(Answered, match="403"):
            asked.get("Observation?patient=pa", "search")


@pytest.mark.parametrize(
    ("said", "granted"),
    [
        ("", True),  # as asked (RFC 6749 5.1)
        ('"scope": "system/*.read",', True),
        ('"scope": "system/Observation.rs?category=laboratory",', True),
        ('"scope": "system/Observation.r system/Patient.rs",', False),
        ('"scope": "openid",', False),
    ],
)
def test_how_granted_scopes_are_read(serve: Serve, site: Site, said: str, granted: bool) -> None:
    token = f'{{{said} "access_token": "t", "token_type": "bearer"}}'.encode()
    auth = site.auth(
        token_url=f"{serve(Reply(200, token)).origin}/t", scopes=["system/Observation.rs"]
    )
    asked = endpoint(serve(), auth=auth)
    assert asked.granted("Observation") is granted
    assert asked.granted_in_part("Observation") is ("category" in said)


def test_scopes_in_words_of_the_server_tell_nothing(serve: Serve, site: Site) -> None:
    token = b'{"scope": "fhir-read", "access_token": "t", "token_type": "bearer"}'
    auth = site.auth(token_url=f"{serve(Reply(200, token)).origin}/t", scopes=["fhir-read"])
    assert endpoint(serve(), auth=auth).granted("Observation") is None
    assert endpoint(serve()).granted("Observation") is None


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, b"<html>"),
        Reply(200, b'{"access_token": "t\\r\\nX: y", "token_type": "bearer"}'),
        Reply(200, b'{"access_token": "t", "token_type": "mac"}'),
        Reply(200, b'{"access_token": "", "token_type": "bearer"}'),
        Reply(200, b'{"access_token": "  ", "token_type": "bearer"}'),
        Reply(200, b'{"access_token": ["t"], "token_type": "bearer"}'),
        Reply(200, b'{"access_token": "t", "token_type": ["bearer"]}'),
        Reply(302, b"", {"Location": "http://elsewhere.invalid/"}),
        Reply(401, b'{"error": "Jane Doe s3cret"}'),
    ],
)
def test_what_is_no_token_is_told_without_its_text(serve: Serve, site: Site, answer: Reply) -> None:
    home = serve()
    auth = site.auth(token_url=f"{serve(answer).origin}/t", scopes=["system/*.rs"])
    with pytest.raises(SignInFailed) as caught:
        endpoint(home, auth=auth).get("x", "read")
    assert "s3cret" not in str(caught.value) + caught.value.what_to_do
    assert home.seen == []


@pytest.mark.parametrize(
    ("discovery", "words"),
    [
        (Reply(404), "names no token endpoint"),
        (Reply(200, b"[]"), "names no token endpoint"),
        (Reply(200, b'{"token_endpoint": "http://auth.example.org/t"}'), "without TLS"),
    ],
)
def test_discovery_that_leads_nowhere(
    serve: Serve, site: Site, discovery: Reply, words: str
) -> None:
    with pytest.raises(SignInFailed, match=words):
        endpoint(serve(discovery), auth=site.auth()).get("x", "read")


def test_discovery_is_below_the_base_and_may_be_relative(serve: Serve, site: Site) -> None:
    said = b'{"token_endpoint": "../oauth/token", "scopes_supported": ["system/*.read"]}'
    token = b'{"access_token": "t", "token_type": "bearer"}'
    home: Scripted = serve(Reply(200, said), Reply(200, token), Reply())
    endpoint(home, auth=site.auth(), types=TYPES).get("x", "read")
    assert [seen.path for seen in home.seen] == [
        "/fhir/.well-known/smart-configuration",
        "/oauth/token",
        "/fhir/x",
    ]
    assert parse_qs(home.seen[1].body.decode())["scope"] == ["system/*.read"]


def test_a_key_that_cannot_sign_is_told_without_its_text(site: Site, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    def pem(key: Any, encryption: Any = None) -> bytes:
        return bytes(
            key.private_bytes(
                form.Encoding.PEM, form.PrivateFormat.PKCS8, encryption or form.NoEncryption()
            )
        )

    curve = ec.generate_private_key(ec.SECP384R1())
    bad = {
        "in PEM form": b"s3cret",
        "neither RSA": pem(ec.generate_private_key(ec.SECP256R1())),
        "2048 bits": pem(rsa.generate_private_key(65537, 1024)),
        "encrypted": pem(curve, form.BestAvailableEncryption(b"x")),
    }
    for words, text in bad.items():
        (tmp_path / "bad.pem").write_bytes(text)
        with pytest.raises(UsageError, match=words) as caught:
            site.endpoint(site.auth(private_key={"file": str(tmp_path / "bad.pem")}))
        assert "s3cret" not in str(caught.value)


def test_each_request_may_meet_a_token_that_has_just_ended(serve: Serve, site: Site) -> None:
    """Two requests side by side, each refused once, neither answered yet: both go on."""
    tokens = Reply(200, b'{"access_token": "t", "token_type": "bearer"}')
    auth = site.auth(token_url=f"{serve(tokens).origin}/t", scopes=["system/*.rs"])
    sign_in = endpoint(serve(), auth=auth)._sign_in
    first = sign_in.credentials()
    assert sign_in.heard(first, 401, again=False)
    second = sign_in.credentials()
    assert sign_in.heard(second, 401, again=False)
    assert sign_in.credentials() not in (first, second)
