"""The shape of connector/, measured from its imports, and drawn: `python -m tests.house [SVG]`.

`python -m tests.house --follow`: which modules of the push one record enters, which calls climb.

A room is a module or package of connector/ that a layers contract in pyproject.toml names; a
corridor is one inside `pull`, `packet` or `push`. An arrow runs from a module to one it imports;
one that runs to a room above its own runs upwards. The floors of a corridor are the modules of its
longest chain of imports.
"""

import sys
import tomllib
from collections import Counter
from functools import cache
from html import escape
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import grimp

from tests import followed

ROOT = Path(__file__).parent.parent
_GRAPH = "connector"


class Corridor(NamedTuple):
    """What stands in one room or corridor."""

    name: str  # below `connector`, with points
    modules: int
    arrows: int  # among them
    floors: int
    upwards: int  # arrows to rooms above it, in the house or in its own room
    longest: int  # lines of its longest module


class House:
    """The modules of connector/, their imports, and the order that the contracts give the rooms."""

    def __init__(self) -> None:
        self.graph = grimp.build_graph(_GRAPH, cache_dir=None)
        self.layers = _layers()
        self.modules = sorted(self.graph.modules - {_GRAPH})
        self.lines = {module: _lines(module) for module in self.modules}
        self.arrows = [
            (module, other)
            for module in self.modules
            for other in sorted(self.graph.find_modules_directly_imported_by(module))
            if other != _GRAPH and not _is_face(other)
        ]

    def corridor_of(self, module: str) -> str:
        """The innermost room or corridor that a module stands in, such as `push.wire`."""
        parts = module.split(".")[1:]
        inner = f"{_GRAPH}.{parts[0]}"
        if inner in self.layers and len(parts) > 1:
            return ".".join(parts[:2]) if _is_package(f"{inner}.{parts[1]}") else parts[0]
        return parts[0]

    def is_upwards(self, module: str, other: str) -> bool:
        """Whether an import runs to a room above, by the contract of what both stand in."""
        ours, theirs = module.split("."), other.split(".")
        shared = 0
        while shared < min(len(ours), len(theirs)) and ours[shared] == theirs[shared]:
            shared += 1
        order = self.layers.get(".".join(ours[:shared]), {})
        if shared in (len(ours), len(theirs)):
            return False
        above, below = order.get(theirs[shared]), order.get(ours[shared])
        return above is not None and below is not None and above < below

    def stands_above(self, module: str, other: str) -> bool:
        """Whether `module` stands above: in a room above, or because it imports `other`."""
        return module != other and (
            self.is_upwards(other, module)
            or self.graph.chain_exists(importer=module, imported=other)
        )

    def corridors(self) -> list[Corridor]:
        """Every room and corridor, measured, in the order of their names."""
        held: dict[str, list[str]] = {}
        for module in self.modules:
            held.setdefault(self.corridor_of(module), []).append(module)
        found = []
        for name, modules in sorted(held.items()):
            inside = set(modules)
            arrows = [(a, b) for a, b in self.arrows if a in inside and b in inside]
            upwards = sum(a in inside and self.is_upwards(a, b) for a, b in self.arrows)
            longest = max(self.lines[module] for module in modules)
            count = sum(self.lines[module] > 0 for module in modules)
            found.append(Corridor(name, count, len(arrows), _floors(arrows), upwards, longest))
        return found

    def between(self) -> Counter[tuple[str, str]]:
        """How many arrows run from one room or corridor to another."""
        pairs = ((self.corridor_of(a), self.corridor_of(b)) for a, b in self.arrows)
        return Counter((a, b) for a, b in pairs if a != b)


def table(corridors: list[Corridor]) -> str:
    """The measures as a Markdown table, sums last."""
    rows = [
        "| corridor | modules | arrows | floors | upwards | longest |",
        "|---|---|---|---|---|---|",
    ]
    rows += [f"| {' | '.join(map(str, corridor))} |" for corridor in corridors]
    modules, arrows, upwards = (
        sum(getattr(corridor, name) for corridor in corridors)
        for name in ("modules", "arrows", "upwards")
    )
    longest = max(corridor.longest for corridor in corridors)
    return "\n".join([*rows, f"| all | {modules} | {arrows} | | {upwards} | {longest} |"])


