"""One value of a case's state: a row of the table `state`, read and written with its type."""

import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, Self, TypeVar, overload

T = TypeVar("T")


class Rows(Protocol):
    """What a state needs of the case file that it is kept in."""

    def row(self, sql: str, parameters: Iterable[Any] = ()) -> tuple[Any, ...] | None: ...
    def execute(self, sql: str, parameters: Iterable[Any] = ()) -> int: ...
    def commit(self) -> AbstractContextManager[None]: ...


class Kept:
    """What has fields: `rows` is where their values are."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows


class Field(Generic[T]):
    """A value that may not be there: None. Setting it is a commit; None takes it away.

    The name of the field is the name of its row; `read` makes the value of what JSON gives.
    """

    def __init__(self, read: Callable[[Any], T] | None = None) -> None:
        self._read = read

    def __set_name__(self, owner: type[Kept], name: str) -> None:
        self.name = name

    @overload
    def __get__(self, state: None, owner: type[Kept]) -> Self: ...
    @overload
    def __get__(self, state: Kept, owner: type[Kept]) -> T | None: ...
    def __get__(self, state: Kept | None, owner: type[Kept]) -> Self | T | None:
        return self if state is None else self._value(state)

    def __set__(self, state: Kept, value: T | None) -> None:
        rows = state._rows
        with rows.commit():
            rows.execute("DELETE FROM state WHERE name = ?", (self.name,))
            if value is not None:
                rows.execute("INSERT INTO state VALUES (?, ?)", (self.name, json.dumps(value)))

    def _value(self, state: Kept) -> T | None:
        found = state._rows.row("SELECT value FROM state WHERE name = ?", (self.name,))
        if found is None:
            return None
        value: T = json.loads(found[0])
        return self._read(value) if self._read else value


class Default(Field[T]):
    """A value that is always there: `default()` where none was set."""

    def __init__(self, default: Callable[[], T], read: Callable[[Any], T] | None = None) -> None:
        super().__init__(read)
        self._default = default

    @overload
    def __get__(self, state: None, owner: type[Kept]) -> Self: ...
    @overload
    def __get__(self, state: Kept, owner: type[Kept]) -> T: ...
    def __get__(self, state: Kept | None, owner: type[Kept]) -> Self | T:
        if state is None:
            return self
        found = self._value(state)
        return self._default() if found is None else found
