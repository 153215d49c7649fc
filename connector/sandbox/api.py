"""The FHIR REST interface: from a request to its answer. No sockets, no faults."""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from threading import RLock
from urllib.parse import parse_qsl

from ..fhir.lossless import UndecodableError, decode, encode
from . import bundles
from .behaviour import Behaviour, Extension
from .bodies import asks_for_fhir, form_of, raw, resource_of
from .capability import capability_statement
from .everything import everything
from .exchange import Request, Response
from .outcome import Refusal, outcome
from .pages import Pages, Result
from .search import Query, included, search, updated
from .store import Store, Version
from .transaction import Change, apply, declared, types


class Api:
    """Answers requests against one store, one at a time: `lock` is held for each."""

    def __init__(
        self,
        store: Store,
        behaviour: Behaviour,
        extension: Extension,
        base: str,
        page_size: int,
        bearer_token: str | None,
    ) -> None:
        self.lock = RLock()
        self._store = store
        self._behaviour = behaviour
        self._base = base
        self._page_size = page_size
        self._bearer_token = bearer_token
        self._extension = extension
        self._pages = Pages(
            base, behaviour.page_links, behaviour.expires_after, totals=behaviour.page_totals
        )
        self._started = datetime.now(UTC)

    def answer(self, request: Request) -> Response:
        """The answer; a refusal and a body that is not JSON become OperationOutcomes."""
        try:
            self._extension.enter(request)
            with self.lock:
                return self._route(request) if self._authorized(request) else _unauthorized()
        except Refusal as refusal:
            return refused(refusal)
        except UndecodableError:
            return refused(Refusal(400, "structure", "The body is not JSON"))

    def _authorized(self, request: Request) -> bool:
        if self._bearer_token is None or request.path == ["metadata"]:
            return True
        return request.headers.get("authorization") == f"Bearer {self._bearer_token}"

    def _route(self, request: Request) -> Response:
        if request.path == ["metadata"] and request.method == "GET":
            statement = capability_statement(self._base, self._behaviour, self._started)
            self._extension.declare(statement)
            return Response(200, encode(statement))
        if (found := self._extension.answer(request)) is not None:
            return found
        if request.method == "GET" and "_getpages" in dict(request.query):
            return Response(200, self._pages.next(request.query, request.url))
        match request.method, *request.path:
            case ("POST",):
                return self._bundle(request)
            case "GET", name:
                return self._search(request, name, request.query)
            case "POST", name, "_search":
                return self._search(request, name, form_of(request))
            case "GET", "Patient", id_, "$everything" if self._behaviour.everything:
                return self._everything(request, id_)
            case "GET", name, id_ if not id_.startswith(("$", "_")):
                return self._read(request, f"{name}/{id_}", None)
            case "GET", name, id_, "_history":
                return self._history(f"{name}/{id_}")
            case "GET", name, id_, "_history", number:
                return self._read(request, f"{name}/{id_}", number)
            case "POST", name if not name.startswith("$"):
                return self._write(request, name)
            case "PUT", name:
                return self._write(request, f"{name}?{request.url.partition('?')[2]}")
            case (("PUT" | "DELETE"), name, id_):
                return self._write(request, f"{name}/{id_}")
        text = f"This server does not know how to handle {request.method} {request.url}"
        raise Refusal(400, "not-supported", text)

    def _read(self, request: Request, reference: str, number: str | None) -> Response:
        declared(self._behaviour, reference.partition("/")[0])
        self._behaviour.may_read(reference.partition("/")[0])
        latest = self._store.latest(reference)
        found = self._store.version(reference, number) if number else latest
        if found is None:
            raise Refusal(404, "not-found", f"Resource {reference} is not known")
        if found.deleted and self._behaviour.gone_status == 404:
            raise Refusal(404, "not-found", f"Resource {reference} is not known")
        if found.deleted:
            raise Refusal(410, "deleted", f"Resource was deleted at {found.last_updated}")
        if found.type == "Binary" and not asks_for_fhir(request):
            return raw(found)
        return Response(200, found.body, self._headers(found))

    def _history(self, reference: str) -> Response:
        """All versions on one page, the latest first; a deletion has no resource."""
        declared(self._behaviour, reference.partition("/")[0])
        versions = self._store.history(reference)
        if not versions:
            raise Refusal(404, "not-found", f"Resource {reference} is not known")
        entries = [
            {"request": {"method": "DELETE", "url": reference}}
            if version.deleted
            else {
                "resource": decode(version.body),
                "request": {"method": "PUT", "url": reference},
            }
            for version in versions
        ]
        bundle = {"resourceType": "Bundle", "type": "history", "entry": entries}
        return Response(200, encode(bundle))

    def _search(self, request: Request, name: str, query: Query) -> Response:
        declared(self._behaviour, name)
        self._behaviour.may_read(name)
        self._behaviour.check(request.method, name, query)
        found = search(self._store, name, self._behaviour.heeded(query))
        strict = "handling=strict" in request.headers.get("prefer", "")
        if found.ignored and (strict or self._behaviour.unknown_parameter == "refuse"):
            text = f"Unknown search parameter {found.ignored[0]} for {name}"
            raise Refusal(400, "processing", text)
        if not found.matches and (said := self._behaviour.none_found()):
            return said
        served = self._shown(request)
        matches = [
            (match, [v for v in included(self._store, match, query) if v.type in served])
            for match in found.matches
        ]
        return self._first_page(request, Result(name, matches, found.ignored), query)

    def _everything(self, request: Request, id_: str) -> Response:
        patient = self._store.alive(f"Patient/{id_}")
        if patient is None:
            raise Refusal(404, "not-found", f"Resource Patient/{id_} is not known")
        asked = [
            name for key, value in request.query if key == "_type" for name in value.split(",")
        ]
        since = dict(self._behaviour.heeded(request.query)).get("_since")
        found = everything(self._store, patient, self._shown(request), asked)
        if since is not None:
            found = [version for version in found if updated(version, f"ge{since}")]
        result = Result("Patient", [(version, ()) for version in found])
        return self._first_page(request, result, request.query)

    def _shown(self, request: Request) -> list[str]:
        """The types that are served, as far as the token reaches."""
        return [n for n in types(self._behaviour) if self._extension.shows(request, n)]

    def _first_page(self, request: Request, result: Result, query: Query) -> Response:
        asked = dict(query)
        try:
            count = int(asked.get("_count", self._page_size))
        except ValueError:
            raise Refusal(400, "processing", "_count is not a number") from None
        if asked.get("_summary") == "count":
            count = 0
        count = max(0, min(count, self._behaviour.page_max))
        return Response(200, self._pages.first(result, count, request.url))

    def _write(self, request: Request, url: str) -> Response:
        change = Change(
            method=request.method,
            url=url,
            resource=None if request.method == "DELETE" else resource_of(request),
            if_match=request.headers.get("if-match"),
            if_none_exist=request.headers.get("if-none-exist"),
        )
        [applied] = apply(self._store, self._behaviour, [change])
        if request.method == "DELETE":
            said = "Deleted" if applied.version else "Not deleted: there is no such resource"
            return Response(200, encode(outcome("information", "informational", said)))
        assert applied.version is not None  # only a deletion may leave none
        headers = self._headers(applied.version)
        if request.method == "POST":
            headers["Location"] = headers["Content-Location"]
        minimal = "return=minimal" in request.headers.get("prefer", "")
        return Response(applied.status, b"" if minimal else applied.version.body, headers)

    def _bundle(self, request: Request) -> Response:
        bundle = resource_of(request)
        if bundle["resourceType"] != "Bundle":
            raise Refusal(400, "processing", "Only a Bundle can be posted to the base")
        get = partial(self._get, request.headers.get("authorization", ""))
        response = bundles.process(self._store, self._behaviour, bundle, get)
        return Response(200, encode(response))

    def _get(self, authorization: str, url: str) -> bytes:
        """The body that answers a GET inside a Bundle. Raises `Refusal`."""
        path, _, query = url.partition("?")
        headers = {"accept": "application/fhir+json", "authorization": authorization}
        inner = Request("GET", f"{self._base}/{url}", path.split("/"), parse_qsl(query), headers)
        return self._route(inner).body

    def _headers(self, version: Version) -> dict[str, str]:
        return {
            "ETag": f'W/"{version.number}"',
            "Last-Modified": format_datetime(version.updated, usegmt=True),
            "Content-Location": f"{self._base}/{version.location}",
        }


def refused(refusal: Refusal) -> Response:
    """The answer to a request that is not carried out."""
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    return Response(refusal.status, encode(refusal.outcome()), headers)


def _unauthorized() -> Response:
    return refused(Refusal(401, "login", "A valid access token is needed"))
