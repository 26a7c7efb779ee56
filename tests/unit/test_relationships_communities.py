"""Communities of related pairs."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.relationships.communities import communities

PAIRS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh"), st.just(0.0) | st.floats(0.001, 1)).filter(
        lambda p: p[0] < p[1]
    ),
    unique_by=lambda pair: pair[:2],
    max_size=20,
)


def found(pairs: list[tuple[str, str, float]]) -> dict[str, int]:
    return communities(*zip(*pairs, strict=True)) if pairs else communities([], [], [])


def clique(names: str) -> list[tuple[str, str, float]]:
    return [(*pair, 1.0) for pair in combinations(names, 2)]


def test_two_cliques_with_one_weak_bond_are_two_communities_the_larger_first() -> None:
    assert found([*clique("xyz"), *clique("abcd"), ("a", "x", 0.01)]) == dict.fromkeys("abcd", 0) | dict.fromkeys(
        "xyz", 1
    )


def test_equal_sizes_go_by_the_smallest_id() -> None:
    assert found([*clique("xyz"), *clique("abc")]) == dict.fromkeys("abc", 0) | dict.fromkeys("xyz", 1)


def test_a_pair_without_weight_binds_nobody() -> None:
    assert found([("a", "b", 0.0)]) == {} == found([])
    assert found([("a", "b", 0.0), ("c", "d", 1.0)]) == {"c": 0, "d": 0}


def test_lengths_that_differ_are_an_error() -> None:
    with pytest.raises(ValueError, match="argument"):
        communities(["a"], ["b"], [])


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_the_pairs_changes_nothing(pairs: list[tuple[str, str, float]], random: object) -> None:
    expected = found(pairs)
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert found(pairs) == expected
    assert expected.keys() == {name for pair in pairs if pair[2] > 0 for name in pair[:2]}
    assert {*expected.values()} == {*range(len({*expected.values()}))}
