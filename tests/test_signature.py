"""Signed texts: what was not signed by a given key, just so, is refused."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector import keys
from connector.signature import BadKeys, BadSignature, sign, verified

KEYS = {algorithm: keys.new(algorithm) for algorithm in ("ES384", "RS384")}
TEXT = b'{"a":"\xc3\xa9"}'


def jwks(*algorithms: Any) -> Any:
    return json.loads(keys.jwks(*(KEYS[name] for name in algorithms)))


def signed(algorithm: Any, kid: str | None = None) -> bytes:
    key = KEYS[algorithm]
    return sign(TEXT, key, kid or key.kid, {"cty": "json"}).encode()


@pytest.mark.parametrize("algorithm", KEYS)
def test_what_was_signed_is_had_back(algorithm: str) -> None:
    assert verified(signed(algorithm), jwks("ES384", "RS384")) == TEXT


@pytest.mark.parametrize("algorithm", KEYS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_changed_byte_is_found(algorithm: str, data: st.DataObject) -> None:
    text = bytearray(signed(algorithm))
    place = data.draw(st.integers(0, len(text) - 1))
    text[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[place]))
    with pytest.raises(BadSignature):
        verified(bytes(text), jwks("ES384", "RS384"))


def test_of_bits_that_mean_nothing_only_one_form_is_taken() -> None:
    """The last character of 256 bytes in base64url has four bits that decode to nothing."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = keys.SigningKey("RS384", rsa.generate_private_key(65537, 2048))
    text = sign(TEXT, key, key.kid, {})
    given_keys = json.loads(keys.jwks(key))
    assert verified(text.encode(), given_keys) == TEXT
    others = [text[:-1] + last for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if last != text[-1]]
    for other in others:
        with pytest.raises(BadSignature):
            verified(other.encode(), given_keys)


REFUSED = {
    "another key of that name": (signed("ES384", KEYS["RS384"].kid), "algorithm"),
    "no such key": (signed("ES384", "nobody"), "not among"),
    "no signature": (
        b"eyJhbGciOiJub25lIn0." + base64.urlsafe_b64encode(TEXT).rstrip(b"=") + b".",
        "algorithm",
    ),
    "no JWS": (b"text", "compact form"),
    "no header": (b"e30x.e30.e30", "compact form"),
    "padded": (signed("ES384") + b"=", "base64url"),
    "a line end": (signed("ES384") + b"\n", "base64url"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_refused(why: str) -> None:
    text, words = REFUSED[why]
    with pytest.raises(BadSignature, match=words):
        verified(text, jwks("ES384", "RS384"))


@pytest.mark.parametrize("given_keys", [[], {}, {"keys": {}}, {"keys": []}, {"keys": [1, {}]}])
def test_keys_that_are_none(given_keys: Any) -> None:
    with pytest.raises(BadKeys):
        verified(signed("ES384"), given_keys)


def test_openssl_agrees(tmp_path: Path) -> None:
    """RS384 as docs/proof.md has it checked, without anything of ours."""
    from cryptography.hazmat.primitives import serialization as form

    public = KEYS["RS384"].private.public_key()
    pem = public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    text, _, signature = signed("RS384").rpartition(b".")
    (tmp_path / "public.pem").write_bytes(pem)
    (tmp_path / "text").write_bytes(text)
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + b"=="))
    command = "openssl dgst -sha384 -verify public.pem -signature signature text"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b"Verified OK\n"
