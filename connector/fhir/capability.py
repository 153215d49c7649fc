"""What a server says it can do (FHIR R4 capabilitystatement.html). Said, not proved."""

from dataclasses import dataclass, field
from typing import Any

from ..printable import printable
from .lossless import UndecodableError, decode
from .shapes import dicts, texts


@dataclass(frozen=True, slots=True)
class Capability:
    """The part of a CapabilityStatement the product acts on."""

    fhir_version: str
    software: str
    search: dict[str, frozenset[str]]  # resource type → search parameters; the types it serves
    operations: frozenset[str]  # names of operations on Patient or on the system
    interactions: frozenset[str]  # of the system: transaction, batch, …
    publisher: str = ""
    messages: bool = False  # whether it says that it takes part in messaging
    reliable_cache_min: int = 0  # how long it knows a message that came before; 0: not at all
    update_create: dict[str, bool] = field(default_factory=dict)  # type → what it says of itself
    export: str = ""  # canonical of the OperationDefinition of Patient/$export
    may: dict[str, frozenset[str]] = field(default_factory=dict)  # type → interactions declared
    # type → `Type:parameter` of other types that may lead to it (searchRevInclude)
    refers: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def is_r4(self) -> bool:
        """R4 is 4.0.x; 4.1 and 4.3 are R4B, another release."""
        return self.fhir_version.startswith("4.0")

    def allows(self, resource_type: str, interaction: str) -> bool:
        """Whether it offers to do this to the type; one that declares no interactions may."""
        declared = self.may.get(resource_type)
        return resource_type in self.search and (not declared or interaction in declared)


def parse(body: bytes) -> Capability:
    """Read a CapabilityStatement. Raises `UndecodableError` if it is something else."""
    statement = decode(body)
    if not isinstance(statement, dict) or statement.get("resourceType") != "CapabilityStatement":
        raise UndecodableError("not a CapabilityStatement")
    software = statement.get("software")
    rest = next((r for r in dicts(statement.get("rest")) if r.get("mode") == "server"), {})
    resources = [r for r in dicts(rest.get("resource")) if _is_type(r.get("type"))]
    operations = _names(rest.get("operation")) | {
        name for r in resources if r["type"] == "Patient" for name in _names(r.get("operation"))
    }
    messaging = dicts(statement.get("messaging"))
    exports = [
        _canonical(operation.get("definition"))
        for r in resources
        if r["type"] == "Patient"
        for operation in dicts(r.get("operation"))
        if str(operation.get("name")).lstrip("$") == "export"
    ]
    return Capability(
        fhir_version=_text(statement.get("fhirVersion"), 20),
        software=_text(software.get("name")) if isinstance(software, dict) else "",
        search={r["type"]: frozenset(_names(r.get("searchParam"))) for r in resources},
        operations=frozenset(name.lstrip("$") for name in operations),
        interactions=frozenset(_text(i.get("code")) for i in dicts(rest.get("interaction"))),
        update_create={
            r["type"]: r["updateCreate"]
            for r in resources
            if isinstance(r.get("updateCreate"), bool)
        },
        publisher=_text(statement.get("publisher")),
        messages=bool(messaging) or "process-message" in {n.lstrip("$") for n in operations},
        reliable_cache_min=max(map(_minutes, messaging), default=0),
        export=exports[0] if exports else "",
        may={
            r["type"]: frozenset(str(i.get("code")) for i in dicts(r.get("interaction")))
            for r in resources
        },
        refers={r["type"]: frozenset(texts(r.get("searchRevInclude"))) for r in resources},
    )


_MINUTES_MAX = 366 * 24 * 60


def _minutes(messaging: dict[str, Any]) -> int:
    found = messaging.get("reliableCache")
    if not isinstance(found, int) or isinstance(found, bool):
        return 0
    return min(max(0, found), _MINUTES_MAX)


def _text(value: Any, most: int = 100) -> str:
    return printable(value, most) if isinstance(value, str) else ""


def _is_type(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isalpha()


def _canonical(value: Any) -> str:
    return value.partition("|")[0] if isinstance(value, str) else ""


def _names(value: Any) -> set[str]:
    return {item["name"] for item in dicts(value) if isinstance(item.get("name"), str)}
