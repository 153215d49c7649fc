"""The way through the house, as the pages show it: what they name is there."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests import followed, house
from tests.docs.pages import DOCS, page
from tests.support import ROOT

_PATH = re.compile(r"(?<![\w*.:/-])(?:\w[\w.-]*/)*\w+\.py\b")
_ROOMS = re.compile(r"`((?:[a-z_]+/)+)`")
_ROW = re.compile(r"^\| (?:\d+ \| )?[^|`]+ \| `([\w/]+\.py)` \| (.+) \|$", re.MULTILINE)
_NAMED = re.compile(r"`(\w+)(?:/|\.py)`")
_WAYS = ("One record", "One request", "One gap")
_LONGEST_WAY = 10
# A path is below the repository or below connector/.
_BELOW = (ROOT, ROOT / "connector")


def pages() -> list[Path]:
    """What a reader reads: README.md, docs/ and the pages beside data and tools."""
    beside = (ROOT.glob(f"{folder}/**/*.md") for folder in ("mappings", "fixtures", "benchmarks"))
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *chain.from_iterable(beside)]


def stands(path: str) -> bool:
    return any((folder / path).exists() for folder in _BELOW)


@pytest.mark.parametrize("read", pages(), ids=lambda read: str(read.relative_to(ROOT)))
def test_a_module_that_is_named_is_there(read: Path) -> None:
    assert not [path for path in _PATH.findall(read.read_text()) if not stands(path)]


def test_a_module_that_the_sources_name_is_there() -> None:
    """By its path, or as seen from where it is named, or from the room around that."""
    lost = {
        f"{source.relative_to(ROOT)}: {path}"
        for source in (ROOT / "connector").rglob("*.py")
        for path in _PATH.findall(source.read_text())
        if not any((at / path).exists() for at in (*source.parents[:2], *_BELOW))
    }
    assert not lost


def test_a_room_that_is_named_is_there_and_each_is_named() -> None:
    told = page("architecture.md")
    rooms = {room.strip("/") for room in _ROOMS.findall(told)}
    assert not {room for room in rooms if not stands(room)}
    files = {Path(name).stem for name in _PATH.findall(told)}
    measured = {corridor.name.replace(".", "/") for corridor in house.House().corridors()}
    assert not measured - rooms - files - {"__main__"}


def test_rooms_and_corridors_stand_in_the_order_of_the_contracts() -> None:
    layers = house.House().layers
    told = page("architecture.md").partition("\n## Rooms")[2].partition("\n## ")[0]
    rooms, _, corridors = told.partition("\n### Corridors")
    first = re.findall(r"^\| ([^|]+) \|", rooms, re.MULTILINE)
    named = _NAMED.findall(" ".join(first))
    order = layers["connector"]
    assert {*named, "__main__"} == order.keys()
    assert named == sorted(named, key=order.__getitem__)
    for room in ("pull", "packet", "push"):
        order = layers[f"connector.{room}"]
        found = [name for name in re.findall(rf"`{room}/(\w+)/`", corridors) if name in order]
        assert found == sorted(found, key=order.__getitem__)


def test_a_corridor_says_what_it_is_for() -> None:
    """What comes in, what goes out, which rules it keeps: more than its name."""
    rooms = (ROOT / "connector" / name for name in ("pull", "packet", "push"))
    corridors = chain.from_iterable(room.glob("*/__init__.py") for room in rooms)
    assert not [
        str(path.relative_to(ROOT))
        for path in corridors
        if len((ast.get_docstring(ast.parse(path.read_text())) or "").split()) < 20
    ]


@pytest.mark.parametrize("way", _WAYS)
def test_a_way_through_the_house_is_short(way: str) -> None:
    told = page("architecture.md").partition(f"\n## {way}")[2].partition("\n## ")[0]
    assert 0 < len(_ROW.findall(told)) <= _LONGEST_WAY


def questions() -> Iterator[tuple[str, str]]:
    """(module, function) of every answer in newcomers.md."""
    for module, function in _ROW.findall(page("newcomers.md")):
        yield module, function.strip("`")


def test_there_are_twelve_questions_and_more() -> None:
    numbered = re.findall(r"^\| (\d+) \|", page("newcomers.md"), re.MULTILINE)
    assert numbered == [str(number) for number in range(1, 13)]
    assert len(list(questions())) > len(numbered)


def test_the_architecture_leads_to_the_twelve() -> None:
    led = set(_PATH.findall(page("architecture.md")))
    assert not {module for module, _ in list(questions())[:12]} - led


@pytest.mark.parametrize(("module", "function"), list(questions()))
def test_an_answer_is_where_the_page_says(module: str, function: str) -> None:
    scope: ast.Module | ast.ClassDef = ast.parse((ROOT / "connector" / module).read_text())
    *classes, name = function.split(".")
    for inner in classes:
        (scope,) = (n for n in scope.body if isinstance(n, ast.ClassDef) and n.name == inner)
    assert name in {n.name for n in scope.body if isinstance(n, ast.FunctionDef)}


def test_the_drawing_is_the_one_the_script_makes() -> None:
    drawn = house.drawing(house.House())
    assert page("house.svg") == drawn, "draw it anew: python -m tests.house docs/house.svg"


def test_one_record_enters_few_modules_of_the_push() -> None:
    built = house.House()
    found = followed.through_the_push()
    assert len(followed.modules(found.handed)) <= 15
    assert len(followed.climbs(found.calls, built.stands_above)) <= 10
