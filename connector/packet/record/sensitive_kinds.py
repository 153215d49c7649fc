"""A guess at what kinds of sensitive records there are: from codes, drugs and words.

Nothing that a rule should rest on alone: release/heuristic.yaml says what comes of it.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ...errors import Cause, Held
from ...fhir.lossless import decode
from ...fhir.references import objects
from ...request import Request
from ..ruleset.release_rules import Heuristic, LabelList, Minors, Suspicion
from .dates import interval

_CODE = re.compile(rb'"code"\s*:\s*"([^"\\]{1,40})"')
_WORDS = re.compile(
    rb'"(?:text|display|title|description|valueString)"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")'
)
_LIKE_ICD_10 = re.compile(r"[A-TV-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?\Z")
_NOTHING: frozenset[str] = frozenset()


class Guesses:
    """Which rules of a guess a record comes under."""

    def __init__(self, file: Heuristic) -> None:
        self._types = {name: rule.id for rule in file.rules for name in rule.types}
        self._systems = {
            _system(name): key for key, names in file.systems.items() for name in names
        }
        self._exact: dict[tuple[str, str], set[str]] = {}
        self._begun: dict[str, list[tuple[str, str]]] = {}
        words: dict[str, set[str]] = {}
        self._not_meant = [_whole(phrase) for phrase in file.not_meant]
        self._no_words = file.no_words
        for rule in file.rules:
            for system, codes in rule.codes.items():
                for code in codes:
                    plain = _plain(code.rstrip("*"))
                    if code.endswith("*"):
                        self._begun.setdefault(system, []).append((plain, rule.id))
                    else:
                        self._exact.setdefault((system, plain), set()).add(rule.id)
            for word in rule.words:
                words.setdefault(_folded(word), set()).add(rule.id)
        self._codes = {code for _, code in self._exact}
        starts = sorted({start for begun in self._begun.values() for start, _ in begun})
        self._starts = tuple(starts)
        self._words = [(word.rstrip("*"), _whole(word), ids) for word, ids in words.items()]

    def of(self, resource_type: str, body: bytes) -> frozenset[str]:
        """Ids of the rules that the bytes of a record come under."""
        found = {self._types[resource_type]} if resource_type in self._types else set()
        if any(self._may_be(code) for code in set(_CODE.findall(body))):
            for node in objects(decode(body)):
                found |= self._coded(node)
        if resource_type not in self._no_words:
            found |= self._worded(b" ".join(_WORDS.findall(body)).decode("utf-8", "replace"))
        return frozenset(found) if found else _NOTHING

    def _worded(self, text: str) -> set[str]:
        text = _folded(text)
        there = [(whole, ids) for word, whole, ids in self._words if word in text]
        if there:
            for phrase in self._not_meant:
                text = phrase.sub(" ", text)
        return {id_ for whole, ids in there if whole.search(text) for id_ in ids}

    def _may_be(self, code: bytes) -> bool:
        plain = _plain(code.decode("utf-8", "replace"))
        return plain in self._codes or plain.startswith(self._starts)

    def _coded(self, node: dict[str, Any]) -> set[str]:
        code, written = node.get("code"), node.get("system")
        if not isinstance(code, str):
            return set()
        system = self._systems.get(_system(written)) if isinstance(written, str) else None
        if system is None and _LIKE_ICD_10.match(code.upper()):
            system = "icd-10"  # without a system, or of one that nobody knows
        if system is None:
            return set()
        plain = _plain(code)
        begun = {rule for start, rule in self._begun.get(system, ()) if plain.startswith(start)}
        return begun | self._exact.get((system, plain), set())


def with_minors(
    kinds: Iterable[str], minors: Minors | None, birth: str, at: datetime
) -> frozenset[str]:
    """The kinds of a record of a patient born at `birth`, with what it is in a minor, `at`."""
    found = frozenset(kinds)
    born = interval(birth)
    if minors is None or born is None or found.isdisjoint(minors.of):
        return found
    years = at.year - born[1].year - ((at.month, at.day) < (born[1].month, born[1].day))
    return found | {minors.id} if years < minors.below_years else found


def kinds_that_leave(
    guessed: Mapping[str, Iterable[str]],
    labelled: Mapping[str, Iterable[LabelList]],
    file: Heuristic,
) -> list[dict[str, Any]]:
    """Each sensitive kind among the records that leave: `kind`, `by` and the `records`.

    `guessed`: key of a record → ids of rules; `labelled`: key → lists that its labels are in. `by`:
    `label` (the source says so) or `guess`.
    """
    kinds = {rule.id: rule.kind for rule in _rules(file)}
    found: dict[tuple[str, str], list[str]] = {}
    for key, lists in labelled.items():
        for kind in dict.fromkeys(each.tell for each in lists if each.tell):
            found.setdefault((kind, "label"), []).append(key)
    for key, ids in guessed.items():
        for rule in ids:
            found.setdefault((kinds[rule], "guess"), []).append(key)
    return [
        {"kind": kind, "by": by, "records": sorted(keys)}
        for (kind, by), keys in sorted(found.items(), key=lambda item: item[0])
    ]


def hold_sensitive(
    found: Mapping[str, Any], file: Heuristic, request: Request, released: Iterable[str] = ()
) -> None:
    """With `hold`: `Held` while a sensitive record that nobody named or released would leave."""
    named = {request.condition, *request.include, *request.hinge, *request.first_opinion, *released}
    causes = [
        Cause("sensitive", record=key, rule=f"{each['kind']} ({each['by']})")
        for each in found["kinds"]
        if file.mode_of(each["kind"]) == "hold"
        for key in each["records"]
        if key not in named
    ]
    if open_ := {cause.record for cause in causes}:  # which kinds is nothing for a log
        raise Held(
            "sensitive",
            f"{len(open_)} records of a sensitive kind would leave that nobody has decided on",
            "`connector show` names them. Release those that are to leave (`connector release`),"
            " and keep the others (`connector release --keep`).",
            causes,
        )


def _rules(file: Heuristic) -> Iterator[Suspicion | Minors]:
    yield from file.rules
    if file.minors:
        yield file.minors


def _whole(word: str) -> re.Pattern[str]:
    """Finds a word, a phrase, or with a `*` the beginning of a word, in a folded text."""
    end = "" if word.endswith("*") else r"(?!\w)"
    return re.compile(rf"(?<!\w){re.escape(_folded(word).rstrip('*'))}{end}")


def _folded(text: str) -> str:
    """In small letters, without accents; JSON may have them escaped."""
    if "\\u" in text:
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text)
    text = text.casefold()
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _plain(code: str) -> str:
    return code.upper().replace(".", "")


def _system(text: str) -> str:
    plain = text.strip().casefold().partition("|")[0].rstrip("/").partition("/version/")[0]
    return plain.removeprefix("urn:oid:").removeprefix("https://").removeprefix("http://")
