"""When two Patient resources are taken for one person."""

from typing import Any

import pytest

from connector.push import compare_patients
from tests.push.packets import patient

INACTIVE = "active (the record there is inactive)"
REPLACED = "link (the record there is replaced by another)"
DECEASED = "deceased (there, but not here)"


def named(*names: dict[str, Any]) -> dict[str, Any]:
    return patient(name=list(names))


@pytest.mark.parametrize(
    ("theirs", "differing"),
    [
        (patient(), []),
        (named({"family": "MULLER", "given": ["ana", "maria"]}), []),
        (named({"family": "Müller", "given": ["Ana María"]}), []),
        (
            named({"family": "Roe", "given": ["A"]}, {"family": "Müller", "given": ["Ana María"]}),
            [],
        ),
        (named({"use": "old", "family": "Müller", "given": ["Ana", "María"]}), []),
        (patient(identifier=None, link=[{"type": "seealso"}]), []),
        (patient(deceasedBoolean=False), []),
        (named({"family": "Müller", "given": ["Eva", "María"]}), ["given"]),
        (named({"family": "Müller", "given": ["Ana"]}), ["given"]),
        (named({"family": "Muller-Roe", "given": ["Ana", "María"]}), ["family"]),
        (
            named(
                {"family": "Müller", "given": ["Eva"]}, {"family": "Roe", "given": ["Ana María"]}
            ),
            ["family", "given"],
        ),
        (named({"text": "Ana María Müller"}), ["family", "given"]),
        (named({"family": "Müller"}), ["given"]),
        (patient(name=None), ["family", "given"]),
        (patient(birthDate="1970-04-03"), ["birth date"]),
        (patient(birthDate="1970-03"), ["birth date"]),
        (patient(birthDate=None), ["birth date"]),
        (patient(gender="male"), ["gender"]),
        (patient(gender="unknown"), ["gender"]),
        (patient(gender=None), ["gender"]),
        (patient(active=False), [INACTIVE]),
        (patient(link=[{"type": "replaced-by", "other": {"reference": "Patient/9"}}]), [REPLACED]),
        (patient(deceasedDateTime="2026-01-01"), [DECEASED]),
        (patient(deceasedBoolean=True), [DECEASED]),
        (
            patient(birthDate="1971-03-04", gender="other", active=False),
            ["birth date", "gender", INACTIVE],
        ),
        ({"resourceType": "Patient"}, ["family", "given", "birth date", "gender"]),
    ],
)
def test_what_differs(theirs: dict[str, Any], differing: list[str]) -> None:
    assert compare_patients(patient(), theirs) == differing


@pytest.mark.parametrize("unknown", ["name", "birthDate", "gender"])
def test_what_neither_knows_is_not_the_same(unknown: str) -> None:
    nobody = patient(**{unknown: None})
    assert compare_patients(nobody, nobody) != []


def test_who_died_here_may_be_dead_there() -> None:
    dead = patient(deceasedDateTime="2026-01-01")
    assert compare_patients(dead, patient(deceasedBoolean=True)) == []
    assert compare_patients(dead, patient()) == []
