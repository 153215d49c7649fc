"""What is fuzzed: each target draws changes and runs commands in an arena."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from connector.sandbox.exchange import Request, Response
from tests.fuzz import r4
from tests.fuzz.arena import Arena, arena, chart, json_changed
from tests.sandbox_parts import Client, Protection

Draw = Callable[[st.SearchStrategy[Any]], Any]
NUMBER = st.integers(0, 1 << 16)
EXPORTS = ("document", "message", "transaction", "files")


def _altered(value: Any, draw: Draw, times: int) -> Any:
    """`value` with junk, nothing or something doubled at some places."""
    for _ in range(times):
        paths = list(r4.places(value))
        if not paths:
            return value
        path = paths[draw(NUMBER) % len(paths)]
        how = draw(st.integers(0, 9))
        if how == 0:
            _remove(value, path)
        elif how == 1:
            r4.put(value, path, [_at(value, path)])
        elif how == 2:
            r4.put(value, path, {"value": _at(value, path)})
        else:
            r4.put(value, path, draw(st.sampled_from(r4.JUNK)))
    return value


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _remove(value: Any, path: tuple[str | int, ...]) -> None:
    del _at(value, path[:-1])[path[-1]]


def records(draw: Draw) -> None:
    """Elements of the chart's records: pulled, mapped, shown, exported, sent, read back."""
    with arena() as place:
        whole = chart(draw(st.integers(3, 12)), draw(NUMBER))
        for record in whole:
            place.source.put(record)
        bad = {
            (record["resourceType"], record["id"]): _altered(record, draw, draw(st.integers(1, 6)))
            for record in json.loads(json.dumps(whole))
            if record["resourceType"] != "Patient" or draw(st.booleans())
        }

        def swapped(value: Any) -> Any:
            if isinstance(value, dict) and value.get("resourceType") == "Bundle":
                for entry in value.get("entry", ()):
                    key = (entry["resource"]["resourceType"], entry["resource"].get("id"))
                    entry["resource"] = bad.get(key, entry["resource"])
                return value
            key = (value.get("resourceType"), value.get("id"))
            return bad.get(key, value)

        place.source.change = lambda request, response: (
            response if request.path == ["metadata"] else json_changed(response, swapped)
        )
        _whole_way(place, draw)


def _whole_way(place: Arena, draw: Draw) -> None:
    whole = draw(st.booleans())
    request = str(place.site.request(scope="whole-chart" if whole else None))
    place.run("transfer", request, "--dry-run")
    place.run("show", request, "--json")
    for kind in EXPORTS:
        place.run("export", request, "--as", kind, "--output", f"out-{kind}")
    place.run("mappings", "explain", request)
    code, _ = place.run("transfer", request)
    if code in (0, 3):
        place.run("verify", request)
    place.run("status")
    place.check_store()


def pages(draw: Draw) -> None:
    """Elements of a source's answers, its CapabilityStatement among them."""
    with arena() as place:
        for record in chart(6, draw(NUMBER)):
            place.source.put(record)
        _alter_answers(place.source, draw)
        place.run("doctor", "--json")
        _whole_way(place, draw)


def _alter_answers(server: Any, draw: Draw) -> None:
    """Some answers of a server altered, by turn. Drawn first: requests come side by side."""
    turn, every = draw(st.integers(0, 12)), draw(st.sampled_from([1, 1, 2, 3, 50]))
    plan = draw(st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=4))
    seen = [0]

    def change(request: Request, response: Response) -> Response:
        seen[0] += 1
        if seen[0] < turn or seen[0] % every:
            return response

        def altered(value: Any) -> Any:
            for where, what in plan:
                paths = list(r4.places(value))
                if paths:
                    r4.put(value, paths[where % len(paths)], r4.JUNK[what % len(r4.JUNK)])
            return value

        return json_changed(response, altered)

    server.change = change


def destination(draw: Draw) -> None:
    """Elements of a destination's answers: searches, writes, reads."""
    with arena() as place:
        for record in chart(4, draw(NUMBER)):
            place.source.put(record)
        way = draw(st.sampled_from(["auto", "batch", "single"]))
        write = draw(st.sampled_from(["conditional", "put", "create"]))
        place.site.configure(destination=f'attempts = 2\nway = "{way}"\nwrite = "{write}"')
        request = str(place.site.request())
        place.run("map", request)
        _alter_answers(place.destination, draw)
        place.run("doctor", "--json")
        place.run("transfer", request)
        place.run("transfer", request)
        place.destination.change = None
        code, _ = place.run("transfer", request)
        place.run("show", request)
        place.run("verify", request)
        place.run("cancel", request) if code in (0, 3) else None
        place.check_store()


