"""In which order and in which writes entries leave."""

from hypothesis import given
from hypothesis import strategies as st

from connector.push.records.batching import Survey, pack
from connector.push.wire.limits import Limits

NODES = [f"T/{number}" for number in range(12)]


@given(
    edges=st.fixed_dictionaries({n: st.lists(st.sampled_from(NODES), max_size=3) for n in NODES}),
    sizes=st.fixed_dictionaries({n: st.integers(1, 50) for n in NODES}),
    limits=st.builds(Limits, st.integers(1, 6), st.integers(10, 100), st.booleans()),
)
def test_limits_hold_and_references_point_backwards_where_they_can(
    edges: dict[str, list[str]], sizes: dict[str, int], limits: Limits
) -> None:
    survey = Survey(sizes, edges)
    units = survey.units(NODES)
    unit_of = {key: unit for unit in units for key in unit}
    sent: set[str] = set()
    for write in pack(units, sizes, limits, edges):
        keys = [key for unit in write for key in unit]
        assert len(keys) == 1 or limits.take(len(keys), sum(sizes[key] for key in keys))
        if limits.apart:
            assert not any(set(edges[key]) & (set(keys) - {key}) for key in keys)
        assert not sent & set(keys)
        sent.update(keys)
        for key in keys:
            late = {target for target in edges[key] if target not in sent}
            assert late <= set(unit_of[key])  # only what closes a circle comes later
            together = limits.take(len(unit_of[key]), sum(sizes[k] for k in unit_of[key]))
            assert not late or limits.apart or not together
    assert sorted(sent) == sorted(NODES)


def test_as_few_writes_as_the_limits_allow() -> None:
    units = [[f"T/{n}"] for n in range(10)]
    sizes = {f"T/{n}": 1 for n in range(10)}
    assert [len(write) for write in pack(units, sizes, Limits(4, 100))] == [4, 4, 2]
    assert [len(write) for write in pack(units, sizes, Limits(100, 5))] == [5, 5]


def test_limits_that_shrink_on_the_way_hold_for_the_next_write() -> None:
    units = [[f"T/{n}"] for n in range(10)]
    sizes = {f"T/{n}": 1 for n in range(10)}
    limits, found = Limits(6, 100), []
    for write in pack(units, sizes, limits):
        found.append(len(write))
        limits.shrink(4, 4)
    assert found == [6, 2, 2]


def test_a_circle_larger_than_the_limit_comes_apart() -> None:
    units = [["T/1"], ["T/2", "T/3", "T/4"], ["T/5"]]
    sizes = {f"T/{n}": 1 for n in range(1, 6)}
    writes = [[["T/1"], ["T/2"]], [["T/3"], ["T/4"]], [["T/5"]]]
    assert list(pack(units, sizes, Limits(2, 100))) == writes
