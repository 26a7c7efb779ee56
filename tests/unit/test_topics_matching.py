"""Matching with the previous run: one to one, the best sum, and never a topic that is another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.topics.matching import identifiers, match, similarity

SPORT = {"match": 3.0, "goal": 4.0}
MONEY = {"bank": 1.0, "rate": 1.0}
FILM = {"actor": 1.0}
topics = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 1), max_size=4), max_size=5)


def test_similarity_is_the_cosine_over_both_vocabularies():
    assert similarity([SPORT], [{"goal": 1.0}, {"goal": 1.0, "zebra": 1.0}, MONEY, {}]) == pytest.approx(
        np.array([[0.8, 0.8 / np.sqrt(2), 0, 0]])
    )


def test_the_same_topics_in_another_order_are_matched():
    assert match([SPORT, MONEY, FILM], [FILM, SPORT, MONEY]) == [
        (0, 1, pytest.approx(1)),
        (1, 2, pytest.approx(1)),
        (2, 0, pytest.approx(1)),
    ]


def test_the_sum_decides_not_the_first_come():
    """The first previous topic would take .8 and leave the second nothing of its 1; .6 and 1 is more."""
    previous = [{"x": 4.0, "y": 3.0}, {"x": 1.0}]
    current = [{"x": 1.0}, {"y": 1.0}]
    assert [(row, column) for row, column, _ in match(previous, current)] == [(0, 1), (1, 0)]


def test_a_topic_below_the_least_similarity_is_new():
    assert match([SPORT], [MONEY]) == []
    weak = {"goal": 1.0, "zebra": 9.0}
    assert match([SPORT], [weak]) == []
    assert len(match([SPORT], [weak], least=0.05)) == 1


@given(topics, topics)
def test_matches_are_one_to_one_and_alike_enough(previous, current):
    found = match(previous, current)
    assert len({row for row, _, _ in found}) == len({column for _, column, _ in found}) == len(found)
    assert all(alike >= 0.3 for _, _, alike in found)


lists = st.lists(st.lists(st.sampled_from("abc"), max_size=2), max_size=6)


@given(lists, st.sets(st.integers(0, 5)))
def test_identifiers_are_kept_and_never_given_twice(words, places):
    kept = {place: f"old-{place}" for place in places if place < len(words)}
    given_out = identifiers(words, kept, identifiers(words, {}))
    assert len(set(given_out)) == len(words)
    assert {place: given_out[place] for place in kept} == kept
    assert not set(given_out) & set(identifiers(words, {}))


def test_an_identifier_is_that_of_the_words():
    one, other = identifiers([["goal", "match"], ["bank"]], {})
    assert identifiers([["bank"], ["goal", "match"]], {}) == [other, one]
    assert len(one) == 12


def test_a_topic_that_looks_like_an_earlier_one_but_is_another_gets_an_identifier_of_its_own():
    [name] = identifiers([["goal"]], {})
    moved, new = identifiers([["match"], ["goal"]], {0: name}, {name})
    assert moved == name != new
