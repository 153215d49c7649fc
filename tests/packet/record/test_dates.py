from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.packet.record.dates import interval, months_before


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2019", "2019-01-01T00:00:00", "2019-12-31T23:59:59.999999"),
        ("2024-02", "2024-02-01T00:00:00", "2024-02-29T23:59:59.999999"),
        ("2024-02-10", "2024-02-10T00:00:00", "2024-02-10T23:59:59.999999"),
        ("2024-02-10T01:00:00+02:00", "2024-02-09T23:00:00", "2024-02-09T23:00:00"),
        ("2024-02-10T01:00:00.5Z", "2024-02-10T01:00:00.5", "2024-02-10T01:00:00.5"),
    ],
)
def test_a_date_is_the_interval_it_may_mean(text: str, first: str, last: str) -> None:
    bounds = tuple(datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (first, last))
    assert interval(text) == bounds


@pytest.mark.parametrize(
    "text", ["", "soon", "2024-13", "2024-02-30", "2024-02-10T01:00:00", "None"]
)
def test_what_is_no_fhir_date_has_no_interval(text: str) -> None:
    assert interval(text) is None


@given(st.datetimes(min_value=datetime(1950, 1, 1), timezones=st.just(UTC)), st.integers(1, 480))
def test_months_before_is_that_many_months_earlier(moment: datetime, months: int) -> None:
    earlier = months_before(moment, months)
    counted = (moment.year - earlier.year) * 12 + moment.month - earlier.month
    assert counted == months
    assert timedelta() <= timedelta(days=moment.day - earlier.day) <= timedelta(days=3)
