"""Pages cut into entries, one broken entry alone; transactions built from bytes."""

import json

import pytest
from hypothesis import given

from connector.fhir import bundle, salvage
from connector.fhir.bundle import Page, PageEntry, Write
from connector.fhir.lossless import UndecodableError, decode, elements, members

from .texts import FEWER, json_strings, objects, values

GOOD = b'{"resourceType" : "Patient","id":"2","x":1.50}'


def a_page(*entries: bytes, rest: bytes = b"") -> bytes:
    return (
        b'{"resourceType":"Bundle","type":"searchset",'
        + rest
        + b'"entry":['
        + b" ,\n".join(entries)
        + b"]}"
    )


def an_entry(resource: bytes, search: bytes = b'{"mode":"match"}') -> bytes:
    return b'{"fullUrl":"u","resource":' + resource + b',"search":' + search + b"}"


def test_a_page_gives_its_entries_byte_for_byte_and_the_next_link_verbatim() -> None:
    url = "https://ehr.example.org/fhir?_getpages=a%7Cb&x=%c3%a9"
    links = f'"link":[{{"relation":"self","url":"s"}},{{"relation":"next","url":"{url}"}}],'
    included = b'{"resourceType":"Practitioner","id":"3"}'
    body = a_page(an_entry(GOOD), an_entry(included, b'{"mode":"include"}'), rest=links.encode())
    assert bundle.page(body) == Page(
        [PageEntry("match", GOOD, full_url="u"), PageEntry("include", included, full_url="u")],
        url,
        self_url="s",
    )


@pytest.mark.parametrize("rest", [b"", b'"link":[],', b'"link":null,', b'"link":[{}],'])
def test_no_next_link_is_the_last_page(rest: bytes) -> None:
    assert bundle.page(a_page(rest=rest)) == Page([], None)


def test_a_bundle_without_entries_is_an_empty_page() -> None:
    assert bundle.page(b'{"resourceType":"Bundle","type":"searchset","total":0}') == Page(
        [], None, 0
    )


@pytest.mark.parametrize("total", ["null", '"3"', "true", "1.5"])
def test_a_total_that_is_no_number_is_none(total: str) -> None:
    assert bundle.page(a_page(rest=f'"total":{total},'.encode())).total is None


@pytest.mark.parametrize("total", [-1, 2**63, 10**330])
def test_a_total_that_nobody_can_count_is_none(total: int) -> None:
    assert bundle.page(a_page(rest=f'"total":{total},'.encode())).total is None
    assert bundle.page(a_page(rest=f'"total":{2**63 - 1},'.encode())).total == 2**63 - 1


def test_null_is_absence() -> None:
    body = b'{"resourceType":"Bundle","type":"searchset","entry":null,"link":null,"total":null}'
    assert bundle.page(body) == Page([], None)


@pytest.mark.parametrize("kind", ["transaction-response", "batch", "collection", "", None, 7])
def test_only_the_result_of_a_search_is_one(kind: str | None) -> None:
    body = json.dumps({"resourceType": "Bundle", "type": kind, "entry": []}).encode()
    with pytest.raises(UndecodableError):
        bundle.page(body)


def test_one_link_as_an_object_is_a_list_of_one() -> None:
    links = b'"link":{"relation":"next","url":"https://ehr.example.org/2"},'
    assert bundle.page(a_page(rest=links)).next_url == "https://ehr.example.org/2"


@pytest.mark.parametrize("links", [b'"next"', b"7", b"true", b"[7]", b"[[]]", b"[null]"])
def test_links_that_are_none_hide_the_next_page(links: bytes) -> None:
    with pytest.raises(UndecodableError):
        bundle.page(a_page(rest=b'"link":' + links + b","))


@pytest.mark.parametrize(
    "twice",
    [
        b'"entry":[],',
        b'"link":[],"link":[{"relation":"next","url":"u"}],',
        b'"total":0,"total":1,',
        b'"type":"batch",',
        b'"\\u0065ntry":[],',
    ],
)
def test_a_name_twice_in_a_page_is_no_page(twice: bytes) -> None:
    with pytest.raises(UndecodableError):
        bundle.page(a_page(an_entry(GOOD), rest=twice))


@pytest.mark.parametrize(
    "entry",
    [
        b'{"resource":' + GOOD + b',"resource":{"resourceType":"Patient","id":"3"}}',
        b'{"resource":' + GOOD + b',"search":{"mode":"match"},"search":{"mode":"outcome"}}',
        an_entry(b'{"resourceType":"Condition","id":"1","status":"a","status":"b"}'),
    ],
)
def test_a_name_twice_in_an_entry_breaks_that_one_alone(entry: bytes) -> None:
    found = bundle.page(a_page(entry, an_entry(GOOD))).entries
    assert [one.mode for one in found] == ["broken", "match"]


@pytest.mark.parametrize("response", ['"201 Created"', "[]", "7", "null", '{"status":"201"}'])
def test_a_response_in_any_shape_is_an_object(response: str) -> None:
    body = f'{{"resourceType":"Bundle","entry":[{{"response":{response}}}]}}'.encode()
    assert bundle.responses(body) == [{"status": "201"} if "{" in response else {}]


@pytest.mark.parametrize("url", ['""', "null", "1", None])
def test_a_next_page_without_an_address_is_not_the_end(url: str | None) -> None:
    address = "" if url is None else f',"url":{url}'
    with pytest.raises(UndecodableError):
        bundle.page(a_page(rest=f'"link":[{{"relation":"next"{address}}}],'.encode()))


