"""Why a case stands as it does: a sentence, and what to do, for each exit code that applies."""

from datetime import datetime
from typing import Any

from ...case import Facts, State
from ...deadline import span
from ...errors import Exit
from ..case.casefile import CaseFile
from . import since
from .need import Need

# A sentence for each exit code; a more exact one stands in `obstacle` when a step was stopped.
_WORDS = {
    Exit.INCOMPLETE: "records are missing",
    Exit.WAITING: "not finished: run it again",
    Exit.HELD: "a person has to decide",
    Exit.SOURCE_FAILED: "the source failed",
    Exit.DESTINATION_REFUSED: "the destination refused",
    Exit.DIFFERS: "what was read back differs from what was sent",
}
_CLOSE = "If nobody waits for them any more, a person ends the case: `connector close CASE`."
_CALL = "Call the other team."

_APPROVAL = {
    "exit_code": int(Exit.HELD),
    "code": "approval",
    "why": "the packet waits for a person's approval",
    "what_to_do": "Look at it: `connector transfer REQUEST --dry-run`; then"
    " `connector approve CASE --hash HASH`.",
}


def reasons(
    case: CaseFile, codes: list[Exit], late: dict[str, Any], now: datetime
) -> list[dict[str, Any]]:
    """One for each code, in their order; where a step was stopped, in its own words."""
    obstacle = None if case.state.closed else case.state.obstacle
    found: list[dict[str, Any]] = [] if obstacle is None else [{**obstacle}]
    if Exit.HELD in codes and case.state.status == State.UNAPPROVED:
        found.append(_APPROVAL)
    if Exit.HELD in codes and (number := len(since.undecided(case, now))):
        found.append(_withheld_since(case, number))
    told = {reason["exit_code"] for reason in found}
    found += [
        {"exit_code": int(code), "code": code.name.lower(), "why": _WORDS[code], "what_to_do": ""}
        for code in codes
        if code in _WORDS and int(code) not in told
    ]
    found += [late] if Exit.LATE in codes else []
    if codes[0] is Exit.LATE:  # then nothing is said before it
        found.sort(key=lambda reason: reason["exit_code"] != Exit.LATE)
    return found


def late(facts: Facts, need: Need) -> dict[str, Any]:
    """Exit code 11 in words."""
    why, what_to_do = "the records are needed earlier than they can arrive", _CALL
    if facts.due is not None and facts.missed:
        ago = span(facts.due, facts.now, need.zone)
        why, what_to_do = (
            f"LATE by {ago}: nothing was delivered when it was needed",
            (f"{_CALL} {_CLOSE}"),
        )
    elif facts.due is not None and facts.delivered_at is not None:
        why = f"the records came {span(facts.due, facts.delivered_at, need.zone)} late"
    return {"exit_code": int(Exit.LATE), "code": "late", "why": why, "what_to_do": what_to_do}


def _withheld_since(case: CaseFile, number: int) -> dict[str, Any]:
    code = since.noted(case).get("code")
    why = f"{number} of our records at the destination would be withheld now"
    return {
        "exit_code": int(Exit.HELD),
        "code": "withheld-since",
        "why": why + (f" (all that we brought: {code})" if code else ""),
        "what_to_do": "`connector show CASE` lists them, with the rules. Take them back: `connector"
        " recall CASE --record Type/id`, or all with `connector recall CASE`; or say that they may"
        " stay: `connector recall CASE --record Type/id --keep`.",
    }