_LINES = (
    b"Content-Encoding: gzip\r\n", b"Content-Encoding: " + b"gzip," * 9000 + b"gzip\r\n",
    b"Content-Encoding: br, zstd, x\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Length: -5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Type: \xff\xfe\r\n", b"Retry-After: 1e9\r\n",
    b"Retry-After: 1795000000\r\n", b"Retry-After: -1\r\n", b"Retry-After: Fri, 99 Foo\r\n",
    b"Location: http://[\r\n", b"Location: Patient/../../x\r\n",
    b"ETag: W/\r\n", b"Last-Modified: x\r\n",
    b"X: \x00\x1b[2J\r\n", b": \r\n", b"A" * 70_000 + b": x\r\n", b"Date: \xe2\x80\xae\r\n",
)  # fmt: skip
_STATUS = [b"200", b"206", b"204", b"100", b"302", b"000", b"999", b"-1", b"2"]
_BODIES = (
    b"", b"-5\r\nabc\r\n0\r\n\r\n", b"zz\r\n", b"5;x=\x00\r\nabcde\r\n0\r\n\r\n",
    b"\x1f\x8b\x08", b"\xff\xfe{\x00",
    b"\xef\xbb\xbf{}", b"null", b"7", b'"x"', b"[]", b"{}", b"[" * 100_000, b'{"a":' * 100_000,
    b'{"resourceType":"Bundle","resourceType":"Patient"}', b"<html>login</html>", b"\x00" * 50,
    gzip.compress(b"0" * (1 << 24)),
)  # fmt: skip


def wire(draw: Draw) -> None:
    """Bytes of answers, status line to body, of both ends."""
    with arena() as place:
        for record in chart(3, draw(NUMBER)):
            place.source.put(record)
        server = place.source if draw(st.booleans()) else place.destination
        turn, every = draw(st.integers(0, 10)), draw(st.sampled_from([1, 2, 5, 99]))
        line, body = draw(st.sampled_from(_LINES)), draw(st.none() | st.sampled_from(_BODIES))
        status = draw(st.none() | st.sampled_from(_STATUS))
        cut = draw(st.none() | NUMBER)
        seen = [0]

        def change(answer: bytes) -> bytes:
            seen[0] += 1
            if seen[0] < turn or seen[0] % every:
                return answer
            head, _, rest = answer.partition(b"\r\n\r\n")
            if status is not None:
                head = head.replace(b" 200 ", b" " + status + b" ", 1)
            made: bytes = head + b"\r\n" + line + b"\r\n" + (rest if body is None else body)
            return made if cut is None else made[: cut % (len(made) + 1)]

        server.wire = change
        place.run("doctor", "--json")
        request = str(place.site.request())
        place.run("transfer", request)
        place.run("show", request, "--json")
        place.check_store()


def token(draw: Draw) -> None:
    """What a token endpoint answers."""
    protection = Protection([Client("app", None, "s" * 40)])
    with arena(source={"protection": protection}) as place:
        for record in chart(2, draw(NUMBER)):
            place.source.put(record)
        (place.folder / "secret").write_text("s" * 40)
        (place.folder / "secret").chmod(0o600)
        place.site.configure(
            source='auth = { type = "client-secret", client_id = "app", client_secret = '
            f'{{ file = "secret" }}, token_url = "{place.source.token_url}" }}\nattempts = 2'
        )
        junk = draw(st.sampled_from(r4.JUNK))
        name = draw(st.sampled_from(["access_token", "expires_in", "token_type", "scope", "error"]))
        status = draw(st.sampled_from([200, 200, 200, 400, 401, 500]))
        within = draw(st.integers(0, 2)) > 0

        def change(request: Request, response: Response) -> Response:
            if request.path != ["token"]:
                return response
            made = json_changed(response, lambda v: {**v, name: junk} if within else junk)
            return replace(made, status=status)

        place.source.change = change
        place.run("doctor")
        request = str(place.site.request())
        place.run("pull", request)
        asked = sum(1 for r in place.source.requests if r.path.endswith("token"))
        assert asked < 40, f"{asked} tokens asked for"
        place.check_store()


