"""Pairs of patients of some 200 kinds: who has to be held, and who is the same person."""

import copy
import itertools
from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.fhir.systems import ACT_REASON
from connector.push.patient.birth_date import slips
from connector.push.patient.demographics import different_person, near, out_of_use
from connector.push.patient.identifiers import contradictions, searchable, shared
from connector.push.patient.queries import QUESTIONS_MAX, questions
from tests.push.packets import MRN, Resource, patient

ON = "2026-11-27"
SSN = "http://hl7.org/fhir/sid/us-ssn"
SSN_OID = "urn:oid:2.16.840.1.113883.4.1"
SSN_HTTPS = "https://hl7.org/fhir/sid/us-ssn/"
NUMBER = "identifier"


class Kind(NamedTuple):
    """`differs`: the beginning of a reason that has to be told; None: the same person."""

    title: str
    here: Resource
    there: Resource
    differs: str | None


def called(family: Any, *first: Any, **more: Any) -> Resource:
    return patient(name=[{"family": family, "given": list(first), **more}])


def numbered(*values: Any, system: Any = MRN, **more: Any) -> list[Resource]:
    return [{"system": system, "value": value, **more} for value in values]


def without_numbers(one: Resource) -> Resource:
    return {name: value for name, value in one.items() if name != "identifier"}


