"""connector.toml: read strictly, and nothing in it can send records to a stranger."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connector.config import Config, load, same_environment
from connector.errors import UsageError
from connector.settings import PUBLIC_SANDBOXES, Secret, Source, server_base

ID = "11111111-2222-4333-8444-555555555555"
EXAMPLE = f"""\
version = 1

[sources.home]
id = "{ID}"
base_url = "https://ehr.example.org/fhir/"
environment = "test"
auth = {{ type = "bearer", token = {{ file = "secrets/token" }} }}
ca_file = "ca.pem"

[destinations.away]  # the other team
id = "21111111-2222-4333-8444-555555555555"
base_url = "https://away.example.org/fhir"
environment = "test"

[destinations.away.bundle]
max_entries = 50
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "connector.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.what_to_do
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_configuration_is_read(tmp_path: Path) -> None:
    config = load(written(tmp_path, EXAMPLE))
    assert config.source("home").base_url == "https://ehr.example.org/fhir"
    assert config.destination("away").bundle.max_entries == 50
    assert config.destination("away").release == "manual"
    assert config.destination("away").new_patient == "hold"


def test_paths_are_beside_the_file_wherever_the_command_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("t0ken\n")
    path = written(tmp_path, EXAMPLE)
    monkeypatch.chdir("/")
    config = load(path)
    home = config.source("home")
    assert home.auth.token is not None
    assert home.auth.token.read() == "t0ken"
    assert home.ca_file == tmp_path.resolve() / "ca.pem"
    assert config.store.path == tmp_path.resolve() / "connector-data"
    assert config.ledger_url() == f"sqlite:///{tmp_path.resolve()}/connector-data/ledger.db"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    text = EXAMPLE.replace("ca.pem", "/etc/ca.pem") + '[store]\npath = "/srv/connector"\n'
    config = load(written(tmp_path, text))
    assert config.source("home").ca_file == Path("/etc/ca.pem")
    assert config.ledger_url() == "sqlite:////srv/connector/ledger.db"


