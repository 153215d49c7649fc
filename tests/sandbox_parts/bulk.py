"""Bulk Data Access as a sandbox offers it: kick-off, status, manifest, NDJSON files, deletion."""

from dataclasses import dataclass
from itertools import count
from typing import Literal

from connector.fhir.lossless import decode, encode
from connector.sandbox.everything import everything
from connector.sandbox.exchange import Request, Response
from connector.sandbox.outcome import Refusal, Resource, outcome
from connector.sandbox.store import Store, Version

_NDJSON = {"Content-Type": "application/fhir+ndjson"}


@dataclass(frozen=True)
class BulkQuirks:
    """How a server exports. `offers`: what its OperationDefinition says of single patients."""

    offers: Literal["instance", "patient", "nothing"] = "patient"
    ignores_patient: bool = False  # exports everybody, whatever it is asked
    polls: int = 1  # answers 202 so often
    retry_after: str = "0"
    with_token: bool = False
    errors: str = "error"  # what the manifest calls the list of errors (STU4: outcome)
    error_codes: tuple[str, ...] = ()
    pages: bool = False  # one file to a page of the manifest, linked by next (STU4)
    files_at: str | None = None  # another base for the files
    cut: bool = False  # each file lacks its last line
    empty: bool = False  # the manifest lists no file
    reads_patient: bool = True  # False: a Patient is given in exports only


@dataclass
class _Job:
    polls_left: int
    files: dict[str, list[bytes]]


class Bulk:
    """The exports of one sandbox, until they are deleted."""

    def __init__(self, store: Store, quirks: BulkQuirks, base: str) -> None:
        self._store = store
        self._quirks = quirks
        self._base = base
        self._jobs: dict[str, _Job] = {}
        self._numbers = count(1)

    def answer(self, request: Request) -> Response | None:
        """The answer, if the request is about exports."""
        match request.method, *request.path:
            case "GET", "Patient", _ if not self._quirks.reads_patient:
                raise Refusal(404, "not-supported", "Only exported")
            case "GET", "OperationDefinition", "patient-export":
                return Response(200, encode(self._definition()))
            case "GET", "Patient", id_, "$export" if self._quirks.offers == "instance":
                return self._start(id_)
            case "POST", "Patient", "$export":
                asked = decode(request.body)["parameter"]
                named = [p["valueReference"]["reference"] for p in asked if p["name"] == "patient"]
                return self._start(named[0].partition("/")[2])
            case "GET", "Group", id_, "$export":
                group = self._store.alive(f"Group/{id_}")
                if group is None:
                    raise Refusal(404, "not-found", "No such Group")
                return self._start(*(t.partition("/")[2] for t in sorted(group.targets)))
            case "GET", "export", job:
                return self._status(job, dict(request.query).get("page", "0"))
            case "DELETE", "export", job:
                return Response(202 if self._jobs.pop(job, None) else 404)
            case "GET", "export", job, name:
                lines = self._job(job).files[name]
                if self._quirks.cut:
                    lines = lines[:-1]
                body = b"".join(line + b"\n" for line in lines)
                return Response(200, body, _NDJSON)
        return None

    def declare(self, patient: Resource) -> None:
        """Say in what the CapabilityStatement has of Patient that it is exported."""
        definition = f"{self._base}/OperationDefinition/patient-export"
        patient.setdefault("operation", []).append({"name": "export", "definition": definition})
        if not self._quirks.reads_patient:
            patient["interaction"] = patient["interaction"][2:]

    @property
    def open(self) -> list[str]:
        """The exports that nobody deleted."""
        return list(self._jobs)

    def _definition(self) -> Resource:
        parameters = ["patient"] if self._quirks.offers == "patient" else []
        return {
            "resourceType": "OperationDefinition",
            "id": "patient-export",
            "name": "export",
            "resource": ["Patient"],
            "instance": self._quirks.offers == "instance",
            "parameter": [{"name": name, "use": "in"} for name in parameters],
        }

    def _start(self, *ids: str) -> Response:
        types = {version.type for version in self._store.current()}
        wanted = [f"Patient/{id_}" for id_ in ids]
        if self._quirks.ignores_patient:
            wanted = [f"Patient/{id_}" for id_ in self._store.of_type("Patient")]
        patients = [patient for name in wanted if (patient := self._store.alive(name))]
        found: dict[str, Version] = {}
        for patient in patients:
            found |= {v.reference: v for v in everything(self._store, patient, types, [])}
        files: dict[str, list[bytes]] = {}
        for version in found.values():
            files.setdefault(version.type, []).append(version.body)
        for code in self._quirks.error_codes:
            line = encode(outcome("error", code, "Something was not exported"))
            files.setdefault("OperationOutcome", []).append(line)
        job = str(next(self._numbers))
        self._jobs[job] = _Job(self._quirks.polls, files)
        return Response(202, b"", {"Content-Location": f"{self._base}/export/{job}"})

    def _status(self, id_: str, page: str) -> Response:
        job = self._job(id_)
        if job.polls_left > 0:
            job.polls_left -= 1
            headers = {"Retry-After": self._quirks.retry_after, "X-Progress": "50%"}
            return Response(202, b"", headers)
        at = self._quirks.files_at or self._base
        listed = [
            {"type": name, "url": f"{at}/export/{id_}/{name}", "count": len(lines)}
            for name, lines in sorted(job.files.items())
        ]
        output = [item for item in listed if item["type"] != "OperationOutcome"]
        output = [] if self._quirks.empty else output
        body: Resource = {
            "transactionTime": "2026-11-22T00:00:00Z",
            "requiresAccessToken": self._quirks.with_token,
            "output": output,
            self._quirks.errors: [item for item in listed if item["type"] == "OperationOutcome"],
        }
        number = int(page)
        if self._quirks.pages:
            body["output"] = output[number : number + 1]
            if number + 1 < len(output):
                url = f"{self._base}/export/{id_}?page={number + 1}"
                body["link"] = [{"relation": "next", "url": url}]
        return Response(200, encode(body), {"Content-Type": "application/json"})

    def _job(self, id_: str) -> _Job:
        if id_ not in self._jobs:
            raise Refusal(404, "not-found", "No such export")
        return self._jobs[id_]
