"""Key pairs for signing: ours stays in its file, the other side gets the public half as a JWKS.

Two kinds, which every SMART server knows (SMART App Launch 2.2, client-confidential-asymmetric):
RS384 with RSA, ES384 with the curve P-384. Which one a key is for is seen from the key.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from .errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

Algorithm = Literal["ES384", "RS384"]
Jwk = dict[str, str | list[str]]

_RSA_BITS = 3072  # of new keys; as strong as SHA-384 needs (NIST SP 800-57)
_RSA_BITS_MIN = 2048  # RFC 7518 3.3


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that can sign, and the algorithm it signs by."""

    algorithm: Algorithm
    private: "RSAPrivateKey | EllipticCurvePrivateKey"

    def pem(self) -> bytes:
        """PKCS #8, not encrypted: whoever stores it keeps it private."""
        from cryptography.hazmat.primitives import serialization as form

        return self.private.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
        )

    def jwk(self) -> Jwk:
        """The public half as RFC 7517 says, named by its thumbprint."""
        public = self._public()
        described = {"kid": thumbprint(public), "alg": self.algorithm, "use": "sig"}
        return {**public, **described, "key_ops": ["verify"]}

    @property
    def kid(self) -> str:
        return thumbprint(self._public())

    def _public(self) -> dict[str, str]:
        """The members that make the key (RFC 7638 3.2), and no others."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

        if isinstance(self.private, RSAPrivateKey):
            rsa = self.private.public_key().public_numbers()
            return {"e": _number(rsa.e), "kty": "RSA", "n": _number(rsa.n)}
        point = self.private.public_key().public_numbers()
        return {
            "crv": "P-384",
            "kty": "EC",
            "x": _number(point.x, 48),
            "y": _number(point.y, 48),
        }


def new(algorithm: Algorithm) -> SigningKey:
    """A fresh key pair."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if algorithm == "ES384":
        return SigningKey(algorithm, ec.generate_private_key(ec.SECP384R1()))
    return SigningKey(algorithm, rsa.generate_private_key(65537, _RSA_BITS))


def read(pem: str, table: str = "auth") -> SigningKey:
    """The key in a PEM text. `UsageError` if it can't sign; it says nothing of what is in it.

    `table`: where connector.toml names the key, for the message.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), None)
    except TypeError:
        hint = "Store it decrypted, readable by this user only."
        raise _unusable(table, "is encrypted", hint) from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unusable(table, "is no private key in PEM form") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS_MIN:
        return SigningKey("RS384", key)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1):
        return SigningKey("ES384", key)
    why = f"is neither RSA of {_RSA_BITS_MIN} bits or more nor of the curve P-384"
    raise _unusable(table, why)


def jwks(*keys: SigningKey) -> bytes:
    """The document to register at the other side (RFC 7517 5): no private part in it."""
    return json.dumps({"keys": [key.jwk() for key in keys]}, indent=2).encode() + b"\n"


def thumbprint(public: dict[str, str]) -> str:
    """RFC 7638: SHA-256 of the required members, in order, without white space."""
    text = json.dumps(public, sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(text.encode()).digest())


def life_of_certificate(pem: bytes) -> tuple[datetime, datetime]:
    """From when until when (UTC) every certificate of a PEM file is good: ours and what signed it.

    `UsageError` if there is none in it.
    """
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise UsageError(
            "client_cert_file: no certificate can be read there", "Name a PEM file."
        ) from None
    begins = max(certificate.not_valid_before_utc for certificate in found)
    return begins, min(certificate.not_valid_after_utc for certificate in found)


def _number(value: int, size: int = 0) -> str:
    return _base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unusable(table: str, why: str, what_to_do: str = "") -> UsageError:
    hint = what_to_do or "Make one with `connector keys new`, or correct private_key."
    return UsageError(f"{table}: the private key {why}", hint)
