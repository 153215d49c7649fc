"""In the middle of a delivery the destination goes away, or is somebody else by its certificate."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector import push
from connector.errors import DestinationRefused
from connector.push import Session
from tests.gate import certificate, gate
from tests.push.conftest import SMALL, TRANSACTIONS, assert_whole
from tests.push.packets import push_all
from tests.sandbox_parts import Fault, Sandbox

SessionOf = Callable[..., Session]


def half_delivered(session_of: SessionOf, sandbox: Sandbox) -> None:
    sandbox.add_fault(Fault("drop-before", path=TRANSACTIONS, method="POST", skip=1))
    with pytest.raises(DestinationRefused):
        push_all(session_of(bundle=SMALL))
    sandbox.clear_faults()


def test_a_name_that_is_gone(session_of: SessionOf, sandbox: Sandbox) -> None:
    half_delivered(session_of, sandbox)
    away = "http://gone.invalid/fhir"
    with pytest.raises(DestinationRefused) as gone:
        push_all(session_of(bundle=SMALL, url=away, allow_plain_http=True, attempts=1))
    assert "no whole answer" in str(gone.value)
    push_all(session_of(bundle=SMALL))
    assert_whole(sandbox)


def test_a_certificate_that_has_expired(
    session_of: SessionOf, sandbox: Sandbox, expired: tuple[str, Path]
) -> None:
    half_delivered(session_of, sandbox)
    url, authority = expired
    with pytest.raises(DestinationRefused, match="TLS: the server's certificate has expired"):
        push_all(session_of(bundle=SMALL, url=url, ca_file=str(authority), attempts=1))
    push_all(session_of(bundle=SMALL))
    assert_whole(sandbox)


def test_an_account_that_is_closed(session_of: SessionOf, sandbox: Sandbox) -> None:
    session = session_of(bundle=SMALL)
    push.resolve(session)
    sandbox.add_fault(Fault("status", path=TRANSACTIONS, method="POST", status=401, skip=1))
    with pytest.raises(DestinationRefused, match="401"):
        push.deliver(session)
    sandbox.clear_faults()
    push_all(session_of(bundle=SMALL))
    assert_whole(sandbox)


@pytest.fixture
def expired(tmp_path: Path, sandbox: Sandbox) -> Iterator[tuple[str, Path]]:
    """The address of a server with a certificate of yesterday, and the file that trusts it."""
    own = certificate(tmp_path / "server.pem", ends_in_days=-1)
    with gate(sandbox.base_url, own, own) as door:
        yield door.base_url, own
