"""A search by POST, or by GET where a server offers nothing else (R4 http.html#search).

By POST identifiers stay out of URLs, and so out of the logs of every server on the way. GET is used
only where the settings say so; a server that refuses the POST, and not the search, is told as such.
"""

from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import urlencode

from ..errors import Answered, EndpointError, Waiting
from .shape import Answer

_NO_POST = (400, 404, 405, 415, 501)  # how servers answer a POST to _search that they don't offer
_UNLIKE = (400, 415)  # may as well be about the parameters
_COUNT = "_summary=count"
_URL_MAX = 1500  # of the values in one URL; some servers and proxies refuse more than 2,000 in all

# (resource type, encoded parameters, words for messages) → a success; raises `EndpointError`.
Ask = Callable[[str, str, str], Answer]


class Searches:
    """The searches at one server. Safe to share between threads."""

    def __init__(self, by: Literal["post", "get"], role: str, post: Ask, get: Ask) -> None:
        self._by = by
        self._role = role
        self._post = post
        self._get = get
        self._by_get: dict[str, bool] = {}  # type → whether it is searched, and by GET alone

    def ask(self, resource_type: str, parameters: Mapping[str, str], what: str) -> Answer:
        """The first page. Raises `EndpointError` or `Waiting`.

        Where POST is not offered, the `Answered` is a 405, whatever the server called it: a 404
        alone would mean that it does not know the type.
        """
        query = urlencode(parameters, safe=",/")
        if self._by == "get":
            return self._get(resource_type, query, what)
        try:
            return self._post(resource_type, query, what)
        except Answered as error:
            if error.status in _NO_POST and self._only_by_get(resource_type, error.status):
                raise Answered(
                    405,
                    f"{error}: the {self._role} does not offer search by POST (search_by)",
                    'Set search_by = "get" for it, if its people agree: identifiers then stand in'
                    " URLs, and so in the logs of every server on the way.",
                ) from None
            raise

    def at_once(self, most: int, length: int) -> int:
        """How many values of about `length` characters fit into one search; `most` by POST."""
        return most if self._by == "post" else min(most, _URL_MAX // length)

    def _only_by_get(self, resource_type: str, status: int) -> bool:
        """After a POST was answered `status`: whether it is the POST that the server refuses.

        Asked by counting the type, which says nothing of anybody.
        """
        if resource_type not in self._by_get:
            by_get = self._status(self._get, resource_type)
            if status in _UNLIKE:
                found = by_get == 200 and self._status(self._post, resource_type) == status
            else:  # a type that the server does not know is not found by GET either
                found = by_get not in (None, 404)
            self._by_get[resource_type] = found
        return self._by_get[resource_type]

    @staticmethod
    def _status(ask: Ask, resource_type: str) -> int | None:
        """The status of a count; None if no answer came that counts."""
        try:
            return ask(resource_type, _COUNT, f"{resource_type} count").status
        except Answered as error:
            return error.status
        except (EndpointError, Waiting):
            return None
