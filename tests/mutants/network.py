"""Never to a stranger, never endless, never leaked."""

from .mutant import Mutant

_ENDPOINT = "connector/endpoint/endpoint.py"
_EXCHANGE = "connector/endpoint/exchange.py"

NETWORK = (
    Mutant(
        "network: the token goes to another origin",
        _ENDPOINT,
        "if asked.origin != self._origin:",
        "if False:",
        "tests/endpoint/test_credentials.py::test_an_allowed_origin_is_asked_without_the_token",
    ),
    Mutant(
        "network: an origin that nobody named is asked",
        _ENDPOINT,
        "if at in self._origins:",
        "if True:",
        "tests/endpoint/test_credentials.py::test_another_origin_is_not_asked",
    ),
    Mutant(
        "network: further headers go to another origin",
        _EXCHANGE,
        "for name, value in self._settings.headers.items() if ours else ():",
        "for name, value in self._settings.headers.items():",
        "tests/endpoint/test_credentials.py::test_further_headers_stay_at_home",
    ),
    Mutant(
        "network: this machine is asked through a proxy",
        "connector/endpoint/wire.py",
        "session.trust_env = not past_proxies(host)",
        "session.trust_env = True",
        "tests/endpoint/test_proxy.py::test_reads_searches_and_writes_go_straight",
    ),
    Mutant(
        "network: a write without an answer is sent again",
        _ENDPOINT,
        "return self._exchange(self._asked(method, url, what, sent, body))",
        "return self._read(self._asked(method, url, what, sent, body))",
        "tests/endpoint/test_exchange.py::test_a_write_without_an_answer_is_not_repeated",
    ),
    Mutant(
        "network: a case sleeps for as long as a server says",
        "connector/endpoint/retry.py",
        "until = now + timedelta(seconds=min(asked_s, _FURTHEST_S))",
        "until = now + timedelta(seconds=asked_s)",
        "tests/endpoint/test_retry.py::test_decisions",
    ),
    Mutant(
        "network: an answer may be of any size",
        _EXCHANGE,
        "if size > into.bytes_max:",
        "if False:",
        "tests/endpoint/test_limits.py::test_too_large_an_answer_is_refused_once",
    ),
    Mutant(
        "network: a URL stands in the log",
        _EXCHANGE,
        "self._role, asked.method, asked.what, came, took_s)",
        "self._role, asked.method, asked.url, came, took_s)",
        "tests/cli/test_doctor.py::test_verbose_tells_each_exchange_and_no_patient",
    ),
    Mutant(
        "network: a URL stands in a message",
        _EXCHANGE,
        "raise self.unreachable(asked.what, broken(error)) from None",
        "raise self.unreachable(asked.url, broken(error)) from None",
        "tests/endpoint/test_silence.py::test_an_error_tells_nothing_of_the_patient",
    ),
    Mutant(
        "network: identifiers travel in a URL",
        _ENDPOINT,
        'asked = self._asked("POST", f"{resource_type}/_search", what, headers, query.encode())',
        'asked = self._asked("POST", f"{resource_type}/_search?{query}", what, headers, b"")',
        "tests/endpoint/test_exchange.py::test_a_search_keeps_its_parameters_out_of_the_url",
    ),
    Mutant(
        "network: others on this machine read a case",
        "connector/store/private.py",
        "os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)",
        "os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)",
        "tests/store/test_casefile.py::test_only_the_owner_can_read_a_case",
    ),
)
