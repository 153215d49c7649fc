"""Between us and a real HAPI a bad line: a pull is whole, or says what is missing."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from connector.errors import SourceFailed
from tests.pull.support import Pulled, pull, source
from tests.real.charts import chart_files, read_chart
from tests.real.conftest import bad_line
from tests.real.hapi_pair import HapiPair
from tests.real.loader import load
from tests.real.toxiproxy import Toxiproxy

CHART = read_chart(chart_files()[0])
PATIENT = CHART.patient["id"]

# Toxic, its attributes, and whether a pull that asks again has to come through it whole.
TOXICS: list[tuple[str, dict[str, int], bool]] = [
    ("latency", {"latency": 50, "jitter": 40}, True),
    ("bandwidth", {"rate": 2_000}, True),  # kB/s
    ("slicer", {"average_size": 512, "size_variation": 256, "delay": 10}, True),
    ("limit_data", {"bytes": 60_000}, False),  # of one connection, then it is closed
    ("reset_peer", {"timeout": 300}, False),  # ms after which each connection is reset
    ("timeout", {"timeout": 200}, False),  # nothing comes, then the connection is closed
    ("timeout", {"timeout": 0}, False),  # nothing comes, ever
]


@pytest.fixture(scope="module")
def line(hapi: HapiPair) -> Iterator[Toxiproxy]:
    with bad_line(hapi.source_url) as proxy:
        load(hapi.source_url, CHART)
        yield proxy


@pytest.fixture(scope="module")
def whole(line: Toxiproxy, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    pulled = pulled_through(line, tmp_path_factory.mktemp("whole"))
    assert pulled.gaps == []
    return pulled.bodies


def pulled_through(line: Toxiproxy, folder: Path) -> Pulled:
    impatient = {"read_timeout_s": 1, "answer_timeout_s": 20, "attempts": 3, "page_size": 50}
    return pull(folder, source(line.base_url, **impatient), id=PATIENT)


@pytest.mark.parametrize(
    ("toxic", "attributes", "passes"), TOXICS, ids=lambda value: str(value).replace(" ", "")
)
def test_a_bad_line_never_makes_a_chart_short_in_silence(
    line: Toxiproxy,
    whole: Mapping[str, bytes],
    tmp_path: Path,
    toxic: str,
    attributes: dict[str, int],
    passes: bool,
) -> None:
    line.spoil(toxic, attributes)
    try:
        pulled = pulled_through(line, tmp_path)
    except SourceFailed:
        assert not passes
    else:
        assert pulled.gaps or pulled.bodies == whole
        assert not (passes and pulled.gaps)
    finally:
        line.heal()
    healed = pulled_through(line, tmp_path)
    assert healed.gaps == []
    assert healed.bodies == whole
