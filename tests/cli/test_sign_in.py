"""Keys made by the command line let us in, and doctor tells what the token is good for."""

import json
from pathlib import Path

import jwt
import pytest

from tests.sandbox_parts import Client, Protection, Sandbox
from tests.support import Site


def registered(folder: Path, *scopes: str) -> Protection:
    return Protection([Client("app", json.loads((folder / "jwks.json").read_text()), None, scopes)])


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_keys_are_private_named_by_thumbprint_and_never_written_over(
    tmp_path: Path, algorithm: str
) -> None:
    site = Site(tmp_path, "", "")
    made = site.cli("keys", "new", "--alg", algorithm, "--out", "keys/home")
    assert made.code == 0, made.err
    private, public = tmp_path / "keys/home/private.pem", tmp_path / "keys/home/jwks.json"
    assert private.stat().st_mode & 0o777 == 0o600
    (jwk,) = json.loads(public.read_text())["keys"]
    assert jwk["alg"] == algorithm
    assert not jwk.keys() & {"d", "p", "q", "dp", "dq", "qi"}
    # RFC 7638, by the library's own hand.
    assert jwt.PyJWK(jwk).key_id == jwk["kid"]
    assert jwk["kid"] in made.out
    before = private.read_bytes()
    public.unlink()
    again = site.cli("keys", "new", "--out", "keys/home")
    assert again.code == 2
    assert "already" in again.err
    assert private.read_bytes() == before
    assert not public.exists()


def test_doctor_tells_the_token_and_what_is_not_granted(tmp_path: Path) -> None:
    site = Site(tmp_path, "", "")
    site.cli("keys", "new", "--out", "keys")
    most = tuple(f"system/{name}.rs" for name in ("Patient", "Condition", "Observation"))
    key = 'private_key = {{ file = "keys/private.pem" }}'
    auth = f'auth = {{{{ type = "smart", client_id = "{{}}", {key} }}}}'
    with (
        Sandbox(protection=registered(tmp_path / "keys", *most)) as source,
        Sandbox(protection=registered(tmp_path / "keys", "system/*.rs")) as destination,
    ):
        site.source_url, site.destination_url = source.base_url, destination.base_url
        site.configure(source=auth.format("app"), destination=auth.format("app"))
        ran = site.cli("doctor", "--json")
        checks = {(check["end"], check["name"]): check for check in ran.json["checks"]}
        assert ran.code == 7  # the destination grants no writing
        assert "for 300 s" in checks["home", "token"]["detail"]
        assert not checks["home", "scopes"]["ok"]  # records would be missing
        assert checks["home", "scopes"]["exit"] == 3
        assert "MedicationRequest" in checks["home", "scopes"]["detail"]
        assert "Condition" not in checks["home", "scopes"]["detail"]
        assert not checks["outside", "scopes"]["ok"]
        assert "ServiceRequest" in checks["outside", "scopes"]["detail"]
        site.configure(source=auth.format("nobody"), destination=auth.format("app"))
        refused = site.cli("doctor", "--json")
    failed = [check for check in refused.json["checks"] if not check["ok"]]
    assert (failed[0]["end"], failed[0]["name"]) == ("home", "token")
    assert "invalid_client" in failed[0]["detail"]
    assert source.base_url in failed[0]["detail"]
    clocks = [c for c in refused.json["checks"] if (c["end"], c["name"]) == ("home", "clock")]
    assert [c["ok"] for c in clocks] == [True]  # a refused signature may be one of another time
