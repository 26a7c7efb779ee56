"""Ratings of real preferences and debates, against the figures that their sources published."""

import numpy as np
from ratings import judgments, paired, preferences, published, rank_correlation, rated

from helix_pipeline.domain.ratings.length_controlled import length_controlled_win_rates
from helix_pipeline.domain.ratings.win_rates import preference_sums, win_rates


def test_win_rates_are_those_of_alpaca_eval(data):
    found = win_rates(preference_sums(preferences(data)))
    for column in ("win_rate", "standard_error", "discrete_win_rate"):
        values, official = paired(found, column, published(data / "alpaca_eval", column))
        assert len(values) == found.num_rows > 1
        assert np.abs(100 * values - official).max() <= 1e-6


def test_length_controlled_win_rates_rank_as_those_of_alpaca_eval(data):
    board = published(data / "alpaca_eval", "length_controlled_winrate")
    found = length_controlled_win_rates(preferences(data))
    assert rank_correlation(found, "length_controlled_win_rate", board) >= 0.97


def test_bradley_terry_ratings_rank_as_the_published_board(data):
    board = published(data / "debates", "bradley_terry")
    assert rank_correlation(rated(judgments(data)), "rating", board) >= 0.99
