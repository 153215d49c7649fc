"""Packets of the five charts, kept and reviewed: `python -m tests.goldens` writes them anew.

For each chart the resources we author, laid out to be read, and a manifest: every entry of the
packet in order, where it comes from, and the SHA-256 of its bytes; then the files made of them.
"""

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from connector.packet import write
from connector.store.case.casefile import CaseFile
from connector.store.mapped import packet
from tests.packet.charts import FIXTURES, full_request, put_chart, run

GOLDENS = FIXTURES / "goldens"
# Chart → the key question it is asked with, so that each is asked.
ASKED = {
    "mix/Charlene806": "diagnosis",
    "mix/Lanny564": "treatment",
    "mix/Noble66": "prognosis",
    "smart-generated-sample-data/Jules": "treatment",
    "smart-generated-sample-data/Pierre": "prognosis",
}


def goldens(folder: Path) -> Iterator[tuple[str, bytes]]:
    """File name below fixtures/goldens → content. `folder`: for the case files."""
    for chart, question in ASKED.items():
        name = chart.partition("/")[2]
        (path,) = (FIXTURES / "charts").glob(f"{chart}_*")
        with CaseFile.open(folder / name) as case:
            put_chart(case, path)
            run(case, full_request(case, question, "general"))
            for entry in packet.entries(case, "authored"):
                yield f"{name}/{entry.source}.json", readable(entry.body)
            lines = [f"{e.type}/{e.id} {e.source} {e.sha256}" for e in packet.entries(case)]
            out = folder / f"{name}-files"
            write(case, "files", out)
            write(case, "message", out / "message.json")
            for path in sorted(p for p in out.rglob("*") if p.is_file()):
                digest = sha256(path.read_bytes()).hexdigest()
                lines.append(f"{path.relative_to(out)} {digest}")
            yield f"{name}/manifest.txt", "\n".join([*lines, ""]).encode()


def readable(body: bytes) -> bytes:
    """A resource over several lines; none of those we author has a decimal."""
    return json.dumps(json.loads(body), indent=1, ensure_ascii=False).encode() + b"\n"


if __name__ == "__main__":
    there = Path(sys.argv[1]) if sys.argv[1:] else GOLDENS
    for old in there.glob("*/*"):
        old.unlink()
    with TemporaryDirectory() as scratch:
        for name, content in goldens(Path(scratch)):
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            (there / name).write_bytes(content)
