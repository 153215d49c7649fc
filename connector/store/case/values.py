"""The shapes of what the state of a case holds: JSON objects, by name."""

from typing import Any, Literal, TypedDict

Way = Literal["transaction", "batch", "single"]  # how writes travel to a destination


class Obstacle(TypedDict):
    """What stopped a run, in its own words: as `reasons` of `show --json`."""

    exit_code: int
    code: str
    why: str
    what_to_do: str


class Closed(TypedDict):
    """Who ended the case, when (instant) and why; the reason stays in the case file."""

    by: str
    at: str
    reason: str


Approval = TypedDict(
    "Approval",
    {"hash": str | None, "for": Any, "consents": str | None, "by": str, "at": str},
    total=False,
)
"""A packet that may leave: its hash, on which route, under which consents; by whom and when."""


class Withdrawal(TypedDict):
    """A person's decision to take the packet back; the reason stays in the case file."""

    how: Literal["cancel", "recall"]
    by: str
    at: str
    reason: str


class Withdrawn(TypedDict):
    """What is left there after a packet was taken back, in words."""

    left: list[str]


class Open(TypedDict):
    """An update on its way, from its beginning until it is told.

    `number`: of the update, from 1. `before`: hash of the packet that was told. `as_of`: of the
    chart that was pulled for it; None if it was not pulled again. `settled`: there is something to
    tell. `state`: how the case stood before.
    """

    number: int
    before: str
    as_of: str | None
    settled: bool
    state: str


class Whole(TypedDict):
    """Place (`Bundle/ID`, a file's name) and version of what was sent whole."""

    place: str
    version: str | None
