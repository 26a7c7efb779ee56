"""The strongest ways around an entity: by hand, against all ways there are, and whatever order relations come in."""

from collections.abc import Sequence
from itertools import permutations
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.knowledge.spreading import ways

Relations = list[tuple[str, str, float]]


def from_list(relations: Relations):
    both = [*relations, *((b, a, strength) for a, b, strength in relations)]
    return lambda ids: [one for one in both if one[0] in ids]


def strengths(relations: Relations, start: str, depth: int) -> dict[str, tuple[float, int]]:
    return {id: (way.strength, len(way.passed) - 1) for id, way in ways(from_list(relations), start, depth).items()}


def test_a_longer_way_that_is_stronger_wins():
    chain = [("a", "b", 0.9), ("b", "c", 0.5), ("a", "c", 0.2), ("c", "d", 1.0)]
    assert strengths(chain, "a", 1) == {"b": (0.9, 1), "c": (0.2, 1)}
    assert strengths(chain, "a", 2) == {"b": (0.9, 1), "c": (0.45, 2), "d": (0.2, 2)}
    assert strengths(chain, "a", 3)["d"] == (0.45, 3)
    assert list(ways(from_list(chain), "a", 3)) == ["b", "c", "d"]


def test_nothing_is_around_an_entity_alone_and_no_strength_leads_nowhere():
    assert strengths([], "a", 3) == {}
    assert strengths([("a", "b", 0.0), ("b", "c", 1.0)], "a", 3) == {}
    assert strengths([("a", "a", 1.0)], "a", 2) == {}


def test_of_equal_ways_the_one_by_the_smaller_ids_is_taken():
    square = [("a", "c", 0.5), ("a", "b", 0.5), ("c", "d", 0.5), ("b", "d", 0.5)]
    for order in permutations(square):
        assert ways(from_list(list(order)), "a", 2)["d"].passed == ("a", "b", "d")


def test_a_level_goes_on_from_its_strongest_entities_alone():
    asked: list[list[str]] = []
    star = [("a", f"b{number}", number / 10) for number in range(1, 6)]
    star += [(f"b{number}", f"c{number}", 1.0) for number in range(1, 6)]

    def neighbours(ids: Sequence[str]) -> Relations:
        asked.append(list(ids))
        return from_list(star)(ids)

    found = ways(neighbours, "a", 2, beam=2)
    assert asked == [["a"], ["b5", "b4"]]
    assert list(found) == ["b5", "c5", "b4", "c4", "b3", "b2", "b1"]


NAMES = st.sampled_from("abcdef")
GRAPHS = st.lists(st.tuples(NAMES, NAMES, st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), max_size=12)


@given(GRAPHS, st.integers(1, 3), st.randoms())
def test_ways_are_the_strongest_of_all_and_do_not_depend_on_order(relations, depth, random):
    found = ways(from_list(relations), "a", depth)
    best = _all(relations, "a", depth)
    assert found.keys() == best.keys()
    assert all(isclose(found[id].strength, best[id]) for id in best)
    assert [way.strength for way in found.values()] == sorted((way.strength for way in found.values()), reverse=True)
    shuffled = random.sample(relations, len(relations))
    assert list(ways(from_list(shuffled), "a", depth).items()) == list(found.items())


def _all(relations: Relations, start: str, depth: int) -> dict[str, float]:
    """The strongest of all walks of at most so many relations."""
    best, ends = {start: 1.0}, {start: 1.0}
    for _ in range(depth):
        reached: dict[str, float] = {}
        for a, b, strength in from_list(relations)(ends.keys()):
            reached[b] = max(reached.get(b, 0.0), ends[a] * strength)
        ends = {id: strength for id, strength in reached.items() if strength}
        best = {id: max(ends.get(id, 0.0), best.get(id, 0.0)) for id in {*ends, *best}}
    del best[start]
    return best