# Names that a registrar reads as one where a number is shared, and not where none is.
SPELLINGS = (
    ("Sørensen", "Sorensen"), ("Sørensen", "Soerensen"), ("Wałęsa", "Walesa"),
    ("Łukasz", "Lukasz"), ("Müller", "Mueller"), ("Jäger", "Jaeger"), ("Åberg", "Aaberg"),
    ("Đorđević", "Dordevic"), ("Þórsson", "Thorsson"), ("Œuvre", "Oeuvre"),
    ("Æbel", "Aebel"), ("Y\u0131ld\u0131z", "Yildiz"), ("O'Brien", "OBrien"),
    ("O\u2019Brien", "OBrien"),
    ("O\u02bcBrien", "OBrien"),
    ("O`Brien", "OBrien"), ("O\u00b4Brien", "Obrien"),
    ("O\u02bcBrien", "O'Brien"), ("D'Angelo", "Dangelo"),
    ("Al-Hassan", "AlHassan"), ("Al-Hassan", "Alhassan"), ("De La Cruz", "Delacruz"),
    ("van den Berg", "Vandenberg"), ("McDonald", "Mc Donald"),
    ("Garc\u00eda-L\u00f3pez", "GarciaLopez"),
)  # fmt: skip
# Those that any two records may have, number or not.
FOLDED = (
    ("Müller", "MULLER"), ("García", "Garcia"), ("Nguyễn", "Nguyen"), ("Groß", "Gross"),
    ("O'Brien", "O\u2019Brien"), ("O'Brien", "O Brien"), ("Al-Hassan", "Al Hassan"),
    ("Straße", "STRASSE"), ("محمد", "مُحَمَّد"), ("M\u00fcl\u200bler", "M\u00fcller"),
    ("Mu\u0308ller", "M\u00fcller"), ("Müller ", " müller"), ("Müller,", "Müller"),
)  # fmt: skip
OTHERS = (
    ("Müller", "Miller"), ("Meyer", "Meier"), ("Müller", "Müllers"), ("Lee", "Leeds"),
    ("Müller", "Müller-Roe"), ("Muller", "Mueller"), ("Smith", "Smyth"), ("Al", "Ali"),
    ("Søren", "Sren"), ("Müller", "Mller"), ("Roe", "Müller"), ("Хан", "Khan"),
    ("タダ", "タタ"), ("कुमार", "कुमारी"), ("ศรี", "ศรา"), ("குமார்", "குமரி"), ("ユーコ", "ユコ"),
)  # fmt: skip
GIVEN_ALIKE = (
    (["Ana", "María"], ["Ana"]), (["Ana", "María"], ["Ana", "M."]), (["Ana M"], ["Ana María"]),
    (["Ana", "María", "Luz"], ["Ana", "Luz"]), (["Ana", "María", "Luz"], ["Ana", "M", "L"]),
    (["Anna-Maria"], ["Annamaria"]), (["Anna-Maria"], ["Anna", "Maria"]), (["Jørgen"], ["Jorgen"]),
    (["Jean-Luc"], ["JeanLuc"]), (["José", "Ángel"], ["Jose", "A"]),
    (["Małgorzata"], ["Malgorzata"]),
    (["D'Arcy"], ["Darcy"]), (["Günther"], ["Guenther"]), (["Ana"], ["Ana", "María", "Luz"]),
)  # fmt: skip
GIVEN_OTHERS: tuple[tuple[list[str], list[str]], ...] = (
    (["Ana"], ["Eva"]), (["Ana", "María"], ["Ana", "Luisa"]), (["Ana", "M"], ["Ana", "L"]),
    (["Ana"], ["A."]), (["Ana", "María"], ["María", "Ana"]), (["Ana", "María"], ["María"]),
    (["Anna"], ["Anne"]), (["Ana"], ["Anita"]), (["Ana", "María"], ["Eva", "María"]),
    (["Jan"], ["Jana"]), (["Robert"], ["Bob"]), (["Ana"], []),
    (["Ana", "Maria"], ["Anam", "Aria B"]),
)  # fmt: skip
NEWBORNS = (
    "Babygirl", "Baby Girl", "BABY-BOY", "Babyboy A", "Baby", "Baby B", "Infant", "Infant Girl",
    "Newborn", "Twin A", "Twin 2", "TwinB", "Triplet C", "Boy", "Girl", "Girl 1", "Male", "Female",
    "BB", "BG", "NB", "Neugeborenes", "Säugling", "Bébé", "Nouveau-né", "Recién nacido",
    "Baby of Ana", "Anas Babygirl", "Mädchen", "Fetus", "B/O Lakshmi", "Daughter", "Son of Ana",
    "Hija de Ana", "Niña", "Fille 2", "Bayi Ny Ana", "Unborn", "新生児",
)  # fmt: skip
NOBODIES = (
    ("Unknown", "Unknown"), ("Anonymous", "Ana"), ("Doe", "John"), ("Doe", "Jane"), ("DOE", "JOHN"),
    ("N.N.", "Ana"), ("Unbekannt", "Unbekannt"), ("Inconnu", "X"), ("XXX", "Ana"), ("Null", "Null"),
    ("Unidentified", "Male"), ("Trauma", "Alpha"), ("FNU", "Ana"), ("Ana", "FNU"),
    ("Anonym", "Ana"),
    ("Desconocida", "Ana"), ("No-Name", "Ana"), ("Roe", "Jane"),
    ("Jane", "Doe"), ("Doe", "John Q."), ("Okänd", "Ana"), ("Name", "No"), ("不明", "不明"),
)  # fmt: skip
TESTS = (
    ("Test", "Ana"), ("Müller", "Test"), ("Zztest", "Ana"), ("ZZZ", "Ana"), ("Testpatient", "Ana"),
    ("Test Patient", "Ana"), ("Patient", "Test"), ("Dummy", "Ana"), ("Do Not Use", "Ana"),
    ("Mustermann", "Erika"), ("Test123", "Ana"), ("XTEST", "Ana"), ("Fake", "Ana"),
    ("Mouse", "Mickey"), ("Prueba", "Paciente"),
)  # fmt: skip
# Real names that look a little like those.
REAL = (
    ("Testa", "Ana"), ("Infante", "Ana"), ("Boyd", "Babette"), ("Null\u00e9n", "Ana"),
    ("Male", "Ana"),
    ("Neugebauer", "Ana"), ("Doe", "Ana"), ("Doering", "John"), ("Anonsen", "Ana"), ("Na", "Ji"),
    ("Boy", "Ana"), ("Knight", "Girlanda"), ("Twining", "Ana"), ("Patienko", "Ana"), ("Ng", "Ny"),
    ("Traumann", "Ana"), ("Kind", "Ana"), ("Roe", "Nina"), ("Mouse", "Ana"), ("Fillet", "Sonja"),
)  # fmt: skip
GENERATIONS = (
    ("Sr", "Jr"), ("Jr.", "III"), ("II", "III"), ("senior", "Junior"), ("", "Jr"), ("3rd", ""),
    ("Jr", "II"),
)  # fmt: skip
SAME_GENERATION = (("Jr", "Junior"), ("III", "3rd"), ("Sr.", "SENIOR"), ("MD", ""), ("PhD", "RN"))


def kinds() -> Iterator[Kind]:
    yield from _names()
    yield from _births()
    yield from _numbers()


