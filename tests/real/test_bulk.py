"""The same chart by every way, from a real HAPI and from the files it was loaded from."""

import time
from pathlib import Path

import pytest

from connector.errors import Waiting
from connector.settings import Source
from tests.pull.support import Pulled, pull, source, truth
from tests.pull.test_files import mixed, take
from tests.real.charts import chart_files, read_chart
from tests.real.loader import load
from tests.real.proxy import Proxy

_PATIENCE_S = 600
LANNY = next(path for path in chart_files() if path.name.startswith("Lanny"))


def patiently(folder: Path, settings: Source, patient: str) -> Pulled:
    """Run again whenever the case is parked, as cron does. HAPI asks for 120 s at any time."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return pull(folder, settings, id=patient)
        except Waiting:
            assert time.monotonic() < until, "HAPI did not finish the export"
            time.sleep(5)


@pytest.mark.timeout(1200)
def test_every_way_gives_the_same_chart(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server: Proxy = request.getfixturevalue("source")
    chart = read_chart(LANNY)
    load(server.upstream, chart)
    patient = chart.patient["id"]
    expected = truth(chart)
    for way in ("search", "everything", "bulk"):
        pulled = patiently(tmp_path / way, source(server.base_url, pull=way), patient)
        assert pulled.records.keys() == expected, way
        assert pulled.gaps == [], way
    from_files = take(tmp_path / "files-case", mixed(tmp_path / "files"), id=patient)
    assert from_files.records.keys() == expected
