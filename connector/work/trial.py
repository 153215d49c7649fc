"""`doctor --write-test`: what a destination really does with writes, seen on resources of our own.

Each is without a patient, marked as a test (HTEST) and tagged; all are deleted at the end. Most are
a Basic; of the types that every packet has, one each is created and updated.
"""

from collections.abc import Iterator

from ..endpoint import Endpoint
from ..errors import EndpointError, UsageError, Waiting
from ..fhir.lossless import UndecodableError
from ..settings import Destination
from . import trial_types
from .trial_steps import Seen, Trial, tried

# What each write strategy relies on, the safest strategy first.
_NEEDS = {
    "conditional": ("search by tag", "conditional create"),
    "put": ("ids of ours",),
    "create": ("search by tag",),
}


def write_test(settings: Destination, way: str) -> Iterator[Seen]:
    """Try what the push relies on. `way`: how writes are going to travel. Cleans up after itself.

    The last line says which `write` to configure. Raises nothing: what fails is a line.
    """
    types = ("Basic", "DocumentReference", *trial_types.TYPES)
    trial = Trial(Endpoint(settings, "destination", types=types), settings)
    seen: dict[str, bool] = {}
    try:
        for one in tried(trial, way):
            seen[one.name] = one.ok
            yield one
    except (EndpointError, Waiting, UndecodableError, KeyError) as error:
        yield Seen("write test", False, f"ended early: {error}")
    yield _cleaned(trial)
    advice = _advice(seen)
    detail = f'write = "{advice}"' if advice else "no write strategy works here"
    fine = all(map(seen.get, _NEEDS[settings.write]))
    yield Seen("advice", fine, f"{detail}; configured: {settings.write}")


def needed(name: str, settings: Destination) -> bool:
    """Whether a delivery as configured can't do without this; the rest is only told."""
    always = (
        "write test",
        "create",
        "search lag",
        "If-Match",
        "elements",
        "packet",
        "notes",
        "cleaned up",
        "advice",
    )
    return name in (*always, *_NEEDS[settings.write])


def refuse_production(settings: Destination, allowed: bool) -> None:
    """`UsageError` where the test would write to a production system that nobody allowed."""
    if settings.environment == "production" and not allowed:
        raise UsageError(
            "--write-test: this destination is in production, and gets no test resources",
            "Test its test environment, or add --in-production.",
        )


def _cleaned(trial: Trial) -> Seen:
    left = 0
    for reference in sorted(trial.made):
        try:
            answer = trial.endpoint.write("DELETE", reference, b"", "write test clean-up")
            left += not answer.ok
        except EndpointError:
            left += 1
    detail = f"{len(trial.made)} test resources written, {left} could not be deleted"
    return Seen("cleaned up", left == 0, detail)


def _advice(seen: dict[str, bool]) -> str:
    """The first strategy whose needs are met, the safest first."""
    return next((name for name, all_of in _NEEDS.items() if all(map(seen.get, all_of))), "")
