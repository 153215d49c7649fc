"""JSON texts as other programs write them, for properties: odd spaces, escapes, any digits."""

import json

from hypothesis import settings
from hypothesis import strategies as st

# For properties over whole trees: making one costs more than checking it.
FEWER = settings(max_examples=40)

# Texts that look like structure: whoever searches instead of parsing falls for these.
TRAPS = (
    '"reference": "Patient/1"',
    '{"reference":"Patient/1"}',
    '\\"reference":',
    "reference",
    '","reference":"Patient/1',
    "]}",
    "\\",
    "Patient/1",
    "#contained",
    "\U0001f600",
    '"\\u0072eference":',
)

NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
STRINGS = st.one_of(st.sampled_from(TRAPS), st.text(st.characters(exclude_categories=["Cs"])))
_SPACES = st.sampled_from(["", "", " ", "\n  ", "\t", "\r\n"])


def _escaped(text: str) -> str:
    """Every character as a `\\u` escape: legal, and how some programs write."""
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2))


def written(text: str) -> st.SearchStrategy[str]:
    """The ways to write one string in JSON."""
    return st.sampled_from(
        [
            json.dumps(text, ensure_ascii=False),
            json.dumps(text),
            json.dumps(text).replace("/", "\\/"),
            f'"{_escaped(text)}"',
        ]
    )


def json_strings(strings: st.SearchStrategy[str] = STRINGS) -> st.SearchStrategy[str]:
    return strings.flatmap(written)


@st.composite
def _list(draw: st.DrawFn, items: st.SearchStrategy[str]) -> str:
    gap = draw(_SPACES)
    return f"[{gap}" + f"{gap},{gap}".join(draw(st.lists(items, max_size=4))) + f"{gap}]"


@st.composite
def objects(
    draw: st.DrawFn,
    values: st.SearchStrategy[str],
    names: st.SearchStrategy[str] = STRINGS,
    escape_names: bool = True,
) -> str:
    """An object's text; no name twice."""
    gap = draw(_SPACES)
    members = [
        f"{draw(written(name)) if escape_names else json.dumps(name)}{gap}:{gap}{draw(values)}"
        for name in draw(st.lists(names, max_size=5, unique=True))
    ]
    return "{" + gap + f"{gap},{gap}".join(members) + gap + "}"


def values() -> st.SearchStrategy[str]:
    """Any JSON value's text."""
    leaves = st.one_of(NUMBERS, json_strings(), st.sampled_from(["true", "false", "null"]))
    return st.recursive(leaves, lambda inner: _list(inner) | objects(inner), max_leaves=12)


def with_references(escape_names: bool) -> st.SearchStrategy[str]:
    """Objects that hold `reference` members at any depth, and strings that look like them."""
    names = st.sampled_from(
        ["reference", "subject", "text", "references", "item", 'x"reference', "é"]
    )
    leaves = st.one_of(json_strings(), NUMBERS)
    inner = st.recursive(
        leaves, lambda deep: _list(deep) | objects(deep, names, escape_names), max_leaves=12
    )
    return objects(inner, names, escape_names)
