"""Many records within small limits: circles are closed, and nobody sees a request that is half."""

from pathlib import Path

import pytest

from tests import large
from tests.sandbox_parts import Quirks, Sandbox
from tests.support import Site

RECORDS = 400


@pytest.mark.deep
@pytest.mark.parametrize("way", ["transaction", "batch", "single"])
def test_nobody_sees_a_request_with_records_missing(tmp_path: Path, way: str) -> None:
    chart = large.chart(RECORDS if way == "transaction" else 220)
    quirks = Quirks(transactions=way == "transaction", batches=way != "single")
    with Sandbox(quirks=quirks) as destination:
        site = Site(tmp_path, "", destination.base_url)
        large.assert_never_half(site, chart, destination.base_url, 0.02)
        large.assert_resolved(destination.resources())
