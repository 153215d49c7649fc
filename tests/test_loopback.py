"""Which hosts are this machine."""

import pytest

from connector.loopback import is_loopback, past_proxies

HERE = (
    "localhost", "LocalHost", "localhost.", "127.0.0.1", "127.0.0.2", "127.255.255.254",
    "127.0.0.1.", "::1", "[::1]", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "127.1", "2130706433",
    "0x7f.0.0.1", "0177.0.0.1", "0.0.0.0", "::",
)  # fmt: skip
ELSEWHERE = (
    "", None, "example.org", "127.example.org", "localhost.example.org", "notlocalhost", "10.0.0.1",
    "128.0.0.1", "::2", "fe80::1", "::ffff:10.0.0.1", "127.0.0.1.example.org", "1270.0.0.1", "0x",
    "999999999999", "127.0.0.256", "127..1",
)  # fmt: skip


@pytest.mark.parametrize("host", HERE)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert past_proxies(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_another_machine(host: str | None) -> None:
    assert not is_loopback(host)
    assert not past_proxies(host)


def test_a_name_below_localhost_gets_no_proxy_and_no_more() -> None:
    assert past_proxies("fhir.localhost")
    assert not is_loopback("fhir.localhost")
