"""A gate before a sandbox: TLS, and certificates of clients that are looked at when asked for."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(path: Path, begins_in_days: int = -9, ends_in_days: int = 9) -> Path:
    """Write a certificate of 127.0.0.1 that signs itself, with its key, to `path`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, path.stem)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins_in_days))
        .not_valid_after(now + timedelta(days=ends_in_days, hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    path.write_bytes(made.public_bytes(form.Encoding.PEM) + private)
    return path


class Gate:
    """Passes TLS connections on to a server without. `certificate`: its own.

    The first `free` connections are let in whoever comes; later ones need a certificate that
    `trusts` signed.
    """

    def __init__(self, upstream: str, certificate: Path, trusts: Path, free: int = 0) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._free = free
        self._open = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._open.load_cert_chain(certificate)
        self._closed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._closed.load_cert_chain(certificate)
        self._closed.verify_mode = ssl.CERT_REQUIRED
        self._closed.load_verify_locations(trusts)
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.base_url = f"https://127.0.0.1:{port}{parts.path}"

    def serve(self) -> None:
        """Until the socket is closed."""
        while True:
            try:
                peer, _ = self._listening.accept()
            except OSError:
                return
            context = self._open if self._free > 0 else self._closed
            self._free -= 1
            threading.Thread(target=self._connect, args=(peer, context), daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _connect(self, peer: socket.socket, context: ssl.SSLContext) -> None:
        with suppress(OSError), peer:
            inside = context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
            try:
                inside.do_handshake()
            except ssl.SSLError:
                while socket.socket.recv(inside, 1 << 16):
                    pass  # so that the client reads why, whatever it is still sending
                return
            with inside, socket.create_connection(self._upstream) as server:
                threading.Thread(target=_pass_on, args=(server, inside), daemon=True).start()
                _pass_on(inside, server)


def _pass_on(here: socket.socket, there: socket.socket) -> None:
    with suppress(OSError):
        while piece := here.recv(1 << 16):
            there.sendall(piece)
    with suppress(OSError):
        there.shutdown(socket.SHUT_RDWR)


@contextmanager
def gate(upstream: str, certificate: Path, trusts: Path, free: int = 0) -> Iterator[Gate]:
    """A gate that is closed at the end."""
    made = Gate(upstream, certificate, trusts, free)
    thread = threading.Thread(target=made.serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        thread.join()
