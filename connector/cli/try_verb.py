"""`connector try SOURCE_URL DESTINATION_URL`."""

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from .. import transfer, yamlfile
from ..config import Config
from ..fhir.ids import case_handle
from ..job import case_folder, prepare
from ..request import Request
from ..store.case.casefile import CaseFile
from . import common

QUESTIONS = ("diagnosis", "treatment", "prognosis")


@click.command("try")
@click.argument("source_url")
@click.argument("destination_url")
@click.option("--patient", required=True, help="The patient's id at the source.")
@click.option("--key-question", type=click.Choice(QUESTIONS), required=True)
@click.option("--question", required=True, help="The question in the patient's words.")
@click.option("--scope", type=click.Choice(("checklist", "whole-chart")), default="checklist")
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("connector-try"),
    help="Where the case is kept (default: connector-try).",
)
@common.json_option
def command(
    source_url: str,
    destination_url: str,
    patient: str,
    key_question: str,
    question: str,
    scope: str,
    store: Path,
    as_json: bool,
) -> int:
    """Carry one synthetic patient between two TEST servers, with no file written first.

    Everything written is labelled as test data (HTEST). The patient is created at the destination
    if nobody there matches. The same command again goes on with the same case.

    \b
    Example (two HAPI servers on this machine):
      connector try http://127.0.0.1:8080/fhir http://127.0.0.1:8081/fhir \\
        --patient 7c1d… --key-question treatment --question "Operate, or wait?"
    """
    config = _config(source_url, destination_url, store)
    request_id = "try-" + hashlib.sha256("\0".join(
        (source_url, destination_url, patient, key_question, question, scope)
    ).encode()).hexdigest()[:12]  # fmt: skip
    values = {
        "request_id": request_id,
        "patient": {"id": patient},
        "key_question": key_question,
        "question": question,
        "needed_by": _needed_by(config, request_id),
        "scope": scope,
        "source": "source",
        "destination": "destination",
    }
    request = yamlfile.load(Request, values, {}, "arguments")
    job = prepare(config, request, common.mappings_of(config), common.progress())
    return common.tell(transfer.advance(job), as_json)


def _config(source_url: str, destination_url: str, store: Path) -> Config:
    """Two test ends. Their ids come from their addresses, so that a second try knows the first."""

    def end(url: str) -> dict[str, object]:
        known = str(uuid.uuid5(uuid.NAMESPACE_URL, url))
        return {"id": known, "base_url": url, "environment": "test", "allow_plain_http": True}

    values = {
        "sources": {"source": end(source_url)},
        "destinations": {
            "destination": {**end(destination_url), "new_patient": "create", "release": "auto"}
        },
        "store": {"path": str(store.resolve())},
    }
    return yamlfile.load(Config, values, {}, "arguments")


def _needed_by(config: Config, request_id: str) -> str:
    """Two weeks from the first try; a later one of the same case keeps the first's date."""
    folder = case_folder(config, case_handle(config.source("source").id, request_id))
    if (folder / "case.db").exists():
        with CaseFile.open(folder) as case:
            known = case.state.needed_by
        if known:
            return str(known)
    return (datetime.now(UTC) + timedelta(days=14)).date().isoformat()
