"""What a server says of itself, and what is made of nonsense."""

from typing import Any

import pytest

from connector.fhir.capability import parse
from connector.fhir.lossless import UndecodableError, encode

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