@pytest.mark.parametrize("search", [b'{"mode":"match"}', b"{}", b"null", b"[]", b'{"mode":7}'])
def test_an_entry_is_a_match_unless_it_says_otherwise(search: bytes) -> None:
    assert bundle.page(a_page(an_entry(GOOD, search))).entries == [
        PageEntry("match", GOOD, full_url="u")
    ]


@pytest.mark.parametrize("mode", ["match", "include", "outcome"])
def test_an_operation_outcome_is_an_outcome_however_it_is_marked(mode: str) -> None:
    outcome = b'{"resourceType":"OperationOutcome","issue":[]}'
    body = a_page(an_entry(outcome, json.dumps({"mode": mode}).encode()), an_entry(GOOD))
    assert [entry.mode for entry in bundle.page(body).entries] == ["outcome", "match"]


@pytest.mark.parametrize(
    "broken",
    [
        b"null",
        b"3",
        b"{}",
        b'{"resource":null}',
        b'{"resource":[1]}',
        b'{"resource":{"resourceType":"X","t":"\\ud800"}}',
        b'{"resource":{"resourceType":"X","t":"\\udc00, \\" and so on"}}',
        b'{"resource":{"resourceType":"X","t":"a\nb"}}',
        b'{"resource":{"resourceType":"X","t":"\\x"}}',
        b'{"resource":{"resourceType":"X","t":01}}',
        b'{"resource":{"resourceType":"X","t":1,}}',
        b'{"resource":{"resourceType":"X" "t":1}}',
        b'{"resource":{"resourceType":"X","a":' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    ],
    ids=range(13),
)
def test_a_broken_entry_is_broken_alone(broken: bytes) -> None:
    link = b'"link":[{"relation":"next","url":"n"}],'
    page = bundle.page(a_page(an_entry(GOOD), broken, an_entry(GOOD), rest=link))
    assert page.entries == [
        PageEntry("match", GOOD, full_url="u"),
        PageEntry("broken", broken),
        PageEntry("match", GOOD, full_url="u"),
    ]
    assert page.next_url == "n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b'{"resourceType":"Patient","entry":[]}',
        b'{"entry":[]}',
        b'{"resourceType":"Bundle","entry":null}',
        b'{"resourceType":"Bundle","entry":{}}',
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}}',
        b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"1"}}]',
        b'{"resourceType":"Bundle","entry":[]} and more',
        b'{"resourceType":"Bundle","entry":["\\ud800"],"x"}',
        b'{"resourceType":"Bundle","entry":["\\ud800]}',
        b'{"resourceType":"Bundle","link":[{"relation":"next","url":"\\ud800"}],"entry":[]}',
    ],
)
def test_what_is_no_whole_searchset_is_refused(body: bytes) -> None:
    with pytest.raises(UndecodableError):
        bundle.page(body)


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_a_page_cut_short_is_never_a_shorter_page(cut: int) -> None:
    broken = b'{"resource":{"resourceType":"X","t":"\\ud800"}}'
    for body in (a_page(an_entry(GOOD), an_entry(GOOD)), a_page(an_entry(GOOD), broken)):
        with pytest.raises(UndecodableError):
            bundle.page(body[:-cut])


@given(objects(values()), json_strings())
@FEWER
def test_salvage_cuts_whole_json_as_the_parser_does(an_object: str, name: str) -> None:
    data = f' {{{name}:[{an_object},{an_object}], {name[:-1]}2": {an_object} }} '.encode()
    top = members(data)
    assert salvage.members(data) == {name: bytes(raw) for name, raw in top.items()}
    assert salvage.members(an_object.encode()) == {
        name: bytes(raw) for name, raw in members(an_object.encode()).items()
    }
    array = next(iter(top.values()))
    assert salvage.elements(bytes(array)) == [bytes(raw) for raw in elements(array)]


def test_a_transaction_carries_each_body_byte_for_byte() -> None:
    writes = [
        Write("urn:uuid:1", "POST", "Patient", GOOD, {"ifNoneExist": 'a="b"'}),
        Write("urn:uuid:2", "PUT", "Task/2", b'{"resourceType":"Task" }', {"ifMatch": 'W/"3"'}),
    ]
    made = bundle.transaction("transaction", iter(writes))
    top = members(made)
    assert (decode(top["resourceType"]), decode(top["type"])) == ("Bundle", "transaction")
    entries = [members(raw) for raw in elements(top["entry"])]
    assert [bytes(entry["resource"]) for entry in entries] == [write.body for write in writes]
    assert [decode(entry["fullUrl"]) for entry in entries] == ["urn:uuid:1", "urn:uuid:2"]
    assert [decode(entry["request"]) for entry in entries] == [
        {"method": "POST", "url": "Patient", "ifNoneExist": 'a="b"'},
        {"method": "PUT", "url": "Task/2", "ifMatch": 'W/"3"'},
    ]


def test_a_transaction_of_nothing_is_a_bundle() -> None:
    made = decode(bundle.transaction("batch", []))
    assert made == {"resourceType": "Bundle", "type": "batch", "entry": []}


def test_responses_come_in_order_and_none_is_left_out() -> None:
    body = b'{"resourceType":"Bundle","entry":[{"response":{"status":"201"}},{},{"response":null}]}'
    assert bundle.responses(body) == [{"status": "201"}, {}, {}]
    assert bundle.responses(b'{"resourceType":"Bundle"}') == []


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"resourceType":"OperationOutcome"}',
        b'{"resourceType":"Bundle","entry":["x"]}',
        b'{"resourceType":"Bundle","entry":{"a":1}}',
        b"<html>",
    ],
)
def test_responses_of_something_else_are_refused(body: bytes) -> None:
    with pytest.raises(UndecodableError):
        bundle.responses(body)