def drawing(house: House) -> str:
    """An SVG: rooms in the order of the contract, their corridors, arrows as wide as they are many.

    Arrows to what everybody stands on (`view` and below) would cover the rest and are left out.
    """
    measured = {corridor.name: corridor for corridor in house.corridors()}
    places: dict[str, tuple[float, float]] = {}
    boxes: list[str] = []
    rooms = house.layers[_GRAPH]
    ground = rooms["view"]
    top = 20.0
    for level in range(max(rooms.values()) + 1):
        left, below = 20.0, top
        for room in (name for name, at in rooms.items() if at == level and name != "__main__"):
            right, y = left, top
            for row in _rows(house, room):
                x = left
                for name in row:
                    width = 96.0 + 5 * min(measured[name].modules, 20)
                    boxes.append(_box(x, y, width, measured[name]))
                    places[name] = x + width / 2, y + 13
                    x += width + 10
                right, y = max(right, x), y + 34
            left, below = max(right + 14, left + 150), max(below, y)
        top = below + 6
    arrows = [
        f'<path d="M{places[a][0]:.0f} {places[a][1]:.0f} L{places[b][0]:.0f} {places[b][1]:.0f}" '
        f'stroke="#4a7ba6" stroke-opacity="0.4" stroke-width="{min(1 + count / 4, 7):.1f}"/>'
        for (a, b), count in sorted(house.between().items())
        if a in places and b in places and rooms[b.split(".")[0]] < ground
    ]
    width = max(x for x, _ in places.values()) + 130
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {top:.0f}" '
        'font-family="sans-serif" font-size="12">\n'
        '<rect width="100%" height="100%" fill="#fdfcf8"/>\n'
        + "\n".join([*arrows, *boxes])
        + "\n</svg>\n"
    )


def _box(x: float, y: float, width: float, corridor: Corridor) -> str:
    label = corridor.name.rpartition(".")[2]
    told = f"{label} {corridor.modules}" if corridor.modules > 1 else label
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="26" rx="4" fill="#fff" '
        f'stroke="#33475b"/><text x="{x + 8:.0f}" y="{y + 17:.0f}">{escape(told)}</text>'
    )


def _rows(house: House, room: str) -> list[list[str]]:
    """A room, and below it its corridors in the order of its contract."""
    order = house.layers.get(f"{_GRAPH}.{room}", {})
    packages = [name for name in order if _is_package(f"{_GRAPH}.{room}.{name}")]
    levels = sorted({order[name] for name in packages})
    return [[room], *([f"{room}.{n}" for n in packages if order[n] == at] for at in levels)]


def _layers() -> dict[str, dict[str, int]]:
    """Container → name in it → how far from the top, from the layers contracts."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: dict[str, dict[str, int]] = {}
    for contract in settings["tool"]["importlinter"]["contracts"]:
        for container in contract.get("containers", ()):
            found[container] = {
                name.strip(" ()"): level
                for level, layer in enumerate(contract["layers"])
                for name in layer.split("|")
            }
    return found


def _floors(arrows: list[tuple[str, str]]) -> int:
    below: dict[str, list[str]] = {}
    for module, other in arrows:
        below.setdefault(module, []).append(other)

    @cache
    def height(module: str) -> int:
        return 1 + max((height(other) for other in below.get(module, ())), default=0)

    return max((height(module) for module in set(chain.from_iterable(arrows))), default=1)


def _path(module: str) -> Path:
    return ROOT.joinpath(*module.split("."))


def _is_package(module: str) -> bool:
    return _path(module).is_dir()


def _is_face(module: str) -> bool:
    """A package: its `__init__.py` only hands names on."""
    return _is_package(module)


def _lines(module: str) -> int:
    if _is_package(module):
        return 0
    return len(_path(module).with_suffix(".py").read_text().splitlines())


def way(house: House) -> str:
    """What one record enters on its way through the push, in order, and which calls climb."""
    found = followed.through_the_push()
    entered = followed.modules(found.handed)
    climbing = followed.climbs(found.calls, house.stands_above)
    return "\n".join(
        [
            *entered,
            f"one record enters {len(entered)} modules of {followed.ROOM},"
            f" its whole packet {len(followed.modules(found.calls))}",
            *(f"{c.caller} {c.calling} -> {c.module} {c.function}" for c in climbing),
            f"{len(climbing)} calls climb",
        ]
    )


def main(arguments: list[str]) -> None:
    house = House()
    if arguments == ["--follow"]:
        sys.stdout.write(way(house) + "\n")
        return
    sys.stdout.write(table(house.corridors()) + "\n")
    for path in arguments:
        Path(path).write_text(drawing(house))


if __name__ == "__main__":
    main(sys.argv[1:])
