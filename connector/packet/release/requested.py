"""The records that a request names have to travel; and what holds a case, in one."""

from collections.abc import Iterable, Iterator, Mapping

from ...errors import Cause, Held, UsageError
from ...request import Request
from ...store.mapped.packet import Decision


def cause(code: str, decision: Decision) -> Cause:
    """What holds a case, from the decision on a record."""
    by_consent = decision.because.startswith("Consent/")
    return Cause(
        code,
        f"{decision.type}/{decision.id}",
        decision.rule,
        decision.label,
        consent=decision.because if by_consent else "",
        because="" if by_consent else decision.because,
    )


def all_in_one(first: Held, *others: Held) -> Held:
    """The first of several holds, with the causes of all."""
    causes = [cause for held in (first, *others) for cause in held.held_by]
    return Held(first.code, str(first), first.what_to_do, causes)


def named(request: Request) -> frozenset[str]:
    """The records that have to travel because the request names them."""
    return frozenset(key for keys in _fields(request).values() for key in keys)


def _fields(request: Request) -> dict[str, tuple[str, ...]]:
    return {
        "condition": (request.condition,) if request.condition else (),
        "include": request.include,
        "hinge": request.hinge,
        "first_opinion": request.first_opinion,
    }


def must_travel(request: Request, decided: dict[str, Decision], pulled: Iterable[str]) -> None:
    """What the request names has to be in the chart and has to leave; otherwise it is told.

    Raises `UsageError` naming the field and position (never the id).
    """
    known = frozenset(pulled)
    for position, key in enumerate(request.exclude):
        if key not in known:
            raise _not_there("exclude", position)
    for field, keys in _fields(request).items():
        for position, key in enumerate(keys):
            if key not in known:
                raise _not_there(field, position)
            _leaves(field, position, decided[key])


def withheld_though_named(request: Request, decided: Mapping[str, Decision]) -> Iterator[Held]:
    """What holds a case because the request names a record that is withheld."""
    for field, keys in _fields(request).items():
        for position, key in enumerate(keys):
            decision = decided.get(key)
            if decision and decision.outcome == "withheld":
                yield Held(
                    "withheld-named",
                    f"{field}, number {position + 1}: a release rule ({decision.rule}) withholds"
                    " it",
                    "Obtain the patient's authorization for it, or take it out of the request.",
                    [cause("withheld-named", decision)],
                )


def _leaves(field: str, position: int, decision: Decision) -> None:
    if decision.outcome != "selected":
        raise UsageError(
            f"{field}, number {position + 1}: it can't travel ({decision.rule})",
            "Take it out of the request.",
        )


def _not_there(field: str, position: int) -> UsageError:
    return UsageError(
        f"{field}, number {position + 1}: no such record in the patient's chart",
        "Correct the request: Type/id as the source knows it.",
    )
