"""What a particular server does differently from the plain sandbox."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from connector.fhir.lossless import encode
from connector.sandbox import Behaviour
from connector.sandbox.exchange import Response
from connector.sandbox.outcome import Refusal, Resource, outcome

from .bulk import BulkQuirks


@dataclass(frozen=True)
class Quirks(Behaviour):
    """The differences from a plain HAPI FHIR server; the defaults are the plain server.

    `types` are the resource types declared (None: all the sandbox knows); a request for another is
    answered 404. A search of a type without a parameter it `demands` (`Observation.category`) is
    answered 400, as is one with a value it `refuses` (`category=therapy`). After `expires_after`
    further pages all results are forgotten, once: what was being read answers 410.
    `drop_elements` names top-level elements (`note`, or `Condition.note`) a write
    loses without a word. `reject` is a regular expression: a resource whose JSON it finds is
    refused with 422. `readable` are the types that may be read or searched for (None: all); for
    others the answer is 403. `match` is what `Patient/$match` answers whoever is asked about: the
    id of a Patient → its grade (empty: ungraded), as far as stored; None: no such operation.
    `messages`: the operation `$process-message` is there, and knows a message that came before for
    so many minutes (0: not at all; None: no such operation). The first messages are answered with
    `message_codes` in turn, all others with ok; without `message_answers`, with 202 and nothing.
    A search by POST is answered `post_search`, unless that is 200. A search without matches is
    answered with an empty Bundle, 404, or an OperationOutcome that warns (`nothing_found`).
    Limits: `page_max` matches a page (`count_max`: a `_count` above it is answered 400),
    `entry_limit` entries a bundle, `body_limit` bytes a request (413 beyond either).
    """

    demands: frozenset[str] = frozenset()
    modifiers: bool = True  # False: `:not` is refused
    ignores: frozenset[str] = frozenset()  # parameters declared, and passed over without a word
    refuses: frozenset[str] = frozenset()
    count_max: int | None = None
    post_search: int = 200
    nothing_found: Literal["bundle", "404", "warning"] = "bundle"
    round_decimals: bool = False  # 1.50 is stored as 1.5
    change_digit: bool = False  # 1.50 is stored as 1.51
    drop_elements: frozenset[str] = frozenset()
    scale_max: int | None = None  # a number with more decimals is refused
    reject: str | None = None
    readable: frozenset[str] | None = None
    messages: int | None = None
    message_codes: tuple[str, ...] = ()
    message_answers: bool = True
    bulk: BulkQuirks | None = None  # None: no exports
    match: Mapping[str, str] | None = None
    match_tells_all: bool = False  # `onlyCertainMatches` is passed over without a word

    def heeded(self, query: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        return [(parameter, value) for parameter, value in query if parameter not in self.ignores]

    def may_read(self, name: str) -> None:
        if self.readable is not None and name not in self.readable:
            raise Refusal(403, "forbidden", f"No {name} may be read")

    def none_found(self) -> Response | None:
        if self.nothing_found == "404":
            raise Refusal(404, "not-found", "Nothing was found")
        if self.nothing_found == "warning":
            return Response(200, encode(outcome("warning", "processing", "Nothing was found")))
        return None

    def stored(self, resource: Resource) -> Resource:
        if self.reject is not None and re.search(self.reject, encode(resource).decode()):
            raise Refusal(422, "processing", "The resource breaks a rule of this server")
        if self.scale_max is not None and _scale(resource) > self.scale_max:
            raise Refusal(422, "value", f"A decimal has more than {self.scale_max} decimals")
        name = resource["resourceType"]
        kept = {
            element: value
            for element, value in resource.items()
            if not self.drop_elements & {element, f"{name}.{element}"}
        }
        return _decimals(self, kept) if self.round_decimals or self.change_digit else kept

    def check(self, method: str, name: str, query: Sequence[tuple[str, str]]) -> None:
        if method == "POST" and self.post_search != 200:
            raise Refusal(self.post_search, "not-supported", "No search by POST")
        given = {parameter for parameter, _ in query}
        count = dict(query).get("_count", "0")
        if self.count_max is not None and int(count) > self.count_max:
            raise Refusal(400, "invalid", f"_count is more than {self.count_max}")
        if not self.modifiers and any(parameter.endswith(":not") for parameter in given):
            raise Refusal(400, "not-supported", "Modifiers are not supported")
        bare = {parameter.partition(":")[0] for parameter in given}
        for demand in sorted(self.demands):
            resource_type, _, parameter = demand.partition(".")
            if name == resource_type and parameter not in bare:
                raise Refusal(400, "required", f"A search of {name} needs {parameter}")
        for parameter, value in query:
            if f"{parameter}={value}" in self.refuses:
                raise Refusal(400, "processing", f"{parameter} has a value that is not supported")


def _scale(value: Any) -> int:
    """The most decimals of any number in `value`."""
    if isinstance(value, dict):
        return max(map(_scale, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_scale, value), default=0)
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    return -exponent if isinstance(exponent, int) else 0


def _decimals(quirks: Quirks, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _decimals(quirks, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_decimals(quirks, item) for item in value]
    if not isinstance(value, Decimal):
        return value
    if quirks.change_digit:
        value += Decimal(f"1E{value.as_tuple().exponent}")
    # Formatting keeps normalize() from turning 100.0 into 1E+2.
    return Decimal(f"{value.normalize():f}") if quirks.round_decimals else value
