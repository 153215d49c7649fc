"""One record followed through connector/push: which modules it enters, which calls climb.

A small packet with one Observation is resolved, delivered, read back, announced and given its
receipt, against the embedded sandbox, in this process, with every call watched. The record enters a
module where a function is handed it, by its key or as its bytes, or hands it back. A call climbs
if it runs to a module that stands above its caller's: in a corridor above by the layers contract,
or one that imports the caller's. A comprehension is no call; a generator is data, drawn from.
"""

import inspect
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from connector.fhir.ids import derived_id
from tests.push import packets
from tests.sandbox_parts import Sandbox

ROOM = "connector.push"
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")
_RECORD = derived_id(packets.SOURCE_ID, "Observation", "o1")


class Call(NamedTuple):
    """One call within the room, by the modules and the names of the functions."""

    module: str
    function: str
    caller: str  # module of the nearest caller within the room; nothing if from outside
    calling: str


class Followed(NamedTuple):
    """Every call of the push, each once, in the order of the first time."""

    calls: list[Call]
    handed: list[Call]  # those that were handed the record, or handed it back


def through_the_push() -> Followed:
    """Push a packet of one record and see what is called."""
    calls: dict[Call, None] = {}
    handed: dict[Call, None] = {}
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox:
        session = packets.open_session(Path(folder), sandbox.base_url)
        with closing(session.ledger), closing(session.case):
            packets.put_packet(session.case, _one_record())
            with _watched(calls, handed):
                packets.push_all(session)
    return Followed(list(calls), list(handed))


def modules(calls: list[Call]) -> list[str]:
    """The modules entered, in order."""
    return list(dict.fromkeys(call.module for call in calls))


def climbs(calls: list[Call], stands_above: Callable[[str, str], bool]) -> list[Call]:
    """Those calls that run upwards. `stands_above(module, other)`: whether `module` does."""
    return [call for call in calls if call.caller and stands_above(call.module, call.caller)]


def _one_record() -> list[dict[str, Any]]:
    observation = packets.observation(1)
    del observation["encounter"]
    return [observation, packets.patient()]


@contextmanager
def _watched(calls: dict[Call, None], handed: dict[Call, None]) -> Iterator[None]:
    def look(frame: FrameType, event: str, returned: Any) -> None:
        if event not in ("call", "return") or not _is_call(frame):
            return
        call = Call(*_named(frame), *_caller(frame))
        calls.setdefault(call)
        if _RECORD in repr(_arguments(frame) if event == "call" else returned):
            handed.setdefault(call)

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)


def _is_call(frame: FrameType) -> bool:
    code = frame.f_code
    inner = code.co_flags & inspect.CO_GENERATOR or code.co_name in _COMPREHENSIONS
    return _is_inside(frame) and not inner


def _is_inside(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(f"{ROOM}.")


def _caller(frame: FrameType) -> tuple[str, str]:
    caller = frame.f_back
    while caller is not None and not _is_inside(caller):
        caller = caller.f_back
    return _named(caller) if caller is not None else ("", "")


def _named(frame: FrameType) -> tuple[str, str]:
    return str(frame.f_globals["__name__"]), frame.f_code.co_qualname


def _arguments(frame: FrameType) -> list[Any]:
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return [frame.f_locals[name] for name in names if name != "self"]
