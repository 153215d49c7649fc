"""From where to where a case travels: frozen with it, and bound by its approval.

A name or an id in connector.toml may mean another server tomorrow. So a case keeps what its two
ends were when it was opened, environment and base address, and an approval counts for nothing else.
"""

from typing import Any

from ...errors import Held
from ...settings import Destination, Source, base
from ..case.casefile import CaseFile
from ..case.values import Approval
from . import packet

# What people brought for a patient: it outlives another destination, not another patient.
_PEOPLES = ("supplied", "waiver")
_CHART_AND_AFTER = (
    "query", "page", "counted", "record", "target", "attachment", "gap", "earlier", "change",
    "decision", "item", "entry", "changed", "coverage", "former", "renewed", "delivery",
    "unfinished", "parcel", "answer", "recalled", "told", "ruling",
)  # fmt: skip
_FILES = ("packet.json", "patients.txt", "receipt.json", "receipt.jws")


def route(patient: dict[str, Any], source: Source, destination: Destination) -> dict[str, Any]:
    """Patient, source and destination as they are frozen: `CaseState.route`."""
    return {
        "patient": patient,
        "source_id": str(source.id),
        "destination_id": str(destination.id),
        # Exports come into a new folder every day; whose records they are, the records say.
        "source": _end(source.environment, base(source.base_url) if source.base_url else "files"),
        "destination": _end(destination.environment, where(destination)),
    }


def where(destination: Destination) -> str:
    """The base address of a destination, or the folder that stands for it."""
    if destination.folder is not None:
        return f"folder {destination.folder.resolve()}"
    return base(destination.base_url)


def _end(environment: str, address: str) -> dict[str, str]:
    return {"environment": environment, "base": address}


def begin_anew(case: CaseFile, *, same_patient: bool) -> None:
    """Forget chart, packet and approval of a case of which nothing has left.

    What people brought stays where the patient is the same.
    """
    for name in _FILES:
        (case.folder / name).unlink(missing_ok=True)
    tables = _CHART_AND_AFTER if same_patient else (*_CHART_AND_AFTER, *_PEOPLES)
    with case.commit():
        for table in tables:
            case.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the lines above
        case.execute("DELETE FROM content WHERE sha256 NOT IN (SELECT sha256 FROM supplied)")
        case.state.begin_anew()


def approve(case: CaseFile, by: str, at: str) -> None:
    """Record that a person lets the packet as it is now leave, on the way that is frozen now."""
    case.state.approval = {**_bound(case), "by": by, "at": at}


def approved(case: CaseFile, since: str = "", until: str = "9") -> bool:
    """Whether a person let this very packet go from this source to this destination.

    Under the consents as they are now, and from `since` to `until` (FHIR instants in UTC): one of
    the future was given while a clock was wrong, and would not grow old.
    """
    made = case.state.approval or {}
    same = all(made.get(name) == value for name, value in _bound(case).items())
    return same and since <= made.get("at", "") <= until


def _bound(case: CaseFile) -> Approval:
    return {
        "hash": case.state.packet_hash,
        "for": case.state.route,
        "consents": case.state.consents_hash,
    }


def must_be_released(case: CaseFile, release: str) -> None:
    """Raises `Held` (`approval`) unless the packet may leave. Asked whenever bytes do."""
    if release != "auto" and not approved(case):
        raise Held(
            "approval",
            "nobody has approved the packet as it is now, to where it would go now",
            "Look at it with `connector transfer REQUEST --dry-run`, then approve its hash.",
        )


def must_be_whole(case: CaseFile) -> None:
    """Raises `Held` (`altered`) if the packet is not the one that was authored here.

    Each body is compared with its hash when it is read (`packet`); this compares the hashes.
    """
    if packet.packet_hash(case) != case.state.packet_hash:
        raise packet.altered()
