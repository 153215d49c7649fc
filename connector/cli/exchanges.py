"""`--verbose`: each exchange on standard error: what is asked, what came, how long it took."""

import logging
from typing import Any

import click


def listen() -> None:
    """Show from now on what `endpoint/` notes of each exchange. It notes no patient data."""
    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    exchanges = logging.getLogger("connector.exchange")
    exchanges.handlers, exchanges.propagate = [told], False
    exchanges.setLevel(logging.DEBUG)


def option(function: Any) -> Any:
    """`-v`, for a click command or group; hands `verbose` on to it."""

    def on(_context: click.Context, _parameter: click.Parameter, wanted: bool) -> bool:
        if wanted:
            listen()
        return wanted

    words = "Tell each exchange: what is asked, which status, how long. No patient data."
    return click.option("-v", "--verbose", is_flag=True, callback=on, help=words)(function)
