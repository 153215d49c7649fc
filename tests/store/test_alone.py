"""What only the store may do: speak SQL, name a value of the state, change how far a case is."""

import ast
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import connector.store
from connector.store.case.casefile import CaseFile
from connector.store.case.field import Field
from connector.store.case.state import CaseState

ROOM = Path(connector.store.__file__).parent
MODULES = [path for path in sorted(ROOM.parent.rglob("*.py")) if "sandbox" not in path.parts]
FIELDS = {name: field for name, field in vars(CaseState).items() if isinstance(field, Field)}
SQL = ("SELECT ", "INSERT ", "UPDATE ", "DELETE FROM ", "CREATE TABLE", "PRAGMA ", "BEGIN ")
CALLS = {"execute", "executemany", "executescript", "row", "write_blob"}
# How far a case is, what it is for, and what was told: changed by transitions alone.
LIFE = {
    "request", "needed_by", "route", "adopted_at", "status", "obstacle", "held_by", "back_at",
    "closed", "as_of", "pulled_at", "mapped_with", "outline", "sending", "kind", "announced_at",
    "told_at", "request_told", "asked_at", "revision", "update", "edited", "edit_waits",
    "withdrawal", "withdrawn",
}  # fmt: skip


def parsed(*, outside: bool) -> Iterator[tuple[str, ast.AST]]:
    for path in MODULES:
        if not (outside and path.is_relative_to(ROOM)):
            for node in ast.walk(ast.parse(path.read_text())):
                yield str(path.relative_to(ROOM.parent)), node


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []


def test_no_sql_stands_outside_the_store() -> None:
    wrong = []
    for where, node in parsed(outside=True):
        names = [name.partition(".")[0] for name in imported(node)]
        wrong += [where for name in names if name in ("sqlite3", "sqlalchemy")]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            wrong += [where] if node.func.attr in CALLS else []
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            wrong += [where] if node.value.lstrip().startswith(SQL) else []
    assert wrong == []


def test_the_rows_of_the_state_are_named_by_its_fields_alone() -> None:
    """No other module speaks of the table, or of a field by a string."""
    wrong = []
    for where, node in parsed(outside=False):
        if where in ("store/case/field.py", "store/case/state.py", "store/case/schema.py"):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = node.value.replace("(", " ").split()
            pairs = list(pairwise(words))
            wrong += [
                where for verb, table in pairs if verb in ("FROM", "INTO") and table == "state"
            ]
            wrong += [where] if words[:2] == ["UPDATE", "state"] else []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            by_name = node.func.id in ("getattr", "setattr", "vars")
            told = [ast.unparse(argument) for argument in node.args[:1]]
            wrong += [where for text in told if by_name and text.endswith((".state", "CaseState"))]
    assert wrong == []


def assigned(node: ast.AST) -> Iterator[str]:
    """Fields that a statement sets, or forgets."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        targets = list(node.args) if node.func.attr == "forget" else []
    for target in targets:
        if isinstance(target, ast.Attribute):
            owner = ast.unparse(target.value)
            if owner == "CaseState" or owner.endswith(".state"):
                yield target.attr


def test_how_far_a_case_is_changes_in_one_module() -> None:
    assert set(FIELDS) >= LIFE
    found = {
        (where, name)
        for where, node in parsed(outside=False)
        for name in assigned(node)
        if name in LIFE
    }
    assert {where for where, _ in found} == {"store/case/transitions.py"}
    assert {name for _, name in found} == LIFE


def test_every_field_is_read_by_somebody() -> None:
    read = {
        node.attr
        for _, node in parsed(outside=False)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }
    assert set(FIELDS) - read == set()


def test_every_field_says_what_it_is() -> None:
    [body] = [
        node.body
        for node in ast.parse((ROOM / "case" / "state.py").read_text()).body
        if isinstance(node, ast.ClassDef)
    ]
    named = [
        (first.targets[0].id, second)
        for first, second in pairwise(body)
        if isinstance(first, ast.Assign) and isinstance(first.targets[0], ast.Name)
    ]
    assert [name for name, _ in named] == list(FIELDS)
    for name, after in named:
        assert isinstance(after, ast.Expr), name
        assert isinstance(after.value, ast.Constant), name


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_that_was_never_set_has_its_default(case: CaseFile, name: str) -> None:
    default = getattr(case.state, name)
    assert default in (None, False, 0, [], {}, "opened")
    setattr(case.state, name, None)
    assert getattr(case.state, name) == default


def test_a_default_is_nobody_elses(case: CaseFile) -> None:
    case.state.export["begun"] = True
    assert case.state.export == {}


def test_what_is_kept_is_json(case: CaseFile) -> None:
    case.state.request = {"question": "é", "n": [1, None]}
    assert case.row("SELECT name, value FROM state") == (
        "request",
        json.dumps({"question": "é", "n": [1, None]}),
    )
