"""Pairs of one message: unordered, once each, never with itself, bounded."""

from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.entities.cooccurrence import MAX_ENTITIES_PER_MESSAGE, pairs

ids = st.lists(st.sampled_from([f"tech:{letter}" for letter in "abcdefgh"]), max_size=20)


def test_repeats_and_order_do_not_matter():
    assert pairs(["b", "a", "b", "c"]) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_one_entity_makes_no_pair():
    assert pairs(["a", "a"]) == []
    assert pairs([]) == []


@given(ids, st.randoms())
def test_shuffling_a_message_leaves_its_pairs(message, rng):
    shuffled = list(message)
    rng.shuffle(shuffled)
    assert pairs(shuffled) == pairs(message)


@given(ids)
def test_each_pair_of_distinct_entities_once(message):
    made = pairs(message)
    distinct = len(set(message))
    assert len(set(made)) == len(made) == distinct * (distinct - 1) // 2
    assert all(first < second for first, second in made)


def test_the_first_entities_of_a_flood_take_part():
    flood = [f"{number:04}" for number in reversed(range(1000))]
    made = pairs(flood)
    assert len(made) == MAX_ENTITIES_PER_MESSAGE * (MAX_ENTITIES_PER_MESSAGE - 1) // 2
    assert {entity for pair in made for entity in pair} == set(flood[:MAX_ENTITIES_PER_MESSAGE])
