"""Verbs that ask an endpoint nothing read no secret of it: who may not see one can look all the
same, and a receipt can be checked where none is."""

import shutil
from collections.abc import Iterator

import pytest

from tests import support

UNREADABLE = '[{0}.auth]\ntype = "bearer"\ntoken = {{ file = "no-such-token" }}\n'
NO_SECRETS = UNREADABLE.format("sources.home") + UNREADABLE.format("destinations.outside")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[support.World]:
    with support.world(tmp_path_factory.mktemp("world")) as made:
        made.configure()
        made.request()
        assert made.cli("transfer", "request.yaml").code in (0, 3)
        [receipt] = made.store.rglob("receipt.json")
        shutil.copy(receipt, made.folder)
        made.configure(extra=NO_SECRETS)
        yield made


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "show SO-1",
        "show SO-1 --json",
        "export request.yaml --as document -o document.json",
        "mappings check",
        "mappings explain SO-1",
        "receipt check receipt.json",
        "audit show",
        "audit verify",
        "audit export --out log.ndjson",
    ],
)
def test_it_works_where_no_secret_can_be_read(world: support.World, words: str) -> None:
    ran = world.cli(*words.split())
    assert "no-such-token" not in ran.err
    assert ran.code in (0, 3), ran.err


@pytest.mark.parametrize("words", ["verify SO-1", "doctor"])
def test_one_that_asks_says_which_secret_is_not_there(world: support.World, words: str) -> None:
    ran = world.cli(*words.split())
    assert "no-such-token" in ran.err + ran.out
    assert ran.code not in (0, 3)
