"""In which order and in which writes entries leave."""

from hypothesis import given
from hypothesis import strategies as st

from connector.push.plan import Survey, pack

NODES = [f"T/{number}" for number in range(12)]


@given(
    edges=st.fixed_dictionaries({n: st.lists(st.sampled_from(NODES), max_size=3) for n in NODES}),
    sizes=st.fixed_dictionaries({n: st.integers(1, 50) for n in NODES}),
    entries_max=st.integers(1, 6),
    bytes_max=st.integers(10, 100),
)
def test_every_reference_points_backwards_and_limits_hold(
    edges: dict[str, list[str]], sizes: dict[str, int], entries_max: int, bytes_max: int
) -> None:
    survey = Survey(sizes, edges)
    writes = list(pack(survey.units(NODES), sizes, entries_max, bytes_max))
    sent: set[str] = set()
    for write in writes:
        keys = [key for unit in write for key in unit]
        if len(write) > 1:
            assert len(keys) <= entries_max
            assert sum(sizes[key] for key in keys) <= bytes_max
        for unit in write:
            sent.update(unit)
            assert all(target in sent for key in unit for target in edges[key])
    assert sorted(sent) == sorted(NODES)
    assert sum(len(unit) for write in writes for unit in write) == len(NODES)


def test_as_few_writes_as_the_limits_allow() -> None:
    units = [[f"T/{n}"] for n in range(10)]
    sizes = {f"T/{n}": 1 for n in range(10)}
    assert [len(write) for write in pack(units, sizes, 4, 100)] == [4, 4, 2]
    assert [len(write) for write in pack(units, sizes, 100, 5)] == [5, 5]


def test_a_circle_larger_than_the_limit_goes_together_and_alone() -> None:
    units = [["T/1"], ["T/2", "T/3", "T/4"], ["T/5"]]
    sizes = {f"T/{n}": 1 for n in range(1, 6)}
    assert list(pack(units, sizes, 2, 100)) == [[["T/1"]], [["T/2", "T/3", "T/4"]], [["T/5"]]]
