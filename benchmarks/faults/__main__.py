"""Run every client against every fault and print the table of docs/faults.md."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.faults.clients import CLIENTS, Client, Outcome, run
from benchmarks.faults.server import FAULTS, TOKEN, Fault, Running, serving
from benchmarks.measure import table


def main(chosen: list[str]) -> None:
    clients = [c for c in CLIENTS if c.name in chosen] or list(CLIENTS)
    faults = [f for f in FAULTS if f.name in chosen] or list(FAULTS)
    rows = [[fault.title, *(_cell(client, fault) for client in clients)] for fault in faults]
    table(
        "Records got of those to be had, exit code, and what went wrong",
        ["fault", *(c.name for c in clients)],
        rows,
    )


def _cell(client: Client, fault: Fault) -> str:
    with TemporaryDirectory() as folder, serving(fault) as running:
        outcome = run(client, running.base_url, Path(folder))
        cell = _told(fault, outcome, running)
    print(f"{fault.name}: {client.name}: {cell}", file=sys.stderr, flush=True)
    return cell


def _told(fault: Fault, outcome: Outcome, running: Running) -> str:
    code = "ended by us" if outcome.code is None else f"exit {outcome.code}"
    parts = [f"{outcome.got}/{fault.records}, {code}"]
    if outcome.code is None:
        parts.append(f"**endless** ({len(running.requests)} requests)")
    if outcome.code == 0 and outcome.got < 1 + 5 + 10 * fault.pages:
        parts.append("told, but exit 0" if outcome.told else "**silent**")
    if any(TOKEN in value for value in running.stranger_saw):
        parts.append("**token sent**")
    return "; ".join(parts)


if __name__ == "__main__":
    main(sys.argv[1:])