def test_the_ledger_may_be_elsewhere() -> None:
    config = Config.model_validate({"ledger": {"url": "postgresql+psycopg://db/ledger"}})
    assert config.ledger_url() == "postgresql+psycopg://db/ledger"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (f'id = "{ID}"\n', "", "line 3: sources.home.id: required, but not there"),
        (f'id = "{ID}"', 'id = "home"', "line 4: sources.home.id: expected a valid UUID"),
        ("https://ehr.example.org/fhir/", "ehr.example.org",
         "line 5: sources.home.base_url: expected the server's base"),
        ('"test"\nauth', '"staging"\nauth',
         "line 6: sources.home.environment: expected 'test' or 'production'"),
        ('type = "bearer"', 'type = "oauth"', "line 7: sources.home.auth.type: expected"),
        ('type = "bearer"', 'type = "basic"',
         "line 7: sources.home.auth: type basic takes username and password"),
        ('type = "bearer"', 'type = "smart"',
         "line 7: sources.home.auth: type smart takes client_id and private_key, and may take kid"),
        ('type = "bearer"', 'type = "client-secret"',
         "line 7: sources.home.auth: type client-secret takes client_id and client_secret and"
         " token_url"),
        ('type = "bearer"', 'type = "bearer", token_url = "http://ehr.example.org/token"',
         "line 7: sources.home.auth.token_url: plain http only to this machine"),
        ('ca_file = "ca.pem"', 'client_key_file = "key.pem"',
         "line 3: sources.home: client_key_file: without a client_cert_file"),
        ('ca_file = "ca.pem"', "retries = 3", "line 8: sources.home.retries: unknown field"),
        ('id = "21111111-2222-4333-8444-555555555555"\n', "",
         "line 10: destinations.away.id: required, but not there"),
        ("max_entries = 50", "max_entries = 1", "line 16: destinations.away.bundle.max_entries: "),
        ("max_entries = 50", "max_entires = 5",
         "line 16: destinations.away.bundle.max_entires: unknown field"),
        ("version = 1", "version = 2", "line 1: version: expected 1"),
        ("[sources.home]", "[source.home]", "line 3: source: unknown field"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in EXAMPLE
    told = refusal(written(tmp_path, EXAMPLE.replace(old, new, 1)))
    assert any(line.startswith(f"connector.toml, {said}") for line in told.splitlines()), told


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version = \n", "not TOML: Invalid value (at line 1"),
        (EXAMPLE.encode() + b"[sources.home]\n", "not TOML: "),
        ("x = 'é'".encode("latin-1"), "not UTF-8 text"),
        ("version = 1".encode("utf-16"), "not UTF-8 text but UTF-16"),
        (b"x = " + b"[" * 100_000, "values within values, too deep"),
        (b"x = " + b"{a = " * 100_000, "values within values, too deep"),
        (b"[" + b"a." * 100_000 + b"a]", "line 1: a name of too many parts"),
        (b"\n" + b'"a"."b".' * 100_000 + b"a = 1", "line 2: a name of too many parts"),
        (b"x = { " + b"a." * 100_000 + b"a = 1 }", "line 1: a name of too many parts"),
        (b"#" * 2_000_000, "larger than 1000000 bytes"),
    ],
)
def test_a_file_that_is_not_toml(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refusal(written(tmp_path, content))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.toml") == "missing.toml: no such file"
    with pytest.raises(UsageError, match="Is a directory"):
        load(tmp_path)


def test_an_endpoint_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    config = load(written(tmp_path, EXAMPLE))
    with pytest.raises(UsageError, match=r"no \[sources\.hame\].*\(there: home\)"):
        config.source("hame")
    with pytest.raises(UsageError, match=r"no \[destinations\.x\].*\(there: away\)"):
        config.destination("x")


def source(base_url: str = "https://ehr.example.org/fhir", **changes: Any) -> Source:
    return Source.model_validate({"id": ID, "base_url": base_url, "environment": "test", **changes})


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "ehr.example.org/fhir",
        "ftp://ehr.example.org/fhir",
        "https://",
        "https:///fhir",
        "https://[broken/fhir",
        "https://ehr.example.org:99999/fhir",
        "https://ehr.example.org:port/fhir",
        "https://ehr.example.org:0/fhir",
        "https://user:password@ehr.example.org/fhir",
        "https://user@ehr.example.org/fhir",
        "https://ehr.example.org/fhir?x=1",
        "https://ehr.example.org/fhir#x",
        "http://ehr.example.org/fhir",
        "http://127.0.0.1.example.org/fhir",
        "http://localhost.example.org/fhir",
        "http://192.168.1.1/fhir",
    ],
)
def test_a_base_that_will_not_do(base_url: str) -> None:
    with pytest.raises(ValidationError, match="base_url"):
        source(base_url)


@pytest.mark.parametrize(
    "base_url",
    ["http://localhost:8080/fhir", "http://127.0.0.1/fhir", "http://[::1]:8080/fhir"],
)
def test_plain_http_to_this_machine(base_url: str) -> None:
    assert source(base_url).base_url == base_url


def test_plain_http_elsewhere_only_when_allowed() -> None:
    base_url = "http://ehr.example.org/fhir"
    assert source(base_url, allow_plain_http=True).base_url == base_url


@pytest.mark.parametrize("host", PUBLIC_SANDBOXES)
def test_a_public_sandbox_is_never_production(host: str) -> None:
    for written_as in (host, host.upper(), f"{host}.", f"{host}:443"):
        assert source(f"https://{written_as}/fhir").environment == "test"
        with pytest.raises(ValidationError, match="public sandbox"):
            source(f"https://{written_as}/fhir", environment="production")


@pytest.mark.parametrize(
    ("one", "other", "allowed"),
    [
        ("test", "test", True),
        ("production", "production", True),
        ("production", "test", False),
        ("test", "production", False),
    ],
)
def test_records_stay_in_their_environment(one: str, other: str, allowed: bool) -> None:
    config = Config.model_validate(
        {
            "sources": {"s": {"id": ID, "base_url": "https://s.example", "environment": one}},
            "destinations": {
                "d": {"id": ID, "base_url": "https://d.example", "environment": other}
            },
        }
    )  # fmt: skip
    if allowed:
        same_environment(config.source("s"), config.destination("d"))
    else:
        with pytest.raises(UsageError, match=f"source is {one}, the destination is {other}"):
            same_environment(config.source("s"), config.destination("d"))


@pytest.mark.parametrize(
    "origin",
    ["files.example.org", "https://files.example.org/path", "https://u@files.example.org",
     "https://files.example.org:port", "https://[x", "ftp://files.example.org", "*"],
)  # fmt: skip
def test_an_allowed_origin_is_an_origin(origin: str) -> None:
    with pytest.raises(ValidationError, match="allowed_origins"):
        source(allowed_origins=[origin])


