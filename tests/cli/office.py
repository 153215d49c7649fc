"""A case whose chart is a file and whose packet goes into a folder, and records for its chart."""

import json
import zipfile
from typing import Any

from tests import support

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SUBJECT = {"reference": "Patient/pat"}
PATIENT = {
    "resourceType": "Patient",
    "id": "pat",
    "name": [{"family": "Test", "given": ["Una"]}],
    "gender": "female",
    "birthDate": "1980-02-03",
}
Record = dict[str, Any]


def labelled(code: str) -> Record:
    return {"security": [{"system": ACT, "code": code}]}


def condition(name: str, label: str = "", **more: Any) -> Record:
    made = {"resourceType": "Condition", "id": name, "subject": SUBJECT, "code": {"text": name}}
    return {**made, **({"meta": labelled(label)} if label else {}), **more}


def note(name: str, text: str = "QQ==", **more: Any) -> Record:
    return {
        "resourceType": "DocumentReference",
        "id": name,
        "status": "current",
        "subject": SUBJECT,
        "type": {"coding": [{"system": "http://loinc.org", "code": "11506-3"}]},
        "content": [{"attachment": {"contentType": "text/plain", "data": text}}],
        **more,
    }


def visit(name: str) -> Record:
    made = {"resourceType": "Encounter", "id": name, "status": "finished"}
    return {**made, "class": {"code": "AMB"}, "subject": SUBJECT}


def at(name: str) -> Record:
    return {"context": {"encounter": [{"reference": f"Encounter/{name}"}]}}


class Office(support.Site):
    """A case whose chart is a file, and whose packet goes into a folder."""

    def chart(self, *records: Record, release: str = "manual") -> "Office":
        entry = [{"resource": record} for record in (PATIENT, *records)]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entry}
        (self.folder / "chart.json").write_text(json.dumps(bundle))
        (self.folder / "out").mkdir(exist_ok=True)
        (self.folder / "connector.toml").write_text(
            f'[sources.home]\nid = "{self.source_id}"\nfiles = "chart.json"\n'
            f'environment = "test"\n[destinations.outside]\nid = "{self.destination_id}"\n'
            f'folder = "out"\nenvironment = "test"\nrelease = "{release}"\n'
        )
        return self

    def decided(self) -> dict[str, tuple[str, str]]:
        """Record → outcome and rule, as `mappings explain` has them."""
        found = self.cli("mappings", "explain", "request.yaml", "--json").json["records"]
        return {each["record"]: (each["outcome"], each["rule"]) for each in found}

    def sent(self) -> str:
        """Every byte that left."""
        told = []
        for path in (self.folder / "out").rglob("*.zip"):
            with zipfile.ZipFile(path) as packed:
                told += [packed.read(name).decode("utf-8", "replace") for name in packed.namelist()]
        assert told
        return "".join(told)
