"""Keycloak gives the tokens, the sandbox checks them: two parties that know nothing of ours."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests

from connector import keys
from connector.endpoint import Endpoint
from connector.endpoint.client_authentication import client_assertion
from connector.errors import SignInFailed
from connector.settings import Source
from tests.real.keycloak_server import SCOPES, Keycloak
from tests.sandbox_parts import Authority, Protection, Sandbox

pytestmark = pytest.mark.real

TYPES = ("Patient", "Observation", "Condition")
_REFUSED = {"invalid_client", "unauthorized_client", "invalid_request"}


@pytest.fixture(scope="module")
def fhir(keycloak: Keycloak) -> Iterator[Sandbox]:
    """A FHIR server that asks for Keycloak's tokens, and says where they are to be had."""
    authority = Authority(keycloak.token_url, keycloak.issuer, keycloak.jwks())
    with Sandbox(protection=Protection(supported=SCOPES, authority=authority)) as server:
        server.put({"resourceType": "Patient", "id": "pa"})
        yield server


class Client:
    """A registered backend service with its key."""

    def __init__(self, keycloak: Keycloak, algorithm: keys.Algorithm, life_s: int = 300) -> None:
        self.id = f"connector-{uuid.uuid4()}"
        self.key = keys.new(algorithm)
        self.token_url = keycloak.token_url
        keycloak.register(self.id, keys.jwks(self.key), algorithm, life_s)

    def endpoint(self, fhir: Sandbox, folder: Path, **auth: Any) -> Endpoint:
        (folder / "key.pem").write_bytes(self.key.pem())
        key = {"file": str(folder / "key.pem")}
        settings = {
            "id": uuid.uuid4(),
            "base_url": fhir.base_url,
            "environment": "test",
            "auth": {"type": "smart", "client_id": self.id, "private_key": key, **auth},
        }
        return Endpoint(Source.model_validate(settings), "source", types=TYPES)

    def assertion(self, **changes: Any) -> str:
        """What the product sends, with `changes` to its claims; `algorithm`, `key` to the rest."""
        key, algorithm = changes.pop("key", self.key.private), changes.pop("algorithm", None)
        plain = client_assertion(self.key, self.key.kid, self.id, self.token_url)
        if not changes and algorithm is None and key is self.key.private:
            return plain
        claims = {**jwt.decode(plain, options={"verify_signature": False}), **changes}
        headers = {"kid": self.key.kid}
        return jwt.encode(claims, key, algorithm or self.key.algorithm, headers)

    def post(self, assertion: str) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "scope": SCOPES[0],
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return requests.post(self.token_url, data=form, timeout=60)


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_it_lets_us_in(
    keycloak: Keycloak, fhir: Sandbox, tmp_path: Path, algorithm: keys.Algorithm
) -> None:
    asked = Client(keycloak, algorithm).endpoint(fhir, tmp_path)
    assert json.loads(asked.get("Patient/pa", "read").body)["id"] == "pa"
    grant = asked.grant()
    assert grant is not None
    assert set(grant.asked) == set(SCOPES)  # what is not listed is not asked: it would be refused
    assert grant.expires_in_s == 300
    known = {name: asked.granted(name) for name in TYPES}
    assert known == {"Patient": True, "Observation": True, "Condition": False}


def test_a_scope_it_does_not_know_is_told(
    keycloak: Keycloak, fhir: Sandbox, tmp_path: Path
) -> None:
    asked = Client(keycloak, "ES384").endpoint(fhir, tmp_path, scopes=["system/Unknown.rs"])
    with pytest.raises(SignInFailed, match="invalid_scope"):
        asked.get("Patient/pa", "read")


def test_a_token_that_ended_is_replaced(keycloak: Keycloak, fhir: Sandbox, tmp_path: Path) -> None:
    asked = Client(keycloak, "ES384", life_s=2).endpoint(fhir, tmp_path)
    first = asked.grant()
    time.sleep(3)  # its life, at the server that gives it
    assert asked.get("Patient/pa", "read").ok
    assert asked.grant() is not first


@pytest.mark.parametrize(
    "fault", ["algorithm", "audience", "expired", "replayed", "key", "client", "none"]
)
def test_it_refuses_what_the_sandbox_refuses(keycloak: Keycloak, fault: str) -> None:
    client = Client(keycloak, "RS384")
    if fault == "algorithm":
        answer = client.post(client.assertion(algorithm="RS256"))
    elif fault == "audience":
        answer = client.post(client.assertion(aud="https://elsewhere.example.org/token"))
    elif fault == "expired":
        answer = client.post(client.assertion(exp=int(time.time()) - 120))
    elif fault == "key":
        answer = client.post(client.assertion(key=keys.new("RS384").private))
    elif fault == "client":
        answer = client.post(client.assertion(iss="nobody", sub="nobody"))
    else:
        used = client.assertion()
        answer = client.post(used)
        assert answer.status_code == 200, answer.text
        if fault == "none":
            return
        answer = client.post(used)
    assert answer.status_code in (400, 401), answer.text
    assert answer.json()["error"] in _REFUSED


def test_the_fhir_server_takes_no_token_but_keycloaks(fhir: Sandbox, keycloak: Keycloak) -> None:
    forged = jwt.encode(
        {"iss": keycloak.issuer, "exp": int(time.time()) + 60, "scope": "system/*.rs"},
        keys.new("RS384").private,
        "RS256",
        {"kid": keycloak.jwks()["keys"][0]["kid"]},
    )
    for token in (forged, "x", ""):
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{fhir.base_url}/Patient/pa", headers=headers, timeout=10)
        assert answer.status_code == 401
