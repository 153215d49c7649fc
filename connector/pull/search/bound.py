"""Whether a search's answer is about the patient that was asked for. Pure.

A server may pass over a parameter that it doesn't know, and send everybody's records
(search.html#errors: the default). It has to say so: the `self` link of the answer holds what it
honoured (search.html#conformance). A record that says nothing about its patient is bound to ours
by that alone.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from ...fhir.references import literal, same_base

_WHOM = ("patient", "subject", "actor", "beneficiary", "individual")


def honoured(asked: str, self_url: str | None) -> bool | None:
    """Whether the answer to the search `asked` is limited to what it asks for.

    None: the server does not say. Of an operation on the patient the path says it all.
    """
    path, _, query = asked.partition("?")
    if "$" in path:
        return True
    wanted = {_value(v) for name, v in parse_qsl(query) if name in _WHOM}
    given = None if self_url is None else _given(self_url)
    return None if given is None else not wanted or wanted == given


def of_another(asked: str, self_url: str | None) -> bool:
    """Whether a further page of the search `asked` says that it is of somebody else.

    Most name nobody: their address is the server's own affair.
    """
    wanted = {_value(v) for name, v in parse_qsl(asked.partition("?")[2]) if name in _WHOM}
    given = _given(self_url) if self_url and wanted else None
    return bool(given) and given != wanted


def _given(self_url: str) -> set[str] | None:
    """Whom a self link names; None if it is none that says what was honoured."""
    try:
        parts = urlsplit(self_url.replace("&amp;", "&"))
        if not parts.query and parts.path.endswith("/_search"):
            return None  # the parameters of a search by POST stood in its body
        said = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return None
    return {_value(v) for name, v in said if _plain(name) in _WHOM}


def by_another(url: str, candidates: Iterable[str], declared: Iterable[str]) -> str | None:
    """The same search by the next parameter that finds a patient's records of this type."""
    names = [name for name in candidates if name in set(declared)]
    kind, _, query = url.partition("?")
    for at, name in enumerate(names[:-1]):
        start = f"{name}="
        if query.startswith(start):
            value, _, rest = query.removeprefix(start).partition("&")
            whom = unquote(value).removeprefix("Patient/")
            more = names[at + 1]
            whole = whom if more == "patient" else f"Patient/{whom}"
            return f"{kind}?{more}={whole}" + (f"&{rest}" if rest else "")
    return None


def base_of_own(found: Mapping[str, str], base_url: str) -> str | None:
    """The other address by which a server names its own records, if all of a page show one.

    `found`: the fullUrl of each entry → `Type/id` of the record in it.
    """
    bases = set()
    for full_url, key in found.items():
        parts = literal(full_url)
        if parts is not None and parts.base and f"{parts.type}/{parts.id}" == key:
            bases.add(parts.base)
    others = {base for base in bases if not same_base(base, base_url)}
    return others.pop() if len(bases) == len(others) == 1 else None


def _plain(name: str) -> str:
    """A parameter without its modifier: `patient:Patient`."""
    return name.partition(":")[0]


def _value(value: str) -> str:
    """What a reference parameter means, as an id alone or as a reference; a list in any order."""
    return ",".join(sorted(part.rsplit("/", 1)[-1] for part in value.split(",")))
