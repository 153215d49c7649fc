"""A text and who stands for it: JWS in compact form (RFC 7515), by RS384 or ES384.

Whoever checks one needs the public key (a JWKS) and nothing of ours.
"""

import base64
import binascii
import json
from typing import Any

from .keys import SigningKey

ALGORITHMS = ("ES384", "RS384")
_KEY_TYPES = {"EC": "ES384", "RSA": "RS384"}


class BadSignature(ValueError):
    """Not a signature of the key it should be of. Its text says why, without the content."""


class BadKeys(ValueError):
    """Not a set of public keys."""


def sign(content: bytes, key: SigningKey, kid: str, header: dict[str, str]) -> str:
    """`content` signed. `header`: `typ`, and `cty` where it helps, of RFC 7515 4.1."""
    from jwt.api_jws import PyJWS

    # "typ": None keeps PyJWT from adding its own.
    headers = {"typ": None, "kid": kid, **header}
    return PyJWS(ALGORITHMS).encode(content, key.private, key.algorithm, headers)


def verified(signed: bytes, jwks: Any) -> bytes:
    """The content of `signed`, when a key of `jwks` (decoded JSON, RFC 7517) signed it.

    Raises `BadSignature`; `BadKeys` when `jwks` is none. Strict: one text has one form, so that
    another last character, which decodes to the same bytes, is refused as well (RFC 4648 3.5).
    """
    from jwt.api_jws import PyJWS
    from jwt.exceptions import PyJWTError

    keys = _keys(jwks)
    header = _header(signed)
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise BadSignature("signed by an algorithm that is not RS384 or ES384")
    key = keys.get(str(kid))
    if key is None:
        raise BadSignature("signed by a key that is not among those given")
    if key.algorithm_name != algorithm:
        raise BadSignature("signed by another algorithm than its key is for")
    try:
        content: bytes = PyJWS(ALGORITHMS).decode(signed, key, [algorithm])
    except PyJWTError:
        raise BadSignature("the signature is not of this content and this key") from None
    return content


def _keys(jwks: Any) -> dict[str, Any]:
    """Key by `kid`; what can't verify RS384 or ES384 is passed over."""
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    members = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(members, list):
        raise BadKeys("no JSON Web Key Set: expected an object with `keys`")
    found = {}
    for member in members:
        if isinstance(member, dict) and "kid" in member:
            try:
                algorithm = member.get("alg") or _KEY_TYPES.get(str(member.get("kty")))
                found[str(member["kid"])] = PyJWK.from_dict(member, algorithm)
            except (PyJWTError, ValueError, TypeError, KeyError):
                continue
    if not found:
        raise BadKeys("no public key with a `kid` in it")
    return found


def _header(signed: bytes) -> dict[str, Any]:
    parts = signed.split(b".")
    if len(parts) != 3:
        raise BadSignature("not a JWS in compact form")
    head, _, _ = map(_plain, parts)
    try:
        header = json.loads(head)
    except (ValueError, RecursionError):
        raise BadSignature("not a JWS in compact form") from None
    if not isinstance(header, dict):
        raise BadSignature("not a JWS in compact form")
    return header


def _plain(part: bytes) -> bytes:
    try:
        plain = base64.b64decode(part + b"=" * (-len(part) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadSignature("not base64url") from None
    if base64.urlsafe_b64encode(plain).rstrip(b"=") != part:
        raise BadSignature("not base64url in its one form")
    return plain