@pytest.mark.parametrize(
    ("limit", "value"),
    [("attempts", 0), ("read_timeout_s", 0), ("connect_timeout_s", 0), ("connections", 0),
     ("pages_max", 0), ("page_size", 0), ("wait_max_s", 9999), ("backoff_s", -1)],
)  # fmt: skip
def test_every_limit_is_one(limit: str, value: int) -> None:
    with pytest.raises(ValidationError, match=limit):
        Source.model_validate({**source().model_dump(), limit: value})


def secret(**where: Any) -> Secret:
    return Secret.model_validate(where)


def test_a_secret_is_read_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text(" t0ken\n")
    monkeypatch.setenv("A_TOKEN", "t0ken\n")
    assert secret(env="A_TOKEN").read() == "t0ken"
    assert secret(file=tmp_path / "token").read() == "t0ken"
    assert secret(command=["printf", "%s\n", "t0ken"]).read() == "t0ken"
    assert secret(command=["printf", "$HOME"]).read() == "$HOME"  # no shell


@pytest.mark.parametrize("where", [{}, {"env": "A", "file": "b"}, {"env": "A", "command": ["b"]},
                                   {"value": "t0ken"}])  # fmt: skip
def test_a_secret_is_in_one_place_and_never_in_the_file_itself(where: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        secret(**where)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"env": "NOT_SET_ANYWHERE"}, "the variable NOT_SET_ANYWHERE is not set"),
        ({"env": "EMPTY"}, r"the secret \(variable EMPTY\) is empty"),
        ({"file": "missing"}, "missing: No such file or directory"),
        ({"file": "blank"}, r"the secret \(file blank\) is empty"),
        ({"file": "latin"}, r"the secret \(file latin\) is not UTF-8 text"),
        ({"command": ["sh", "-c", "echo t0ken; echo t0ken >&2; exit 1"]}, "command failed"),
        ({"command": ["true"]}, r"the secret \(command\) is empty"),
        ({"command": ["no-such-program-here"]}, "No such file or directory"),
    ],
)
def test_a_secret_that_is_not_had_is_not_shown_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMPTY", " ")
    Path("blank").write_text("\n")
    Path("latin").write_bytes("t0kén".encode("latin-1"))
    with pytest.raises(UsageError, match=said) as caught:
        secret(**where).read()
    assert "t0k" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("written_as", "said"),
    [
        ("ehr.example.org/fhir", "begins with https://"),
        ("localhost:8080/fhir", "begins with https://"),
        ("https://ehr.example.org/fhir/metadata", "what goes before /metadata"),
        ("https://ehr.example.org/fhir/metadata/", "what goes before /metadata"),
        ("https://ehr.example.org/fhir/Patient", "what goes before /metadata or /Patient"),
        ("https://ehr.example.org/fhir?x=1", "without query"),
    ],
)
def test_what_is_no_base_is_told(written_as: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        server_base(written_as)


SECTION = """
[sources.{name}]
id = "{id}"
base_url = "{url}"
environment = "test"
{more}
"""


@pytest.mark.parametrize(
    ("url", "more", "allowed"),
    [
        ("https://other.example.org/fhir", "", False),
        ("https://EHR.example.org:443/fhir/", 'pull = "bulk"', True),
        ("https://new.example.org/fhir", 'formerly = ["https://ehr.example.org/fhir"]', True),
    ],
)
def test_two_servers_never_have_the_same_id(
    tmp_path: Path, url: str, more: str, allowed: bool
) -> None:
    """A section was copied: what they call Patient/1 would be one person."""
    first = SECTION.format(name="a", id=ID, url="https://ehr.example.org/fhir", more="")
    path = tmp_path / "connector.toml"
    path.write_text(first + SECTION.format(name="b", id=ID, url=url, more=more))
    if allowed:
        assert load(path).sources.keys() == {"a", "b"}
    else:
        with pytest.raises(UsageError, match=r"\[sources.a\] and \[sources.b\] are two servers"):
            load(path)


def test_blanks_around_an_address_are_none_of_it() -> None:
    assert source(" https://ehr.example.org/fhir ").base_url == "https://ehr.example.org/fhir"
    with pytest.raises(ValidationError, match="without blanks"):
        source("https://ehr.example.org/my fhir")
