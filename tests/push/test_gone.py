"""In the middle of a delivery the destination goes away, or is somebody else by its certificate."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector import push
from connector.errors import DestinationRefused
from connector.push import Desk
from connector.sandbox import Fault, Sandbox
from tests.push.conftest import SMALL, TRANSACTIONS, assert_whole
from tests.push.packets import push_all

DeskOf = Callable[..., Desk]


def half_delivered(desk_of: DeskOf, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("drop-before", path=TRANSACTIONS, method="POST", skip=1))
    with pytest.raises(DestinationRefused):
        push_all(desk_of(bundle=SMALL))
    sandbox.clear_faults()


def test_a_name_that_is_gone(desk_of: DeskOf, sandbox: Sandbox) -> None:
    half_delivered(desk_of, sandbox)
    away = "http://gone.invalid/fhir"
    with pytest.raises(DestinationRefused) as gone:
        push_all(desk_of(bundle=SMALL, url=away, allow_plain_http=True, attempts=1))
    assert "no whole answer" in str(gone.value)
    push_all(desk_of(bundle=SMALL))
    assert_whole(sandbox)


def test_a_certificate_that_has_expired(
    desk_of: DeskOf, sandbox: Sandbox, expired: tuple[str, Path]
) -> None:
    half_delivered(desk_of, sandbox)
    url, authority = expired
    with pytest.raises(DestinationRefused, match="TLS"):
        push_all(desk_of(bundle=SMALL, url=url, ca_file=str(authority), attempts=1))
    push_all(desk_of(bundle=SMALL))
    assert_whole(sandbox)


def test_an_account_that_is_closed(desk_of: DeskOf, sandbox: Sandbox) -> None:
    desk = desk_of(bundle=SMALL)
    push.resolve(desk)
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, method="POST", status=401, skip=1))
    with pytest.raises(DestinationRefused, match="401"):
        push.deliver(desk)
    sandbox.clear_faults()
    push_all(desk_of(bundle=SMALL))
    assert_whole(sandbox)


@pytest.fixture
def expired(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a server with a certificate of yesterday, and the file that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    public = tmp_path / "expired.pem"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    both = tmp_path / "server.pem"
    both.write_bytes(
        public.read_bytes()
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(peer, server_side=True).close()
                except OSError:
                    peer.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}/fhir", public
