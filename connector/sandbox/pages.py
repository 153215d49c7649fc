"""Searchset Bundles, page by page, over a result that stays as it was when it was found."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from ..fhir.lossless import encode
from .outcome import Refusal, Resource, outcome
from .search import Query
from .store import Version

_KEPT = 500  # results; the oldest is forgotten, and its pages answer 410


@dataclass(frozen=True)
class Result:
    """What a search found: each match with what it includes, and the parameters passed over."""

    type: str
    matches: Sequence[tuple[Version, Sequence[Version]]]
    ignored: Sequence[str] = ()


class Pages:
    """The results of searches, by token. Links are HAPI's: `base?_getpages=…&_getpagesoffset=…`.

    `links` is how they are written: on the base, on the base with the type (`typed`), or
    `relative` to the page they stand on. Not `totals`: only a single page states its total.
    """

    def __init__(
        self,
        base: str,
        links: Literal["base", "typed", "relative"],
        expires_after: int | None = None,
        *,
        totals: bool = True,
    ) -> None:
        self._base = base
        self._links = links
        self._totals = totals
        self._left = expires_after  # further pages until all results are forgotten, once
        self._results: OrderedDict[str, Result] = OrderedDict()

    def first(self, result: Result, count: int, self_url: str) -> bytes:
        """The first page of a new result, of `count` matches; of none when `count` is 0."""
        token = str(uuid4())
        if count and len(result.matches) > count:
            self._results[token] = result
            while len(self._results) > _KEPT:
                self._results.popitem(last=False)
        return self._page(token, result, 0, count, self_url)

    def next(self, query: Query, self_url: str) -> bytes:
        """The page that a `next` link asks for. Raises `Refusal` 410 once it is forgotten."""
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._left = None
                self._results.clear()
        asked = dict(query)
        token = asked["_getpages"]
        result = self._results.get(token)
        if result is None:
            raise Refusal(410, "processing", f"Search {token} does not exist or has expired")
        try:
            offset, count = int(asked["_getpagesoffset"]), int(asked["_count"])
        except (KeyError, ValueError):
            raise Refusal(400, "processing", "A page needs its offset and count") from None
        return self._page(token, result, offset, count, self_url)

    def _page(self, token: str, result: Result, offset: int, count: int, self_url: str) -> bytes:
        page = result.matches[offset : offset + count]
        shown = {match.reference for match, _ in page}
        beside = {v.reference: v for _, added in page for v in added if v.reference not in shown}
        entries = [self._entry(match, "match") for match, _ in page]
        entries += [self._entry(version, "include") for version in beside.values()]
        if result.ignored and not offset:
            text = f"Parameters not known and not applied: {', '.join(result.ignored)}"
            notice = {
                "resource": outcome("warning", "not-supported", text),
                "search": {"mode": "outcome"},
            }
            entries.append(encode(notice))
        links = [{"relation": "self", "url": self_url}]
        if count and offset + count < len(result.matches):
            links.append(self._link("next", token, result.type, offset + count, count))
        if offset:
            links.append(self._link("previous", token, result.type, max(0, offset - count), count))
        head: Resource = {
            "resourceType": "Bundle",
            "id": str(uuid4()),
            "type": "searchset",
            "total": len(result.matches),
            "link": links,
        }
        if count and len(result.matches) > count and not self._totals:
            del head["total"]
        # An empty array is not FHIR: a page without entries has no `entry`.
        body = encode(head)
        return body[:-1] + b',"entry":[' + b",".join(entries) + b"]}" if entries else body

    def _entry(self, version: Version, mode: str) -> bytes:
        url = encode(f"{self._base}/{version.reference}")
        # The stored body goes out as it is: no second encoding.
        return b'{"fullUrl":%b,"resource":%b,"search":{"mode":"%b"}}' % (
            url,
            version.body,
            mode.encode(),
        )

    def _link(self, relation: str, token: str, name: str, offset: int, count: int) -> Resource:
        query = f"?_getpages={token}&_getpagesoffset={offset}&_count={count}&_bundletype=searchset"
        start = {"base": self._base, "typed": f"{self._base}/{name}", "relative": ""}[self._links]
        return {"relation": relation, "url": start + query}
