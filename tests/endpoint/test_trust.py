"""TLS: the system's authorities, a file's instead, and our certificate for one origin only."""

from pathlib import Path
from typing import Any

import certifi
import pytest

from connector.errors import Unreachable, UsageError

from .conftest import Serve, endpoint
from .server import CERTIFICATE


def test_a_file_names_the_authority(serve: Serve) -> None:
    assert endpoint(serve(tls=True), ca_file=str(CERTIFICATE)).get("x", "read").ok


def test_the_systems_authorities_are_trusted(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(tls=True)
    with pytest.raises(Unreachable, match="TLS"):
        endpoint(server, attempts=1).get("x", "read")
    # Where OpenSSL finds the system's; the library's own bundle does not know this one.
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert endpoint(server).get("x", "read").ok


def test_the_file_goes_before_the_system_and_the_environment(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(_another_authority())
    server = serve(tls=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with pytest.raises(Unreachable, match="TLS"):
        endpoint(server, attempts=1, ca_file=str(other)).get("x", "read")
    assert endpoint(server).get("x", "read").ok


def test_an_unusable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for name in ("empty.pem", "absent.pem"):
        for setting in ("ca_file", "client_cert_file"):
            settings: dict[str, Any] = {setting: str(tmp_path / name)}
            with pytest.raises(UsageError, match=name):
                endpoint("https://127.0.0.1:9/fhir", **settings)


def test_our_certificate_is_shown_at_home_only(serve: Serve) -> None:
    home, other = serve(tls=True, client_ca=True), serve(tls=True, client_ca=True)
    settings: dict[str, Any] = {
        "ca_file": str(CERTIFICATE),
        "attempts": 1,
        "allowed_origins": [other.origin],
    }
    with pytest.raises(Unreachable):
        endpoint(home, **settings).get("x", "read")
    ours = endpoint(home, **settings, client_cert_file=str(CERTIFICATE))
    assert ours.get("x", "read").ok
    with pytest.raises(Unreachable):
        ours.get(f"{other.base}/x", "attachment")
    assert other.seen == []


def _another_authority() -> str:
    """The certificate of an authority that did not sign the loopback server's."""
    text = Path(certifi.where()).read_text()
    end = "-----END CERTIFICATE-----"
    return text[text.index("-----BEGIN") : text.index(end) + len(end)] + "\n"