_KINDS = ["collection", "searchset", "history", "batch-response", "x"]
_NAMES = ["b.json", "b.ndjson", "b", "b.txt", "b.json.gz", "x/error/b.ndjson"]
_PIECES = [b"", b"\x00", b'"', b"}", b"[" * 5000, b"\xff", b"\\u0000"]


def files(draw: Draw) -> None:
    """A chart in files: altered records in odd wrappings, bytes turned about."""
    with arena() as place:
        made = chart(draw(st.integers(2, 6)), draw(NUMBER))
        made[1:] = [_altered(record, draw, draw(st.integers(0, 3))) for record in made[1:]]
        folder = place.folder / "records"
        folder.mkdir()
        how = draw(st.integers(0, 7))
        if how == 0:
            data = b"\n".join(r4.text(record) for record in made)
        elif how == 1:
            data = r4.text(made)
        elif how == 2:
            data = r4.text(
                {"resourceType": "Parameters", "parameter": [{"resource": r} for r in made]}
            )
        elif how == 3:
            data = r4.text({"providers": [{"fhir": {"x": made}}]})
        else:
            kind = draw(
                st.sampled_from(["collection", "searchset", "history", "batch-response", "x"])
            )
            bundle = {
                "resourceType": "Bundle",
                "type": kind,
                "entry": [{"resource": r} for r in made],
            }
            data = r4.text(_altered(bundle, draw, draw(st.integers(0, 2))))
        for _ in range(draw(st.integers(0, 2))):
            where = draw(NUMBER) % (len(data) + 1)
            piece = draw(
                st.sampled_from([b"", b"\x00", b'"', b"}", b"[" * 5000, b"\xff", b"\\u0000"])
            )
            data = data[:where] + piece + data[where + draw(st.integers(0, 40)) :]
        if draw(st.integers(0, 9)) == 0:
            data = data.decode("utf-8", "replace").encode("utf-16")
        name = draw(
            st.sampled_from(["b.json", "b.ndjson", "b", "b.txt", "b.json.gz", "x/error/b.ndjson"])
        )
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith("gz") and how % 2 else data)
        if draw(st.booleans()):
            (folder / "Patient.ndjson").write_bytes(r4.text(made[0]) + b"\n")
        place.site.source_url = ""
        place.site.configure(source=f'files = "{folder}"')
        _whole_way(place, draw)


_TEXT = st.text(max_size=40) | st.sampled_from(
    [
        "\x0b",
        "\u202e",
        "[" * 50_000,
        "{" * 50_000,
        "&a [*a]",
        "!!python/object:x",
        "1e999999",
        "\ud7ff",
        "---\n---",
    ]
)


def requests(draw: Draw) -> None:
    """The request file and connector.toml."""
    with arena() as place:
        place.source.put(r4.patient())
        path = place.site.request(
            meeting={"at": "2098-12-01T10:00:00+01:00", "mode": "online"},
            requester={"name": "Dr. Test", "organization": "Home", "phone": "+1 555 0100"},
        )
        if draw(st.booleans()):
            value = json.loads(path.read_text())
            path.write_bytes(r4.text(_altered(value, draw, draw(st.integers(1, 3)))))
        else:
            _turn_about(path, draw)
        if draw(st.integers(0, 3)) == 0:
            _turn_about(place.folder / "connector.toml", draw)
        for verb in (["map"], ["show"], ["waive", "--list"], ["transfer"]):
            place.run(verb[0], str(path), *verb[1:])
        folder = place.folder / "requests"
        folder.mkdir()
        (folder / "a.yaml").write_bytes(path.read_bytes())
        place.run("sync", str(folder))
        place.run("status", "--json")
        place.check_store()


def _turn_about(path: Path, draw: Draw) -> None:
    data = path.read_bytes()
    for _ in range(draw(st.integers(1, 3))):
        where = draw(NUMBER) % (len(data) + 1)
        piece = draw(_TEXT).encode("utf-8", "replace")
        data = data[:where] + piece + data[where + draw(st.integers(0, 30)) :]
    path.write_bytes(draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00"])) + data)


TARGETS: dict[str, Callable[[Draw], None]] = {
    target.__name__: target
    for target in (records, pages, destination, wire, token, files, requests)
}
