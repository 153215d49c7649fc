"""Run every client against every fault and print the table of docs/faults.md."""

import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.faults.clients import CLIENTS, Client, Outcome, run
from benchmarks.faults.server import FAULTS, TOKEN, Fault, Running, serving
from benchmarks.measure import table

# A page asked for so often is asked for for ever: no client means to try that many times.
_ENDLESS = 15
_NONE = FAULTS[0]


def main(chosen: list[str]) -> None:
    clients = [c for c in CLIENTS if c.name in chosen] or list(CLIENTS)
    faults = [f for f in FAULTS if f.name in chosen] or list(FAULTS)
    usual = {client: _met(client, _NONE)[0].said for client in clients}
    rows = [
        [fault.title, *(_cell(client, fault, usual[client]) for client in clients)]
        for fault in faults
    ]
    title = "Records got of those to be had, exit code, and what went wrong"
    table(title, ["fault", *(client.name for client in clients)], rows)


def _met(client: Client, fault: Fault) -> tuple[Outcome, Running]:
    with TemporaryDirectory() as folder, serving(fault) as running:
        return run(client, running.base_url, Path(folder), fault.limit_s), running


def _cell(client: Client, fault: Fault, usual: frozenset[str]) -> str:
    cell = _told(fault, *_met(client, fault), usual)
    print(f"{fault.name}: {client.name}: {cell}", file=sys.stderr, flush=True)
    return cell


def _told(fault: Fault, outcome: Outcome, running: Running, usual: frozenset[str]) -> str:
    """`usual`: what the client says without any fault, which tells nothing about one."""
    parts = [f"{outcome.got}/{fault.records}"]
    if outcome.code is not None:
        parts.append(f"exit {outcome.code}")
    elif max(Counter(running.requests).values(), default=0) > _ENDLESS:
        parts.append(f"**endless** ({len(running.requests)} requests in {fault.limit_s:.0f} s)")
    else:
        parts.append(f"not done in {fault.limit_s:.0f} s")
    if outcome.code == 0 and outcome.got < 1 + 5 + 10 * fault.pages:
        parts.append("told, but exit 0" if outcome.said - usual else "**silent**")
    if any(TOKEN in value for value in running.stranger_saw):
        parts.append("**token sent**")
    return ", ".join(parts)


if __name__ == "__main__":
    main(sys.argv[1:])
