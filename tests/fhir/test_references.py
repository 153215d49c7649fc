"""References are found wherever they are, and only they change."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fhir import references
from connector.fhir.attachments import attachments
from connector.fhir.lossless import decode, encode
from connector.fhir.reference_order import reference_order
from connector.fhir.references import Kind

from .texts import FEWER, with_references

BASE = "https://ehr.example.org/fhir"


def walked(value: Any, change: Callable[[str], str | None]) -> Any:
    """`value` with each string member `reference` changed: by walking, not by searching."""
    if isinstance(value, list):
        return [walked(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: (change(item) or item)
        if name == "reference" and isinstance(item, str)
        else walked(item, change)
        for name, item in value.items()
    }


def some(reference: str) -> str | None:
    """Another reference for every second one."""
    return f'new/"\\{reference}' if len(reference) % 2 else None


def outside(data: bytes) -> list[bytes]:
    """The bytes between the references of `data`."""
    found = references.spans(data)
    edges = [0, *(edge for span in found for edge in (span.start, span.end)), len(data)]
    return [data[a:b] for a, b in pairwise(edges)][::2]


@given(with_references(escape_names=False))
@FEWER
def test_a_splice_changes_the_references_and_no_other_byte(text: str) -> None:
    data = text.encode()
    spliced = references.splice(data, some)
    assert decode(spliced) == walked(decode(data), some)
    assert outside(spliced) == outside(data)


@given(with_references(escape_names=False))
@FEWER
def test_a_splice_that_replaces_nothing_gives_the_same_bytes(text: str) -> None:
    assert references.splice(text.encode(), lambda _: None) == text.encode()


@given(with_references(escape_names=True))
@FEWER
def test_names_written_with_escapes_are_found_after_plain_names(text: str) -> None:
    plain = references.plain_names(text.encode())
    assert decode(plain) == decode(text.encode())
    assert decode(references.splice(plain, some)) == walked(decode(plain), some)


@pytest.mark.parametrize(
    "text",
    [
        r'{"div":"said \"caf\u00e9\": no","value":1e2}',
        r'{"div":"caf\u00e9 \": no","value":1e2}',
        r'{"a":"\u00e9","b" : "x"}',
    ],
)
def test_a_record_with_plain_names_stays_as_it_is(text: str) -> None:
    assert references.plain_names(text.encode()) == text.encode()


def test_a_name_written_with_escapes_is_found_after_plain_names() -> None:
    plain = references.plain_names(rb'{"subject":{"re\u0066erence":"Patient/1"},"value":1.50}')
    assert plain == b'{"subject":{"reference":"Patient/1"},"value":1.50}'


def test_a_name_that_only_ends_like_one_is_another() -> None:
    assert references.spans(rb'{"x\"reference":"Patient/1","\"reference":"Patient/2"}') == []


def test_a_value_written_with_escapes_is_read_and_replaced() -> None:
    data = rb'{"subject":{"reference" : "Patient\/1"},"x":{"reference":"\u0050atient/2"}}'
    assert [span.value for span in references.spans(data)] == ["Patient/1", "Patient/2"]
    assert (
        references.splice(data, {"Patient/1": "Patient/a"}.get)
        == rb'{"subject":{"reference" : "Patient/a"},"x":{"reference":"\u0050atient/2"}}'
    )


@pytest.mark.parametrize(
    ("reference", "kind", "local"),
    [
        ("Patient/1", Kind.LOCAL, "Patient/1"),
        ("Patient/a.b-C_~9", Kind.LOCAL, "Patient/a.b-C_~9"),
        ("Patient/1/_history/3", Kind.LOCAL, "Patient/1"),
        ("Patient/1#part", Kind.LOCAL, "Patient/1"),
        (f"{BASE}/Patient/1", Kind.LOCAL, "Patient/1"),
        (f"{BASE}/Patient/1/_history/3", Kind.LOCAL, "Patient/1"),
        ("https://EHR.example.org:443/fhir/Patient/1", Kind.LOCAL, "Patient/1"),
        ("http://ehr.example.org/fhir/Patient/1", Kind.FOREIGN, "/"),
        ("https://ehr.example.org/other/Patient/1", Kind.FOREIGN, "/"),
        ("https://ehr.example.org:8443/fhir/Patient/1", Kind.FOREIGN, "/"),
        ("https://other.example.org/fhir/Patient/1", Kind.FOREIGN, "/"),
        ("https://[broken/Patient/1", Kind.FOREIGN, "/"),
        ("https://ehr.example.org:port/fhir/Patient/1", Kind.FOREIGN, "/"),
        ("ftp://ehr.example.org/x", Kind.FOREIGN, "/"),
        ("#contained", Kind.CONTAINED, "/"),
        ("#", Kind.CONTAINED, "/"),
        ("urn:uuid:0c291086-807f-f1b7-0558-1c160a75729c", Kind.URN, "/"),
        ("urn:oid:1.2.3", Kind.URN, "/"),
        ("Practitioner?identifier=http://npi.example.org|1", Kind.CONDITIONAL, "Practitioner/"),
        ("Patient", Kind.INVALID, "/"),
        ("patient/1", Kind.LOCAL, "Patient/1"),
        ("/PATIENT/1/", Kind.LOCAL, "Patient/1"),
        ("HTTPS://EHR.EXAMPLE.ORG/FHIR/Patient/1/", Kind.LOCAL, "Patient/1"),
        ("some/1", Kind.INVALID, "/"),
        ("some?identifier=1", Kind.INVALID, "/"),
        ("Patient/", Kind.INVALID, "/"),
        ("Patient/1\n", Kind.LOCAL, "Patient/1"),
        ("Patient/a b", Kind.INVALID, "/"),
        ("", Kind.INVALID, "/"),
    ],
)  # fmt: skip
def test_parse(reference: str, kind: Kind, local: str) -> None:
    target = references.parse(reference, BASE)
    assert (target.kind, target.local) == (kind, local)


@given(st.text())
def test_parse_takes_any_text(text: str) -> None:
    references.parse(text, BASE)
    references.parse(f"https://{text}/Patient/1", BASE)


def graph(size: int) -> st.SearchStrategy[dict[str, list[str]]]:
    nodes = [str(n) for n in range(size)]
    targets = st.lists(st.sampled_from([*nodes, "unknown"]), max_size=3)
    return st.fixed_dictionaries(dict.fromkeys(nodes, targets))


def reachable(edges: dict[str, list[str]], start: str) -> set[str]:
    found, left = {start}, [start]
    while left:
        new = {target for target in edges[left.pop()] if target in edges} - found
        found |= new
        left += new
    return found


@given(graph(8))
def test_the_order_puts_targets_first_and_cycles_together(edges: dict[str, list[str]]) -> None:
    groups = reference_order(edges)
    place = {node: number for number, group in enumerate(groups) for node in group}
    assert sorted(node for group in groups for node in group) == sorted(edges)
    for node, targets in edges.items():
        assert all(place[target] <= place[node] for target in targets if target in edges)
    reach = {node: reachable(edges, node) for node in edges}
    for one in edges:
        for other in edges:
            cycle = other in reach[one] and one in reach[other]
            assert (place[one] == place[other]) == cycle


def test_a_chain_of_thousands_is_ordered() -> None:
    size = 5_000
    chain = {str(n): [str(n + 1)] for n in range(size)}
    assert reference_order(chain) == [[str(n)] for n in reversed(range(size))]
    ring = {str(n): [str((n + 1) % size)] for n in range(size)}
    assert [len(group) for group in reference_order(ring)] == [size]


def test_a_self_reference_is_a_group_of_one() -> None:
    assert reference_order({"a": ["a"], "b": ["a"]}) == [["a"], ["b"]]


def test_make_logical_keeps_an_identifier_of_the_sources_own() -> None:
    resource = {
        "subject": {"reference": "Patient/1", "display": "d"},
        "item": [{"who": {"reference": "Practitioner/2", "identifier": {"value": "theirs"}}}],
        "based": {"reference": "kept"},
    }
    logical = {"Patient/1": {"value": "ours"}, "Practitioner/2": {"value": "ours"}}
    references.make_logical(resource, logical.get)
    assert resource == {
        "subject": {"identifier": {"value": "ours"}, "display": "d"},
        "item": [{"who": {"identifier": {"value": "theirs"}}}],
        "based": {"reference": "kept"},
    }


# Every member that holds an Attachment in R4 (from the element definitions of all its resources).
ATTACHMENT_MEMBERS = [
    "attachment", "content", "contentAttachment", "defaultValueAttachment", "document",
    "fixedAttachment", "form", "image", "legallyBindingAttachment", "patternAttachment", "photo",
    "presentedForm", "sourceAttachment", "targetAttachment", "valueAttachment",
]  # fmt: skip

TYPES_WITH_ATTACHMENTS = [
    ("DocumentReference", {"content": [{"attachment": {"url": "u"}}]}),
    ("DiagnosticReport", {"presentedForm": [{"url": "u"}, {"data": "eA=="}]}),
    ("Patient", {"photo": [{"url": "u"}]}),
    ("BodyStructure", {"image": [{"url": "u"}]}),
    ("Media", {"content": {"url": "u"}}),
    ("ClaimResponse", {"form": {"url": "u"}}),
    ("Communication", {"payload": [{"contentAttachment": {"url": "u"}}]}),
    ("Consent", {"sourceAttachment": {"url": "u"}}),
    ("Observation", {"extension": [{"url": "x", "valueAttachment": {"url": "u"}}]}),
    ("ResearchStudy", {"relatedArtifact": [{"url": "a link", "document": {"url": "u"}}]}),
    ("Observation", {"contained": [{"resourceType": "Media", "content": {"url": "u"}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("resource_type", "rest"), TYPES_WITH_ATTACHMENTS)
def test_attachments_are_found(resource_type: str, rest: dict[str, Any]) -> None:
    data = encode({"resourceType": resource_type, "id": "1", **rest})
    assert [found["url"] for found in attachments(data)] == ["u"]


@pytest.mark.parametrize("name", ATTACHMENT_MEMBERS)
def test_every_attachment_the_specification_knows_is_found(name: str) -> None:
    one, several = encode({name: {"url": "u"}}), encode({name: [{"url": "u"}, {"url": "v"}]})
    assert [found["url"] for found in attachments(one)] == ["u"]
    assert [found["url"] for found in attachments(several)] == ["u", "v"]


def test_what_has_no_address_is_no_attachment_to_fetch() -> None:
    medication = {"resourceType": "Medication", "form": {"coding": [{"code": "1"}]}}
    assert attachments(encode(medication)) == []
