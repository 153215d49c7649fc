"""Whom we trust over TLS, and how we show who we are: one SSL context for each endpoint.

Trusted are the authorities of the operating system, unless a file names others. The library's own
bundle is not used: a hospital's proxy or private authority is known to the system, not to it.
"""

import os
import ssl
from pathlib import Path
from typing import Any

import requests
import truststore
from requests.adapters import HTTPAdapter

from ..errors import UsageError
from ..regularfile import opened

# As `requests` reads them; ca_file goes before both.
_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def context(
    ca_file: Path | None, client_cert_file: Path | None = None, client_key_file: Path | None = None
) -> ssl.SSLContext:
    """TLS 1.2 or newer, host names checked. `UsageError` if a file can't be used."""
    named = ca_file or next((Path(os.environ[n]) for n in _VARIABLES if os.environ.get(n)), None)
    made: ssl.SSLContext
    if named is None:
        made = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _load_authorities(made, named)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if client_cert_file is not None:
        _load_certificate(made, client_cert_file, client_key_file)
    return made


def _load_authorities(made: ssl.SSLContext, path: Path) -> None:
    try:
        folder = path.is_dir()
        if not folder:
            opened(path).close()  # OpenSSL would wait for what a pipe may bring
        made.load_verify_locations(None if folder else path, path if folder else None)
    except (OSError, UsageError):  # ssl.SSLError is the first
        raise UsageError(
            f"{path}: no certificate authority can be read there", "Name a PEM file (ca_file)."
        ) from None


def _load_certificate(made: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        for path in (certificate, key or certificate):
            opened(path).close()
        # An empty password: without one, OpenSSL would ask on the terminal for an encrypted key's.
        made.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError, UsageError):
        raise UsageError(
            f"{certificate}: no certificate with its unencrypted private key can be read there",
            "Name PEM files that belong together (client_cert_file, client_key_file).",
        ) from None


# X509_V_ERR_…, as OpenSSL's verify(1) lists them.
_EXPIRED = 10
_OTHER_NAME = (62, 64)  # a host name, an address


def refusal(error: BaseException) -> str:
    """Why a TLS connection failed, in words of ours, from an exception of any library around it."""
    found = _inner(error)
    reason = (found.reason or "") if found else ""
    if isinstance(found, ssl.SSLCertVerificationError):
        if found.verify_code == _EXPIRED:
            return "TLS: the server's certificate has expired"
        if found.verify_code in _OTHER_NAME:
            return "TLS: the server's certificate is for another name"
        return "TLS: the server's certificate is not trusted"
    if "ALERT" not in reason:
        return "TLS: the server hung up" if isinstance(found, ssl.SSLEOFError) else "TLS"
    # The server's own words about us (RFC 8446 6.2).
    if "CERTIFICATE_EXPIRED" in reason:
        return "TLS: the server says that our certificate has expired"
    if "CERTIFICATE_REQUIRED" in reason:
        return "TLS: the server asks for a certificate of ours"
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason or "ACCESS_DENIED" in reason:
        return "TLS: the server does not accept our certificate"
    return "TLS: the server refuses the connection"


def _inner(error: BaseException | None) -> ssl.SSLError | None:
    """The exception of OpenSSL's inside: libraries wrap it as an argument, a reason or a cause."""
    while error is not None and not isinstance(error, ssl.SSLError):
        inside = next((one for one in error.args if isinstance(one, BaseException)), None)
        error = getattr(error, "reason", None) or inside or error.__cause__
    return error


class TrustAdapter(HTTPAdapter):
    """Makes every TLS connection, direct or through a proxy, with one context."""

    def __init__(self, made: ssl.SSLContext) -> None:
        self._context = made
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)

    def build_connection_pool_key_attributes(
        self,
        request: requests.PreparedRequest,
        verify: bool | str,  # noqa: ARG002 - said by the context
        cert: Any = None,  # noqa: ARG002 - in the context
    ) -> Any:
        return super().build_connection_pool_key_attributes(request, True, None)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002
        """The context has it all; the library would add its own bundle to the authorities."""
        conn.cert_reqs = "CERT_REQUIRED"
