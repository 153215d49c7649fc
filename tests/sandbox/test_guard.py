"""A protected sandbox: it really checks statements, tokens and scopes."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.sandbox_parts import Client, Protection, Sandbox

from .conftest import FHIR, entry, observation, patient

KEYS: dict[str, Any] = {
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "RS384": rsa.generate_private_key(65537, 2048),
}


def jwks() -> dict[str, Any]:
    """Both public keys, each under the name of its algorithm."""
    algorithms: dict[str, Any] = {
        "ES384": jwt.algorithms.ECAlgorithm,
        "RS384": jwt.algorithms.RSAAlgorithm,
    }
    found = [
        {**json.loads(algorithms[name].to_jwk(key.public_key())), "kid": name, "alg": name}
        for name, key in KEYS.items()
    ]
    return {"keys": found}


@pytest.fixture
def guarded() -> Iterator[Sandbox]:
    client = Client("app", jwks(), scopes=("system/Patient.cruds", "system/Observation.rs"))
    with Sandbox(protection=Protection([client], expires_in_s=1)) as running:
        running.put(patient())
        yield running


def statement(guarded: Sandbox, algorithm: str = "ES384", **changes: Any) -> str:
    headers = {"kid": changes.pop("kid", algorithm)}
    key = changes.pop("key", KEYS["RS384" if algorithm.startswith("RS") else "ES384"])
    claims = {
        "iss": "app",
        "sub": "app",
        "aud": guarded.token_url,
        "exp": int(time.time()) + 240,
        "jti": str(uuid.uuid4()),
        **changes,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key, algorithm, headers)


def ask(guarded: Sandbox, assertion: str, scope: str = "system/Patient.rs") -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    return requests.post(guarded.token_url, data=form, timeout=10)


def bearer(guarded: Sandbox, scope: str) -> dict[str, str]:
    token = ask(guarded, statement(guarded), scope).json()["access_token"]
    return {**FHIR, "Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_good_statement_gets_a_token_once(guarded: Sandbox, algorithm: str) -> None:
    good = statement(guarded, algorithm)
    answer = ask(guarded, good)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json()["scope"] == "system/Patient.rs"
    assert ask(guarded, good).json() == {"error": "invalid_client"}


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "RS256", "kid": "RS384"},
        {"kid": "unknown"},
        {"key": ec.generate_private_key(ec.SECP384R1())},
        {"aud": "https://elsewhere.example.org/token"},
        {"exp": int(time.time()) - 10},
        {"exp": int(time.time()) + 3600},
        {"iss": "nobody"},
        {"sub": "nobody"},
        {"jti": None},
        {"exp": None},
    ],
)
def test_a_bad_statement_gets_none(guarded: Sandbox, changes: dict[str, Any]) -> None:
    answer = ask(guarded, statement(guarded, **changes))
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


def test_scopes_are_those_allowed_and_are_enforced(guarded: Sandbox) -> None:
    granted = ask(guarded, statement(guarded), "system/*.rs system/Observation.rs system/Patient.r")
    assert granted.json()["scope"] == "system/Observation.rs system/Patient.r"
    refused = ask(guarded, statement(guarded), "system/Condition.rs")
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_scope"})
    base, headers = guarded.base_url, bearer(guarded, "system/Patient.r")
    assert requests.get(f"{base}/Patient/pa", headers=headers, timeout=10).status_code == 200
    assert requests.get(f"{base}/Patient", headers=headers, timeout=10).status_code == 403
    assert requests.get(f"{base}/Observation", headers=headers, timeout=10).status_code == 403
    inside = entry("POST", "Observation", observation("Patient/pa"))
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [inside]}
    assert requests.post(base, json=bundle, headers=headers, timeout=10).status_code == 403
    assert len(guarded.resources()) == 1


@pytest.mark.parametrize("scope", ["system/Patient.rs", "system/*.rs"])
def test_what_comes_along_is_within_the_scopes_too(scope: str) -> None:
    client = Client("app", jwks(), scopes=("system/*.rs",))
    with Sandbox(protection=Protection([client])) as sandbox:
        sandbox.put({"resourceType": "Patient", "id": "pa"})
        sandbox.put(observation("Patient/pa") | {"id": "o"})
        headers = bearer(sandbox, scope)
        include = "Patient?_revinclude=Observation:subject"
        entries = [{"request": {"method": "GET", "url": include}}]
        batch = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        found = [
            requests.get(f"{sandbox.base_url}/{url}", headers=headers, timeout=10).json()
            for url in ("Patient/pa/$everything", include)
        ]
        answer = requests.post(sandbox.base_url, json=batch, headers=headers, timeout=10)
        found.append(answer.json()["entry"][0]["resource"])
    for bundle in found:
        names = {entry["resource"]["resourceType"] for entry in bundle["entry"]}
        assert names == ({"Patient", "Observation"} if "*" in scope else {"Patient"})


def test_a_token_ends(guarded: Sandbox) -> None:
    headers = bearer(guarded, "system/Patient.rs")
    url = f"{guarded.base_url}/Patient/pa"
    assert requests.get(url, headers=headers, timeout=10).status_code == 200
    time.sleep(1.1)
    answer = requests.get(url, headers=headers, timeout=10)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_a_token_is_used_up() -> None:
    client = Client("app", jwks(), scopes=("system/Patient.rs",))
    with Sandbox(protection=Protection([client], uses_max=2)) as server:
        server.put(patient())
        headers, url = bearer(server, "system/Patient.rs"), f"{server.base_url}/Patient/pa"
        found = [requests.get(url, headers=headers, timeout=10).status_code for _ in range(3)]
    assert found == [200, 200, 401]


def test_what_is_open_without_a_token(guarded: Sandbox) -> None:
    base = guarded.base_url
    assert requests.get(f"{base}/metadata", timeout=10).status_code == 200
    told = requests.get(f"{base}/.well-known/smart-configuration", timeout=10).json()
    assert told["token_endpoint"] == guarded.token_url
    assert requests.get(f"{base}/Patient/pa", timeout=10).status_code == 401
