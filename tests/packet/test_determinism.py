import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from pathlib import Path
from connector.store.case.casefile import CaseFile
from tests.packet.charts import FIXTURES, put_chart, request, run

case = CaseFile.open(Path(sys.argv[1]))
put_chart(case, next((FIXTURES / "charts").glob("mix/Noble*")))
for scope in ("checklist", "whole-chart"):
    print(run(case, request(scope=scope)).packet_hash)
"""


def hashes(folder: Path, **environment: str) -> list[str]:
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)],
        env=os.environ | environment | {"PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_same_chart_gives_the_same_bytes_anywhere(tmp_path: Path) -> None:
    one = hashes(tmp_path / "a", PYTHONHASHSEED="1", TZ="UTC", LC_ALL="C")
    other = hashes(tmp_path / "b", PYTHONHASHSEED="2", TZ="Asia/Kolkata", LC_ALL="C.UTF-8")
    assert one == other
    assert len(set(one)) == 2
