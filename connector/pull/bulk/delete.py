"""What of bulk exports lies at the source still: remembered until it is deleted, and told."""

from typing import Any

from ...errors import EndpointError
from ...failpoint import reach
from ...gap import GapKind, Wanted
from ...store.case.casefile import CaseFile
from ..context import Pull

_LOST = (
    "an export begun earlier may still run at the source or lie there: its address never came, so"
    " it could not be deleted"
)
_LEFT = "an export could not be deleted at the source: it lies there until it expires"


def remembered(state: dict[str, Any]) -> dict[str, Any]:
    """What outlives an export that is done with: that there may be another one."""
    left = [*state.get("left", []), *([state["status"]] if "status" in state else [])]
    lost = state.get("lost") or (state.get("begun") and "status" not in state)
    return ({"lost": True} if lost else {}) | ({"left": left} if left else {})


def forget(case: CaseFile) -> None:
    """Let the next run ask for another export; what lies at the source still is remembered."""
    case.state.export = remembered(case.state.export)


def delete(pull: Pull, state: dict[str, Any]) -> dict[str, Any]:
    """Have exports deleted at the server. Each address is kept until it is gone there."""
    addresses = [*state.get("left", []), *([state["status"]] if "status" in state else [])]
    if not addresses:
        return state
    reach("export.delete")
    left = [address for address in addresses if not _is_gone(pull, address)]
    done = {name: value for name, value in state.items() if name not in ("status", "left")}
    if left:
        done["left"] = left
    pull.case.state.export = done
    return done


def _is_gone(pull: Pull, address: str) -> bool:
    """Delete one export. False if it may lie there still: another run tries again."""
    try:
        answer = pull.source.write("DELETE", address, b"", "bulk export deletion")
    except EndpointError:
        return False
    return answer.status < 300 or answer.status in (404, 410)


def tell(pull: Pull, state: dict[str, Any]) -> None:
    """A gap where an export lies at the source, or may."""
    if state.get("lost"):
        pull.gap(Wanted("export"), GapKind.NOT_ASKED, _LOST)
    if state.get("left"):
        pull.gap(Wanted("export"), GapKind.NOT_ASKED, _LEFT)