def _names() -> Iterator[Kind]:
    odd: Any
    for one, other in SPELLINGS:
        here, there = called(one, "Ana"), called(other, "Ana")
        yield Kind(f"family {one} {other}", here, there, None)
        alone = without_numbers(there)
        yield Kind(f"family {one} {other}, no number", here, alone, "family")
        yield Kind(
            f"family {one} {other}, another day", here, there | {"birthDate": "1950-01-01"}, ""
        )
    for one, other in FOLDED:
        there = without_numbers(called(other, "Ana"))
        yield Kind(f"family {one} {other}", called(one, "Ana"), there, None)
    for one, other in OTHERS:
        yield Kind(f"family {one} {other}", called(one, "Ana"), called(other, "Ana"), "family")
    for some, others in GIVEN_ALIKE:
        here, there = called("Roe", *some), called("Roe", *others)
        yield Kind(f"given {some} {others}", here, there, None)
        twin = there | {"multipleBirthBoolean": True}
        yield Kind(f"given {some} {others}, a twin", here, twin, "multiple birth")
        if (some, others) != (["Anna-Maria"], ["Anna", "Maria"]):  # one to begin with
            yield Kind(f"given {some} {others}, no number", here, without_numbers(there), "given")
    for some, others in GIVEN_OTHERS:
        here, there = called("Roe", *some), called("Roe", *others)
        yield Kind(f"given {some} {others}", here, there, "given")
    for name in NEWBORNS:
        both = called("Müller", name)
        yield Kind(f"newborn {name}", both, both, "given (a placeholder")
        yield Kind(f"newborn {name} there", called("Müller", "Ana"), both, "given")
    for family, first in (*NOBODIES, *TESTS):
        both = called(family, first)
        yield Kind(f"nobody {first} {family}", both, both, "name (")
    for family, first in REAL:
        yield Kind(f"real {first} {family}", called(family, first), called(family, first), None)
        there = called(first, family)
        yield Kind(f"swapped {first} {family}", called(family, first), there, "family and given (")
    for one, other in GENERATIONS:
        here, there = (called("Roe", "Jo", suffix=[s] if s else []) for s in (one, other))
        yield Kind(f"suffix {one} {other}", here, there, "suffix")
        yield Kind(f"in the name {one} {other}", called(f"Roe {one}", "Jo"), there, "suffix")
        here, there = (called("Roe", "Jo", text=f"Jo Roe {s}".strip()) for s in (one, other))
        yield Kind(f"in the text {one} {other}", here, there, "suffix")
    for one, other in SAME_GENERATION:
        here, there = (called("Roe", "Jo", suffix=[s] if s else []) for s in (one, other))
        yield Kind(f"suffix {one} {other}", here, there, None)
    usual: dict[str, Any] = {"family": "Müller", "given": ["Ana"]}
    for element, odd in (("given", "Ana"), ("family", None), ("family", ["Müller"])):
        there = patient(name=[usual | {element: odd}])
        yield Kind(f"{element} is {odd!r}", patient(name=[usual]), there, element)
    for element, odd in (("name", usual), ("name", "Ana Müller"), ("name", [None, "x"])):
        yield Kind(f"{element} is {odd!r}", patient(), patient() | {element: odd}, "family")


def _births() -> Iterator[Kind]:
    odd: Any
    for day in ("1970-03-05", "1970-03-03"):
        yield Kind(f"born {day}", patient(), patient(birthDate=day), "birth date (a day apart)")
    for day in ("1970-04-03", "1907-03-04", "1970-03-40", "1970-30-04"):
        told = "birth date (digits" if day in slips("1970-03-04") else "birth date"
        yield Kind(f"born {day}", patient(), patient(birthDate=day), told)
    times = ("1970-03-04T00:00:00Z", "4.3.1970", "19700304", "1970-3-4")
    dates: list[Any] = ["1970", "1970-03", "", None, 1970, ["1970-03-04"], *times]
    for odd in dates:
        yield Kind(f"born {odd!r}", patient(), patient(birthDate=odd), "birth date")
    codes: list[Any] = ["male", "other", "unknown", "F", None, ["female"], {"code": "female"}, 1]
    for odd in codes:
        yield Kind(f"gender {odd!r}", patient(), patient(gender=odd), "gender")
    orders: list[Resource] = [
        {"multipleBirthBoolean": True}, {"multipleBirthInteger": 1}, {"multipleBirthInteger": 2},
        {"multipleBirthBoolean": False}, {},
    ]  # fmt: skip
    for one, other in itertools.product(orders, orders):
        fine = (one == other and "multipleBirthInteger" in one) or not any(map(_twin, (one, other)))
        twin = None if fine else "multiple birth"
        yield Kind(f"multiple birth {one} {other}", patient(**one), patient(**other), twin)


