"""Of which kinds a record is: how it is known, what is trusted most, what its words are."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.packet.record.kinds import KindFinder, both, folded
from connector.packet.ruleset.kinds import Kind

LOINC = "http://loinc.org"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0074"
NOTHING: frozenset[str] = frozenset()
ECHO = Kind.model_validate(
    {
        "id": "echo",
        "title": "Echocardiogram",
        "broader": ["heart"],
        "types": ["DiagnosticReport", "DocumentReference"],
        "code": [f"{LOINC}|42148-7"],
        "category": [f"{V2}|CUS"],
        "words": {"en": ["echo report", "echocardiogra*"], "de": ["herzecho*", "*kardiographie"]},
        "unless": ["dental", "*saurus"],
    }
)
HEART = Kind.model_validate({"id": "heart", "title": "Heart", "types": ["DiagnosticReport"]})


def found(*kinds: Kind, codes: Any = (), categories: Any = (), called: Any = ()) -> dict[str, str]:
    finder = KindFinder({kind.id: kind for kind in kinds or (ECHO, HEART)})
    of = finder.of("DiagnosticReport", frozenset(codes), frozenset(categories), tuple(called))
    return dict(of)


def kind(id: str, **more: Any) -> Kind:
    return Kind.model_validate({"id": id, "title": id, "types": ["DiagnosticReport"], **more})


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_a_kind_is_known_by_the_most_trustworthy_way(
    code: bool, category: bool, words: bool, denied: bool
) -> None:
    said = {
        "codes": [f"{LOINC}|42148-7"] if code else [f"{LOINC}|1-1"],
        "categories": [f"{V2}|CUS"] if category else [f"{V2}|RAD"],
        "called": ["Echo report"] * words + ["Dental model"] * denied,
    }
    ways = [("code", code), ("category", category and not denied), ("words", words and not denied)]
    trust = next((way for way, is_so in ways if is_so), None)
    assert found(**said) == ({"echo": trust, "heart": trust} if trust else {})


def test_another_type_is_of_no_kind() -> None:
    finder = KindFinder({"echo": ECHO, "heart": HEART})
    codes = frozenset({f"{LOINC}|42148-7"})
    # Of a broader kind it is whatever the types of that one.
    assert finder.of("DocumentReference", codes, NOTHING, ()) == {"echo": "code", "heart": "code"}
    assert finder.of("Observation", codes, NOTHING, ()) == {}


@pytest.mark.parametrize(
    ("called", "is_one"),
    [
        ("ECHO REPORT", True),
        ("Transthoracic echocardiography", True),  # *: any letters
        ("echocardiogram, stress", True),
        ("Herzechokontrolle", True),
        ("Echokardiographie", True),
        ("Échocardiogramme", True),  # accents
        ("E\u0301chocardiogramme", True),  # the same, composed otherwise
        ("echo-report", True),  # marks are blanks
        ("Echo  \n report.", True),
        ("echo_report", True),
        ("(echo report)", True),
        ("gecho report", False),  # words are whole
        ("echo reports", False),
        ("report of an echo", False),  # a phrase is one
        ("vectorcardiogram", False),
        ("preechocardiogram", False),  # no * at its beginning
        ("Echokardiographien", False),  # no * at its end
        ("Echo report of a dental model", False),
        ("Echo report, brontosaurus", False),
        ("", False),
    ],
)
def test_words_are_whole_but_for_their_stars(called: str, is_one: bool) -> None:
    assert ("echo" in found(called=[called])) is is_one


def test_a_phrase_does_not_reach_from_one_text_into_the_next() -> None:
    """`echo report` is not said by "Echo" and "Report"."""
    phrase = kind("phrase", words={"en": ["bone scan"]})
    assert found(phrase, called=["Bone scan"]) == {"phrase": "words"}
    assert found(phrase, called=["Bone", "scan"]) == {}


@given(st.text(max_size=12), st.text(max_size=12), st.sampled_from(ECHO.words["de"]))
def test_what_stands_around_a_word_with_blanks_does_not_hide_it(
    before: str, after: str, word: str
) -> None:
    said = f"{before} {word.strip('*')} {after}".upper()
    if "dental" in folded(said) or "saurus" in folded(said):
        return
    assert found(called=[said]).get("echo") == "words"


@given(st.text(max_size=30))
def test_folded_is_the_same_however_often_and_however_composed(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))
    assert folded(text.upper()) == folded(text.upper().lower())


def test_words_of_all_languages_count_and_are_not_told_apart() -> None:
    for word in ("Röntgenbefund", "radiografía", "X-ray"):
        one = kind("xray", words={"de": ["rontgenbefund"], "es": ["radiografía"], "en": ["x-ray"]})
        assert found(one, called=[f"{word} 2026"]) == {"xray": "words"}


@pytest.mark.parametrize(
    ("code", "is_one"), [("B01AA03", True), ("B01", False), ("B01A", True), ("XB01A", False)]
)
def test_codes_that_begin_so(code: str, is_one: bool) -> None:
    one = kind("thinner", code=["http://www.whocc.no/atc|B01A*"])
    assert bool(found(one, codes=[f"http://www.whocc.no/atc|{code}", code])) is is_one
    assert not found(one, codes=[f"urn:other|{code}", code])


def test_a_code_without_its_system_is_none_of_a_kind() -> None:
    assert found(codes=["42148-7"]) == {}


def test_a_record_is_of_several_kinds_each_known_in_its_own_way() -> None:
    other = kind("other", words={"en": ["stress"]}, category=[f"{V2}|CUS"], unless=["pacing"])
    said = {"codes": [f"{LOINC}|42148-7"], "categories": [f"{V2}|CUS"], "called": ["Stress"]}
    assert found(ECHO, other, **said) == {"echo": "code", "heart": "code", "other": "category"}
    said["called"] = ["Stress, pacing"]
    assert found(ECHO, other, **said) == {
        "echo": "code",
        "heart": "code",
    }  # each has its own `unless`


def test_a_broader_kind_is_as_well_known_as_the_best_that_it_is_known_by() -> None:
    top = kind("top", words={"en": ["report"]})
    one = kind("one", broader=["middle"], words={"en": ["report"]})
    two = kind("two", broader=["top"], code=["urn:x|2"])
    middle = kind("middle", broader=["top"])
    kinds = (top, one, two, middle)
    assert found(*kinds, called=["Report"]) == {"one": "words", "middle": "words", "top": "words"}
    assert found(*kinds, called=["Report"], codes=["urn:x|2"]) == {
        "one": "words", "middle": "words", "two": "code", "top": "code",
    }  # fmt: skip


@given(st.integers(1, 5), st.integers(0, 4))
def test_kinds_that_are_broader_than_each_other_end(size: int, start: int) -> None:
    """A circle is a mistake of whoever wrote it, and no reason to hang."""
    names = [f"k{n}" for n in range(size)]
    circle = [
        kind(name, broader=[names[(n + 1) % size]], code=[f"urn:x|{n}"])
        for n, name in enumerate(names)
    ]
    codes = [f"urn:x|{start % size}"]
    assert found(*circle, codes=codes) == dict.fromkeys(names, "code")


def test_of_two_looks_at_a_record_the_better_counts() -> None:
    one, other = {"a": "words", "b": "code", "c": "words"}, {"a": "code", "b": "category"}
    best = {"a": "code", "b": "code", "c": "words"}
    assert both(one, other) == best
    assert both(other, one) == best
