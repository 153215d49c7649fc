"""A page followed as a reader follows it: its own servers, files and commands, on a terminal."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.docs.pages import Block, steps
from tests.support import CHARTS

_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_VARYING = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]+\b")  # numbers, dates, case names, hashes


def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a reader whose `connector` is the one under test."""
    program = tmp_path / "bin" / "connector"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m connector "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "CHARTS": str(CHARTS / "mix")}


def follow(page: str, tmp_path: Path) -> None:
    """Do what a page of docs/ says, from its servers on, and compare what is shown."""
    servers, *rest = steps(page)
    assert servers.mark == "servers"
    folder = tmp_path / "folder"
    folder.mkdir()
    reader = environment(tmp_path)
    with ExitStack() as stack:
        urls = dict(stack.enter_context(_served(command, reader)) for command in servers.commands)
        _follow(rest, urls, folder, reader)


def _follow(rest: list[Block], urls: dict[str, str], folder: Path, reader: dict[str, str]) -> None:
    """Every step, with `urls` in place of those the page writes."""
    approved = ""
    for step in rest:
        if file := step.file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(step.text)
            continue
        (command,) = step.commands
        code, lines = _run(_placed(_HASH.sub(approved, command), urls), folder, reader)
        assert step.mark == f"exit {code}", "\n".join([command, *lines])
        assert list(map(_shape, lines[:1])) == list(map(_shape, step.output[:1])), command
        approved = next((found for line in lines for found in _HASH.findall(line)), approved)
        if (configuration := folder / "connector.toml").exists():
            configuration.write_text(_placed(configuration.read_text(), urls))


@contextmanager
def _served(command: str, reader: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The server of one command, on a free port: the page's URL of it, and the real one."""
    port = re.search(r"--port (\d+)", command)
    assert port is not None
    free = command.replace(port[0], "--port 0")
    with subprocess.Popen(
        ["sh", "-c", f"exec {free}"], stdout=subprocess.PIPE, text=True, env=reader
    ) as server:
        try:
            assert server.stdout is not None
            url = re.search(r"http://\S+", server.stdout.readline())
            assert url is not None, f"did not start: {command}"
            yield f"http://127.0.0.1:{port[1]}/fhir", url[0]
        finally:
            server.terminate()


def _run(command: str, folder: Path, reader: dict[str, str]) -> tuple[int, list[str]]:
    """Exit code, and what a person sees: standard output is a terminal."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["sh", "-c", command], stdout=theirs, stderr=subprocess.PIPE, cwd=folder, env=reader
    ) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: _chunk(ours), b""))
        os.close(ours)
        assert process.stderr is not None
        told = process.stderr.read()
    return process.returncode, (shown + told).decode().splitlines()


def _chunk(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody writes to it any more
        return b""


def _placed(text: str, urls: dict[str, str]) -> str:
    for written, real in urls.items():
        text = text.replace(written, real)
    return text


def _shape(line: str) -> str:
    """What of a line stays: the chart grows older, so more is listed as missing (after `;`)."""
    return _VARYING.sub("#", line.partition(";")[0])