def _twin(one: Resource) -> bool:
    return bool(one.get("multipleBirthBoolean") or one.get("multipleBirthInteger"))


def _numbers() -> Iterator[Kind]:
    ended: dict[str, Any] = {"period": {"end": "2020-05-01"}}
    for title, numbers, told in (
        ("another", numbered("4712"), NUMBER),
        ("one digit more", numbered("47110"), NUMBER),
        ("zeros", numbered("0004711"), NUMBER),
        ("other system", numbered("4712", system="urn:x"), None),
        ("none", [], None),
        ("two of which one", numbered("4711", "4712"), None),
        ("old", numbered("4711", use="old"), NUMBER),
        ("old beside a new one", numbered("4711", use="old") + numbered("4712"), NUMBER),
        ("ended", numbered("4711", **ended), NUMBER),
        ("ended beside a new one", numbered("4711", **ended) + numbered("4712"), NUMBER),
        ("end is no text", numbered("4711", period={"end": 2020}), NUMBER),
        ("ends later", numbered("4711", period={"end": "2031-01-01"}), None),
        ("old and current", numbered("4711", use="old") + numbered("4711"), None),
        ("another, old", numbered("4712", use="old"), NUMBER),
        ("blanks around", numbered(" 4711 "), None),
        ("a blank within", numbered("47 11"), None),
        ("dashes", numbered("4-711"), None),
        ("system in capitals", numbered("4712", system=MRN.upper()), NUMBER),
        ("system as bare OID", numbered("4712", system=MRN.removeprefix("urn:oid:")), NUMBER),
        ("no system", [{"value": "4712"}], None),
        ("no value", [{"system": MRN}], None),
        ("value no text", [{"system": MRN, "value": 4712}], NUMBER),
        ("value no text, the same", [{"system": MRN, "value": 4711}], None),
        ("a text", "4712", None),
        ("an object", {"system": MRN, "value": "4712"}, None),
    ):
        there = patient() | {"identifier": numbers}
        yield Kind(f"number {title}", patient(), there, told)
    both = numbered("4711")
    for title, ours, theirs, told in (
        ("second disagrees", numbered("1", system=SSN), numbered("2", system=SSN), NUMBER),
        ("second agrees", numbered("1", system=SSN), numbered("1", system=SSN), None),
        ("SSN as OID", numbered("1", system=SSN), numbered("2", system=SSN_OID), NUMBER),
        ("https, slash", numbered("1", system=SSN), numbered("2", system=SSN_HTTPS), NUMBER),
        ("further ones", numbered("5"), numbered("6"), NUMBER),
        ("12-3 and 1-23", numbered("12-3", system=SSN), numbered("1-23", system=SSN), NUMBER),
    ):  # fmt: skip
        here, there = patient(identifier=both + ours), patient(identifier=both + theirs)
        yield Kind(f"numbers {title}", here, there, told)
    members: dict[str, Any] = {"type": {"coding": [{"code": "MB"}]}}
    here = called("Sørensen", "Ana") | {"identifier": numbered("1", **members)}
    there = called("Sorensen", "Ana") | {"identifier": numbered("1", **members)}
    yield Kind("a family's insurance is no shared number", here, there, "family")


KINDS = list(kinds())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_a_kind_of_pair(kind: Kind) -> None:
    told = different_person(kind.here, kind.there, ON)
    assert told == different_person(kind.there, kind.here, ON)  # the same way round and back
    if kind.differs is None:
        assert told == []
    else:
        assert any(reason.startswith(kind.differs) for reason in told), told


