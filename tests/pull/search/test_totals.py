"""A page that lost entries and is still whole JSON: noticed by the server's own count."""

from pathlib import Path

import pytest

from connector.fhir.lossless import encode
from tests.pull.support import condition, pull, small, source
from tests.sandbox_parts import Fault, Quirks

MANY = tuple(condition(f"c{n}") for n in range(30))
CUT = r"/Condition\?(?!.*_summary)"
CUT_LATER = r"_getpagesoffset=10"


@pytest.mark.parametrize(
    ("where", "quirks", "came"),
    [
        (CUT, Quirks(), 25),
        (CUT_LATER, Quirks(), 25),
        (CUT_LATER, Quirks(page_totals=False), 25),  # nothing but the count says so
    ],
)
def test_a_page_cut_to_whole_json_is_a_gap_until_it_comes_whole(
    tmp_path: Path, where: str, quirks: Quirks, came: int
) -> None:
    cut = Fault("half-page", path=where)
    with small(*MANY, quirks=quirks, faults=[cut]) as server:
        for _ in range(2):
            gap = pull(tmp_path, source(server.base_url, page_size=10), id="pat").gap("Condition")
            assert gap.kind == "failed"
            assert gap.why == f"the server counts 30 records and sends {came}, asked twice"
        server.clear_faults()
        pulled = pull(tmp_path, source(server.base_url, page_size=10), id="pat")
    assert pulled.gaps == []
    assert pulled.records.keys() == {"Patient/pat", *(f"Condition/c{n}" for n in range(30))}


def test_a_page_cut_once_is_had_by_asking_again(tmp_path: Path) -> None:
    with small(*MANY, faults=[Fault("half-page", path=CUT, times=1)]) as server:
        pulled = pull(tmp_path, source(server.base_url), id="pat")
        asked = [r for r in server.requests if r.path.endswith("/Condition")]
    assert pulled.gaps == []
    assert len(pulled.records) == 31
    assert len(asked) == 3  # the search, the count, the search again


def test_the_page_of_everything_is_counted_too(tmp_path: Path) -> None:
    with small(*MANY, faults=[Fault("half-page", path="everything")]) as server:
        settings = source(server.base_url, pull="everything")
        pulled = pull(tmp_path, settings, frozenset({"Condition"}), id="pat")
        # Searches filled what the operation did not give.
        assert len(pulled.records) == 31


def total_says(total: int) -> Fault:
    page = {"resourceType": "Bundle", "type": "searchset", "total": total}
    return Fault(
        "not-json", path=CUT, body=encode({**page, "entry": [{"resource": condition("c0")}]})
    )


@pytest.mark.parametrize(
    ("total", "server_name", "records"),
    [
        (0, None, 1),  # too low: nothing is missing
        (7, None, 1),  # an estimate: the exact count says one
        (7, "google", 30),  # known to estimate: its totals are not looked at
    ],
)
def test_a_total_that_proves_nothing_is_no_gap(
    tmp_path: Path, total: int, server_name: str | None, records: int
) -> None:
    with small(*MANY[:records], faults=[total_says(total)]) as server:
        pulled = pull(tmp_path, source(server.base_url, server=server_name), id="pat")
    assert pulled.gaps == []


def test_more_entries_than_counted_are_no_gap(tmp_path: Path) -> None:
    twice = {"resource": condition("c0")}
    page = {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [twice, twice]}
    with small(*MANY, faults=[Fault("not-json", path=CUT, body=encode(page))]) as server:
        assert pull(tmp_path, source(server.base_url), id="pat").gaps == []
