"""Taking a packet back: cancelled (the request ends, the records stay) or recalled (they go).

A person decides, once: who, when and why is a row of the case before anything is written. From
there on the case sends nothing else, and any run of it goes on with that decision until it is done.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from . import packet, push
from .case import State
from .channel import channel_of
from .errors import Held, UsageError
from .fhir.lossless import encode
from .instant import instant
from .job import Job, stated
from .push.evidence import receipt_check
from .store.case import transitions
from .store.case.casefile import CaseFile
from .store.case.state import required
from .store.case.values import Withdrawal
from .store.mapped import export
from .store.mapped.update import has_left
from .store.sent import delivery
from .store.sent.recalled import Recalled

How = Literal["cancel", "recall"]
_DONE = {"cancel": State.CANCELLED, "recall": State.RECALLED}


@dataclass(frozen=True)
class Decision:
    """What somebody decided about a packet. The reason stays in the case file."""

    how: How
    by: str
    reason: str


def decide(job: Job, case: CaseFile, decision: Decision) -> None:
    """Record a decision, before anything of it is done. The same one again goes on with the first.

    `UsageError` without a reason, or to cancel what is recalled.
    """
    made = case.state.withdrawal
    if made is not None and (made["how"] == decision.how or made["how"] == "recall"):
        if made["how"] != decision.how:
            raise UsageError("the case is recalled", "There is nothing left to cancel.")
        return
    if decision.how == "cancel":
        _must_be_cancellable(job, case)
    example = f"echo 'wrong team' | connector {decision.how} CASE --by NAME"
    reason = stated(decision.reason, example)
    at = instant(job.clock())
    transitions.withdraw(case, decision.how, decision.by, at, reason)


def _must_be_cancellable(job: Job, case: CaseFile) -> None:
    kind = case.state.kind or job.destination.kind
    if not has_left(case) or (kind == "transaction" and job.destination.read_back != "none"):
        return
    why = (
        "the destination grants no reading: nobody can see whether its Task is still ours"
        if kind == "transaction"
        else f"the packet travels as {kind}: no Task of ours stands there that could be ended"
    )
    raise UsageError(
        f"{why}: it can't be cancelled from here",
        "Call the receiving team. `connector recall` takes back what can be taken back.",
    )


def go_on(job: Job, session: push.Session) -> None:
    """Do what was decided, as far as it is not done. Asks nothing of a server once it is.

    Raises `Held` (`remains`) while something is left there that a person has to see to.
    """
    case, made = session.case, required(session.case.state.withdrawal)
    if case.state.withdrawn is None:
        left = []
        if has_left(case):
            left = (
                _cancel(job, session, made)
                if made["how"] == "cancel"
                else _recall(job, session, made)
            )
        transitions.withdrawn(case, left)
    transitions.enter(case, _DONE[made["how"]])


def outlook(job: Job, session: push.Session) -> list[Recalled]:
    """What a recall would do with each resource. Writes nothing there."""
    if not has_left(session.case):
        return []
    return channel_of(job, session).remove("", only_look=True)


def _cancel(job: Job, session: push.Session, made: Withdrawal) -> list[str]:
    task = session.authored("Task")
    letter = packet.cancellation(task, job.request, job.source, job.mappings, made["at"])
    return push.cancel(session, letter, made["at"])


def _recall(job: Job, session: push.Session, made: Withdrawal) -> list[str]:
    fates = channel_of(job, session).remove(made["at"])
    export.recall(session.case, _report(session, made, fates))
    remaining = sum(fate.fate == "remains" for fate in fates)
    if remaining:
        raise Held(
            "remains",
            f"{remaining} resources of the recalled packet still stand at the destination",
            "recall.json in the folder of the case lists them, and why: have the people there"
            " remove them, then run the same command again. What can't be read there is gone when"
            " you say so: `echo absent | connector resolve CASE --choose -`.",
        )
    return []


def _report(session: push.Session, made: Withdrawal, fates: list[Recalled]) -> bytes:
    values = {
        "case": session.handle,
        "by": made["by"],
        "decided_at": made["at"],
        "destination": str(session.settings.id),
        "resources": [
            {"packet": f"{f.type}/{f.id}", "there": f.place, "fate": f.fate, "why": f.why}
            for f in fates
        ],
    }
    return encode(values) + b"\n"


def from_receipt(job: Job, case: CaseFile, path: Path) -> None:
    """Fill an empty case with what a receipt says: where everything stands, in which version.

    For a case file that was lost. `UsageError` if the receipt is damaged or of another case.
    """
    if delivery.deliveries(case) or case.state.packet_hash:
        raise UsageError("the case file is there", "Leave --receipt out.")
    try:
        checked = receipt_check.check(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "Name a file that can be read.") from None
    values = checked.values
    if checked.wrong:
        raise UsageError(
            f"{path}: not as it was written", "Look at it: `connector receipt check FILE`."
        )
    if (values["case"], values["destination"]["id"]) != (job.handle, str(job.destination.id)):
        raise UsageError(
            f"{path}: the receipt of another case or destination",
            "Name the request of that receipt.",
        )
    if job.request.patient.id is None:
        raise UsageError(
            "the request does not name the patient's id at the source",
            "Set patient.id: the log of disclosures needs it.",
        )
    with case.commit():
        if values["kind"] == "transaction":
            for line in values["resources"]:
                if line["there"] is not None:
                    _place(case, line)
        else:
            _whole(case, values)
        transitions.restore(case, values["kind"], values["packet_hash"], values["announced_at"])


def _whole(case: CaseFile, values: dict[str, Any]) -> None:
    """What was sent whole: the one place of it."""
    for line in values["resources"]:
        if line["there"] is not None and "#" in line["there"]:
            place = line["there"].partition("#")[0]
            case.state.whole = {"place": place, "version": line["version"]}
            break
    case.state.file = values["file"]


def _place(case: CaseFile, line: dict[str, Any]) -> None:
    resource_type, _, derived = line["packet"].partition("/")
    target = line["there"].partition("/")[2]
    if line["sha256_sent"] is None:  # theirs: compared, never written
        delivery.adopt(case, resource_type, derived, target)
        return
    delivery.intend(case, 1, [(resource_type, derived)])
    delivery.settle(case, [(resource_type, derived, target, line["version"])], line["note"])
    read = line["sha256_sent"], line["sha256_read"] or "", line["version"], line["note"]
    delivery.read_back(case, [(resource_type, derived, _status(line["status"]), *read)])


def _status(status: str) -> str:
    return status if status in (*delivery.ARRIVED, "differs") else "sent"