def test_there_are_two_hundred_kinds() -> None:
    assert len({kind.title for kind in KINDS}) == len(KINDS) >= 200


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["system", "value", "use", "period", "end", "type", "coding", "code", "family", "given",
         "suffix", "prefix", "text", "tag", "security", "reference"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
ELEMENTS = (
    "name", "identifier", "gender", "birthDate", "multipleBirthBoolean", "multipleBirthInteger",
    "meta", "link", "active", "deceasedBoolean", "telecom", "address",
)  # fmt: skip
FOREIGN = st.dictionaries(st.sampled_from(ELEMENTS), VALUES, max_size=6)


@given(FOREIGN, FOREIGN)
def test_whatever_a_record_looks_like_it_is_compared(some: Resource, others: Resource) -> None:
    """Nothing of what a server may send is an error, and what is told holds no value of it."""
    here, there = patient(**some), patient(**others)
    before = copy.deepcopy((here, there))
    told = different_person(here, there, ON)
    assert sorted(told) == sorted(different_person(there, here, ON))
    out_of_use(here, there, production=True)
    near(here, there)
    shared(here, there, ON)
    assert all(isinstance(one, str) for pair in searchable(here) for one in pair)
    assert all("birthdate" in asked and len(asked) > 1 for asked in questions(here))
    assert repr((here, there)) == repr(before)


LETTERS = st.text("abcdefghijklmnopqrstuvwxyzäöüßøłéñ'- ", min_size=3, max_size=14)


@given(LETTERS, LETTERS, st.dates(), st.dates())
def test_who_shares_a_number_but_no_birth_date_is_never_one_person(
    family: str, first: str, one: Any, other: Any
) -> None:
    here = called(family, first) | {"birthDate": one.isoformat()}
    there = called(family, first) | {"birthDate": other.isoformat()}
    if one != other:
        assert different_person(here, there, ON)


NUMBERS = st.lists(st.sampled_from(["1", "2", "3", "03", "1-2", "12"]), min_size=1, max_size=3)


@given(NUMBERS, NUMBERS)
def test_two_that_have_no_number_in_common_contradict(ours: list[str], theirs: list[str]) -> None:
    here, there = patient(identifier=numbered(*ours)), patient(identifier=numbered(*theirs))
    in_common = {v.replace("-", "") for v in ours} & {v.replace("-", "") for v in theirs}
    assert bool(contradictions(here, there, ON)) or bool(in_common)
    assert not shared(here, there, ON) or set(ours) & set(theirs)


@example(date(9999, 12, 30))
@given(st.dates(min_value=date(1900, 1, 1)))
def test_slips_are_other_days_and_few(day: Any) -> None:
    found = slips(day.isoformat())
    assert 1 <= len(found) <= 10
    assert day.isoformat() not in found
    assert all(day.isoformat() in slips(one) for one in found if one >= "1870")


@pytest.mark.parametrize("family", ["Müller", "O\u02bcBrien", "de la Cruz-Sørensen", "Roe", "Хан"])
def test_what_is_asked_names_a_family_and_a_day(family: str) -> None:
    asked = questions(called(family, "Ana", "María"))
    assert asked[0] == {"family": family, "birthdate": "1970-03-04"}
    assert asked[-1] == {"family": family, "given": "Ana", "birthdate": "1970"}
    assert all("birthdate" in one and len(one) > 1 for one in asked)
    assert len(asked) <= QUESTIONS_MAX
    assert all("," not in one.get("family", "") for one in asked)
    assert all("family" in one for one in questions(called(family, "Ana"), given=False))


@pytest.mark.parametrize(
    ("family", "told"),
    [("Mülle", True), ("Möller", True), ("Müllre", True), ("Müllner", True), ("Roe", False),
     ("Mölier", False), ("Mü", False)],
)  # fmt: skip
def test_a_family_name_is_nearly_the_same_by_one_slip(family: str, told: bool) -> None:
    """Of somebody who was found by given name and birth date alone."""
    here, there = called("Müller", "Ana"), called(family, "Ana")
    assert near(here, there, by_family=False) is told
    assert near(there, here, by_family=False) is told


@pytest.mark.parametrize(
    ("born", "told"),
    [("1970", True), ("1970-03", True), (None, False), ("1970-08-17", False), ("1970-04", False),
     ("1970-03-14", True), ("1970-03-05", True)],
)  # fmt: skip
def test_a_namesake_of_the_same_year_is_near_by_a_slip_or_for_all_that_is_known(
    born: str | None, told: bool
) -> None:
    assert near(called("Müller", "Ana"), called("Müller", "Ana") | {"birthDate": born}) is told


@pytest.mark.parametrize(
    "shape",
    [{"active": "false"}, {"deceasedBoolean": "true"},
     {"link": {"type": "replaced-by", "other": {"reference": "Patient/9"}}},
     {"meta": {"security": {"system": ACT_REASON, "code": "HTEST"}}}],
)  # fmt: skip
def test_a_record_out_of_use_is_told_in_other_shapes_too(shape: Resource) -> None:
    """Texts for booleans, and one for a list of one, as a converter from XML writes them."""
    assert out_of_use(patient(), patient(**shape), production=True)
