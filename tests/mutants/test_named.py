"""The list of mutations fits the program: each changes what is there, and names tests that are."""

from collections import Counter

import pytest

from tests.mutants.named import MUTANTS, Mutant
from tests.support import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_it_changes_stands_there_once(mutant: Mutant) -> None:
    assert (ROOT / mutant.path).read_text().count(mutant.was) == 1
    assert mutant.becomes != mutant.was


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_is_to_notice_it_is_a_test(mutant: Mutant) -> None:
    for named in mutant.tests.split():
        path, _, name = named.partition("::")
        assert not name or f"def {name.partition('[')[0]}(" in (ROOT / path).read_text()


def test_each_has_a_name_of_its_own() -> None:
    assert not [name for name, n in Counter(m.name for m in MUTANTS).items() if n > 1]
