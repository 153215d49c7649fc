"""Nobody else in the push sends bytes, numbers or answers a write, or tries it again."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PUSH = Path(__file__).parents[3] / "connector" / "push"
WRITE = "wire/write.py"

# What nobody may call, whatever it is called on → the modules that may.
CALLS = {
    "ledger.intend": {WRITE},
    "ledger.answer": {WRITE},
    "ledger.settle": {WRITE},
    "ledger.next_write_no": {WRITE},
    "ledger.turn": {"session.py"},
    "endpoint.write": {WRITE},
    "endpoint.request": set[str](),
    "endpoint.after": {"wire/retry.py"},
    "delivery.intend": {WRITE, "records/sender.py"},  # the sender: number 0, what goes anew
    "delivery.keep_words": {WRITE},
    "delivery.next_write_no": {WRITE},
    "time.sleep": {"wire/retry.py", "wire/search_lag.py"},
}
# What nobody else may spell.
WORDS = {"ifMatch": {WRITE}, "If-Match": {WRITE}, "If-None-Exist": {WRITE}, 'W/"': {WRITE}}


def breaches(name: str, source: str) -> Iterator[str]:
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = getattr(node.value, "attr", getattr(node.value, "id", ""))
            call = f"{str(owner).lstrip('_')}.{node.attr}"
            if name not in CALLS.get(call, {name}):
                yield f"{name}:{node.lineno}: {call}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            for word, places in WORDS.items():
                # What an answer says of a version is taken apart where answers are read.
                if word in node.value and name not in {*places, "wire/response.py"}:
                    yield f"{name}:{node.lineno}: {word}"
        if isinstance(node, ast.ImportFrom) and node.module and name != "wire/retry.py":
            for alias in node.names:
                if alias.name in ("requests", "count"):
                    yield f"{name}:{node.lineno}: import {alias.name}"


def test_only_the_write_cycle_writes() -> None:
    found = [
        breach
        for path in sorted(PUSH.rglob("*.py"))
        for breach in breaches(path.relative_to(PUSH).as_posix(), path.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "session.ledger.intend(1)",
        "self._session.ledger.answer(session.handle, 1, None, 'done')",
        "with session.ledger.turn('x', 1): ...",
        "self._session.endpoint.write('PUT', 'Task/1', b'', 'push')",
        "send = session.endpoint.write",
        "write_no = session.ledger.next_write_no(session.handle)",
        "condition = {'ifMatch': f'W/\"{version}\"'}",
        "headers = {'If-None-Exist': 'x'}",
        "session.endpoint.after(1, None)",
        "from itertools import count",
    ],
)
def test_a_breach_is_seen(line: str) -> None:
    assert list(breaches("records/other.py", line))
