"""What a server says of itself, and what is made of nonsense."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir.capability import parse
from connector.fhir.lossless import UndecodableError, decode, encode

from .texts import FEWER, values

STATEMENT: dict[str, Any] = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "software": {"name": "Server"},
    "rest": [
        {"mode": "client", "resource": [{"type": "Device"}]},
        {
            "mode": "server",
            "interaction": [{"code": "transaction"}, {"code": "batch"}],
            "operation": [{"name": "export"}],
            "resource": [
                {
                    "type": "Patient",
                    "searchParam": [{"name": "identifier"}, {"name": "_id"}],
                    "operation": [{"name": "$everything"}, {"name": "match"}],
                },
                {"type": "Group", "operation": [{"name": "purge"}], "updateCreate": False},
                {"type": "List", "updateCreate": True},
                {"type": "Task", "updateCreate": "true"},
            ],
        },
    ],
}


def test_a_statement_is_read() -> None:
    said = parse(encode(STATEMENT))
    assert (said.fhir_version, said.software, said.is_r4) == ("4.0.1", "Server", True)
    assert said.search == {"Patient": {"identifier", "_id"}} | dict.fromkeys(
        ("Group", "List", "Task"), frozenset()
    )
    assert said.update_create == {"Group": False, "List": True}
    assert said.operations == {"export", "everything", "match"}
    assert said.interactions == {"transaction", "batch"}


@pytest.mark.parametrize(
    ("version", "is_r4"),
    [("4.0.1", True), ("4.0.0", True), ("4.1.0", False), ("4.3.0", False), ("5.0.0", False),
     ("3.0.2", False), ("", False)],
)  # fmt: skip
def test_only_4_0_is_r4(version: str, is_r4: bool) -> None:
    assert parse(encode({**STATEMENT, "fhirVersion": version})).is_r4 is is_r4


@pytest.mark.parametrize(
    "rest",
    [
        {"rest": None, "software": None},
        {"rest": {}, "software": []},
        {"rest": [None, "x", {"mode": "server", "resource": [{"type": 1}, 2]}], "software": "x"},
        {"rest": [{"mode": "client"}], "software": {"name": ""}},
    ],
)
def test_a_poor_statement_promises_nothing(rest: dict[str, Any]) -> None:
    said = parse(encode({**STATEMENT, **rest}))
    assert (said.software, said.search, said.operations) == ("", {}, frozenset())
    assert said.interactions == frozenset()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b'{"resourceType":"Patient"}', b""])
def test_something_else_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableError):
        parse(body)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside `value`."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [path] if path else []
    if isinstance(value, dict | list):
        for name, item in inner:
            found += (
                places(item, (*path, name)) if isinstance(item, dict | list) else [(*path, name)]
            )
    return found


MORE = {
    **STATEMENT,
    "publisher": "Somebody",
    "messaging": [{"reliableCache": 5, "endpoint": [{"address": "http://example.org"}]}],
}


@FEWER
@given(st.sampled_from([p for p in places(MORE) if p != ("resourceType",)]), values())
def test_an_element_of_any_type_is_read(path: tuple[Any, ...], text: str) -> None:
    statement = copy.deepcopy(MORE)
    inner: Any = statement
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = decode(text.encode())
    said = parse(encode(statement))
    assert all(one.isprintable() for one in (said.software, said.fhir_version, said.publisher))
    assert isinstance(said.reliable_cache_min, int)
    assert all(name.isalpha() for name in said.search)


def test_its_texts_are_shown_without_what_a_terminal_obeys() -> None:
    said = parse(
        encode(
            {
                "resourceType": "CapabilityStatement",
                "fhirVersion": "4.0.1\x1b]0;owned\x07" + "9" * 1000,
                "software": {"name": "A\x1b[2J\x9b31m\u202e\u200b\r\n" + "x" * 1000},
                "publisher": ["\x1b[2J"],
            }
        )
    )
    assert said.software.startswith("A\\x1b[2J\\x9b31m\\u202e\\u200b\\x0d\\x0a")
    assert len(said.software) == 100
    assert said.fhir_version == "4.0.1\\x1b]0;owned\\x…"
    assert said.publisher == ""
