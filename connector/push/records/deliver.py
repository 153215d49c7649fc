"""Deliver: every entry of the packet to the destination, once, with nothing announced yet."""

from collections import Counter
from collections.abc import Iterable

from ...errors import ConnectorError
from ...gap import Gap, GapKind, Wanted
from ...progress import Progress, silent
from ...store.case import gaps
from ...store.case.casefile import CaseFile
from ...store.mapped import draft, packet
from ...store.sent import delivery
from ..binaries import BINARY
from ..patient.resolve import check_again
from ..session import CONTENTS, LETTER, REQUEST, TASK, Session, at_destination, key_of, parts
from ..wire import undeleted
from .batching import Survey, pack, survey
from .sender import Sender


def deliver(session: Session, progress: Progress = silent) -> None:
    """Send what is not there yet, in reference order, in writes within the destination's limits.

    Resumable after any crash: what may have been sent is settled by reading first. Afterwards
    each entry has a row in `delivery`, `sent` or `rejected`; rejected ones are gaps as well. Call
    `resolve` before. Raises `DestinationRefused`, `Waiting`, `Held`, `LockHeld`.
    """
    if not session.case.state.patient_resolved:
        raise ConnectorError("internal: nothing is sent before the patient is resolved")
    for entry in draft.drafts(session.case):
        draft.announced(entry)  # raises where one is not a draft
    undeleted.hold(session)
    with at_destination():
        bytes_max = session.settings.bundle.max_megabytes * 1_000_000
        whole = survey(session.case, bytes_max)
        sender = Sender(session, whole, _essential(session))
        sender.settle_intended()
        _send(session, whole, sender, progress)
    _tell_gaps(session.case)


def settle(session: Session) -> None:
    """Settle by reading what an earlier run may have sent without hearing the answer."""
    if delivery.deliveries(session.case, "intended"):
        with at_destination():
            whole = survey(session.case, session.settings.bundle.max_megabytes * 1_000_000)
            Sender(session, whole, _essential(session)).settle_intended()


def _send(session: Session, whole: Survey, sender: Sender, progress: Progress) -> None:
    due = _due(session.case, whole, sender)
    sender.meet(due)
    megabytes = session.settings.bundle.max_megabytes
    large = [key for key in due if whole.sizes[key] > megabytes * 1_000_000]
    sender.refuse(large, f"larger than max_megabytes = {megabytes:g}")
    settled = sender.references.places.keys() | sender.references.lost
    due = [key for key in due if key not in settled]
    done, total = len(whole.sizes) - len(due), len(whole.sizes)
    progress("push", done, total)
    ahead = whole.reached_from({key for key in due if parts(key)[0] == BINARY})
    for keys in ([key for key in due if key in ahead], [key for key in due if key not in ahead]):
        for write in pack(whole.units(keys), whole.sizes, sender.limits, whole.edges):
            with session.turn:
                check_again(session)
                sender.carry(write)
            done += sum(map(len, write))
            progress("push", done, total)
    with session.turn:
        check_again(session)
        sender.finish()


def _due(case: CaseFile, whole: Survey, sender: Sender) -> list[str]:
    """What has to be sent, in packet order.

    While something else has to be sent, what was refused before is tried again (a person may have
    mended the destination), unless something that stands there was already told that it is lost.
    What somebody deleted there is not sent again.
    """
    places, lost = sender.references.places, sender.references.lost
    if all(key in places or key in lost for key in whole.sizes):
        return []
    told = whole.referred_by(whole.sizes.keys() & places.keys())
    lost &= told | {f"{row.type}/{row.id}" for row in delivery.deliveries(case, "removed")}
    return [key for key in whole.sizes if key not in places and key not in lost]


def _essential(session: Session) -> frozenset[str]:
    authored = (packet.authored(session.case, name) for name in (REQUEST, TASK, CONTENTS, LETTER))
    return frozenset(key_of(entry) for entry in (session.patient(), *authored) if entry)


def _tell_gaps(case: CaseFile) -> None:
    rejected = delivery.deliveries(case, "rejected")
    words: dict[str, set[str]] = {}
    for row in rejected:
        words.setdefault(row.type, set()).add(row.note)
    with case.commit():
        for resource_type, count in Counter(row.type for row in rejected).items():
            why = f"the destination refused {count} ({_listed(words[resource_type])})"
            gaps.add(case, Gap((Wanted(resource_type),), GapKind.REJECTED, (why,)))


def _listed(words: Iterable[str]) -> str:
    return "; ".join(sorted(words)[:3])
