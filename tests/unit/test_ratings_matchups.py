"""Scores of pairs: one share per matchup whatever the judges and orders, and the same in any order of the rows."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.ratings.matchups import PAIR_SCORES, margin_shares, pair_scores, pools

SCHEMA = pa.schema(
    [
        ("topic", pa.string()),
        ("first", pa.string()),
        ("second", pa.string()),
        ("share", pa.float64()),
        ("ordered", pa.bool_()),
    ]
)
models = st.sampled_from("abcd")
judgments = st.lists(st.tuples(st.sampled_from("xyz"), models, models, st.integers(0, 8).map(lambda n: n / 8)))


def table(rows):
    return pa.Table.from_pylist(
        [{"ordered": True, **dict(zip(SCHEMA.names, row, strict=False))} for row in rows], SCHEMA
    )


def scores(rows):
    return [tuple(row.values()) for row in pair_scores(table(rows)).to_pylist()]


def test_margins_are_shares_up_to_the_decisive_one():
    assert margin_shares([-5, -3, -1.5, 0, 0.6, 3, 9]) == pytest.approx([0, 0, 0.25, 0.5, 0.6, 1, 1])
    assert margin_shares([1], decisive=1) == pytest.approx([1])


@pytest.mark.parametrize(("margins", "decisive"), [([np.nan], 3), ([1], 0), ([1], np.nan)])
def test_margins_that_mean_nothing_are_refused(margins, decisive):
    with pytest.raises(ValueError, match="margin"):
        margin_shares(margins, decisive)


def test_judges_of_one_debate_are_one_observation():
    assert scores([("x", "a", "b", 1.0), ("x", "a", "b", 0.5)]) == [("a", "b", 1, 1, 0.75, 0.5625)]


def test_both_orders_are_one_observation_and_weigh_the_same():
    """a has 1, 1, 1 going first and 1 - 0.5 going second: (1 + 0.5) / 2."""
    rows = [("x", "a", "b", 1.0)] * 3 + [("x", "b", "a", 0.5)]
    assert scores(rows) == [("a", "b", 0, 1, 0.75, 0.5625)]


def test_a_matchup_held_in_one_order_says_which():
    assert scores([("x", "a", "b", 1.0), ("y", "b", "a", 1.0)]) == [("a", "b", -1, 1, 0, 0), ("a", "b", 1, 1, 1, 1)]


def test_a_matchup_in_which_nobody_spoke_first_has_no_order():
    assert scores([("x", "b", "a", 1.0, False), ("y", "a", "b", 1.0, False)]) == [("a", "b", 0, 2, 1, 1)]


def test_models_that_no_chain_of_matchups_connects_are_in_different_pools():
    rows = [("x", "a", "b"), ("x", "c", "d"), ("y", "e", "d"), ("z", "d", "c")]
    found = pools(pair_scores(table([(*row, 0.5) for row in rows])))
    assert [set(pool["first"].to_pylist() + pool["second"].to_pylist()) for pool in found] == [
        {"c", "d", "e"},
        {"a", "b"},
    ]
    assert sum(len(pool) for pool in found) == 4
    assert pools(PAIR_SCORES.empty_table()) == []


def test_topics_add_up():
    assert scores([("x", "a", "b", 1.0), ("y", "a", "b", 0.5)]) == [("a", "b", 1, 2, 1.5, 1.25)]


def test_rows_that_say_nothing_are_left_out():
    assert scores([("x", "a", "a", 1.0), ("x", "a", "b", None), (None, "a", "b", 1.0), ("x", None, "b", 1.0)]) == []
    assert pair_scores(table([])).equals(PAIR_SCORES.empty_table())


@settings(deadline=None)
@given(judgments, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, chance):
    shuffled = chance.sample(rows, len(rows))
    assert scores(shuffled) == [pytest.approx(row) for row in scores(rows)]


@settings(deadline=None)
@given(judgments)
def test_each_matchup_counts_once_and_shares_stay_in_range(rows):
    found = scores(rows)
    assert sum(row[3] for row in found) == len({(x, *sorted((a, b))) for x, a, b, _ in rows if a != b})
    assert all(a < b and 0 <= squares <= points + 1e-12 <= n + 2e-12 for a, b, _, n, points, squares in found)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_out_of_range_are_refused(share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        scores([("x", "a", "b", share)])
