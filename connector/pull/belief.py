"""Whether a search's answer is about the patient that was asked for. Pure.

A server may pass over a parameter that it doesn't know, and send everybody's records
(search.html#errors: the default). It has to say so: the `self` link of the answer holds what it
honoured (search.html#conformance). A record that says nothing about its patient is bound to ours
by that alone.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from ..fhir.references import literal, same_base

_WHOM = ("patient", "subject", "actor", "beneficiary", "individual")


def honoured(asked: str, self_url: str | None) -> bool | None:
    """Whether the answer to the search `asked` is limited to what it asks for.

    None: the server does not say. Of an operation on the patient the path says it all.
    """
    path, _, query = asked.partition("?")
    if "$" in path:
        return True
    if self_url is None:
        return None
    try:
        said = parse_qsl(urlsplit(self_url).query, keep_blank_values=True)
    except ValueError:
        return None
    wanted = {_value(v) for name, v in parse_qsl(query) if name in _WHOM}
    given = {_value(v) for name, v in said if _plain(name) in _WHOM}
    return not wanted or wanted == given


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
