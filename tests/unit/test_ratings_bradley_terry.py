"""Bradley-Terry ratings: closed forms, a published example, symmetry, intervals that cover, and degenerate scores."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from helix_pipeline.domain.ratings.bradley_terry import POINTS_PER_LOGIT, RATINGS, ratings, strengths
from helix_pipeline.domain.ratings.matchups import PAIR_SCORES

NO_PRIOR = 1e4
"""So wide that it does not show in the digits compared."""

BASEBALL = """
Milwaukee 0 7 9 7 7 9 11
Detroit   6 0 7 5 11 9 9
Toronto   4 6 0 7 7 8 12
New-York  6 8 6 0 6 7 10
Boston    6 2 6 7 0 7 12
Cleveland 4 4 5 6 6 0 6
Baltimore 2 4 1 3 1 7 0
"""
"""Games won against each other by seven teams of the American League in 1987."""


def table(rows):
    return pa.Table.from_pylist([dict(zip(PAIR_SCORES.names, row, strict=True)) for row in rows], PAIR_SCORES)


def won(first, second, wins, losses, order=0):
    return first, second, order, wins + losses, wins, wins


def by_model(rows, **options):
    return {row["model"]: row for row in ratings(strengths(table(rows), **options)).to_pylist()}


def pairs_of(matrix):
    lines = [line.split() for line in matrix.strip().splitlines()]
    names, wins = [line[0] for line in lines], [[int(n) for n in line[1:]] for line in lines]
    return [won(names[i], names[j], wins[i][j], wins[j][i]) for i in range(len(names)) for j in range(i)]


score = st.integers(0, 4).flatmap(lambda n: st.tuples(st.sampled_from(["ab", "ac", "bc", "cd"]), st.just(n)))
score_lists = st.lists(score, min_size=1, max_size=8)


def test_two_models_differ_by_the_odds():
    found = by_model([won("a", "b", 3, 1)], prior_sd=NO_PRIOR)
    assert found["a"]["rating"] - found["b"]["rating"] == pytest.approx(400 * np.log10(3), abs=0.01)
    assert [row["matchups"] for row in found.values()] == [4, 4]


def test_odds_of_ten_to_one_are_400_points():
    found = by_model([won("a", "b", 100, 10)], prior_sd=NO_PRIOR)
    assert (found["a"]["rating"], found["b"]["rating"]) == pytest.approx((1700, 1300), abs=0.01)


def test_the_interval_of_two_models_is_that_of_log_odds():
    """1/3 + 1/1 is the variance of the log-odds, and half of its root the error of either strength (Woolf, 1955)."""
    found = by_model([won("a", "b", 3, 1)], prior_sd=NO_PRIOR)["a"]
    error = POINTS_PER_LOGIT * (1 / 3 + 1) ** 0.5 / 2
    assert found["high"] - found["rating"] == pytest.approx(1.959964 * error, rel=1e-4)
    assert found["rating"] - found["low"] == pytest.approx(1.959964 * error, rel=1e-4)


def test_strengths_are_those_of_agresti():
    """Agresti, Categorical Data Analysis, 2nd edition (2002), 10.6.1: log-odds against Baltimore."""
    found = strengths(table(pairs_of(BASEBALL)), prior_sd=NO_PRIOR)
    logits = dict(zip(found.models, found.logits - found.logits[found.models.index("Baltimore")], strict=True))
    wanted = {"Milwaukee": 1.58, "Detroit": 1.44, "Toronto": 1.29, "New-York": 1.25, "Boston": 1.11, "Cleveland": 0.68}
    assert {team: round(logits[team], 2) for team in wanted} == wanted


def test_expected_wins_are_the_wins():
    """What defines the maximum of the likelihood: every team's expected wins are those it had (Ford, 1957)."""
    rows = pairs_of(BASEBALL)
    found = strengths(table(rows), prior_sd=NO_PRIOR)
    logits, wins = dict(zip(found.models, found.logits, strict=True)), dict.fromkeys(found.models, 0.0)
    for first, second, _, n, points, _ in rows:
        excess = points - n * expit(logits[first] - logits[second])
        wins[first] += excess
        wins[second] -= excess
    assert list(wins.values()) == pytest.approx([0] * 7, abs=1e-4)


def test_first_movers_that_win_say_nothing_of_strength():
    found = strengths(table([won("a", "b", 3, 1, order=1), won("a", "b", 1, 3, order=-1)]), prior_sd=NO_PRIOR)
    assert found.order_effect == pytest.approx(np.log(3), abs=1e-5)
    assert found.logits == pytest.approx([0, 0], abs=1e-6)


def test_ties_leave_all_equal():
    found = by_model([("a", "b", 0, 6, 3, 1.5), ("b", "c", 0, 2, 1, 0.5)])
    assert [row["rating"] for row in found.values()] == pytest.approx([1500] * 3)


def test_steady_shares_give_narrower_intervals_than_wins_of_the_same_mean():
    wins, shares = by_model([won("a", "b", 6, 4)]), by_model([("a", "b", 0, 10, 6.0, 3.7)])
    assert shares["a"]["rating"] == pytest.approx(wins["a"]["rating"])
    assert shares["a"]["high"] - shares["a"]["low"] < 0.5 * (wins["a"]["high"] - wins["a"]["low"])


def test_equal_shares_are_as_exact_as_their_number_allows():
    """No residual of its own leaves the dispersion at the one matchup added: 1 of 9 free ones and itself."""
    found = by_model([("a", "b", 0, 10, 7.5, 5.625)], prior_sd=NO_PRIOR)["a"]
    error = POINTS_PER_LOGIT * (0.1 / (10 * 0.75 * 0.25)) ** 0.5 / 2
    assert found["high"] - found["rating"] == pytest.approx(1.959964 * error, rel=1e-3)


def test_a_model_that_wins_all_is_first_by_an_unknown_distance():
    found = by_model([won("a", "b", 9, 0), won("b", "c", 5, 4)])
    assert list(found) == ["a", "b", "c"]
    assert 1700 < found["a"]["rating"] < 3000
    assert found["a"]["high"] - found["a"]["low"] > 1000


def test_models_that_nothing_connects_cannot_be_told_apart():
    found = by_model([won("a", "b", 60, 40), won("c", "d", 50, 50)])
    assert all(row["high"] - row["low"] > 1500 for row in found.values())
    joined = by_model([won("a", "b", 60, 40), won("c", "d", 50, 50), won("b", "c", 50, 50)])
    assert all(row["high"] - row["low"] < 300 for row in joined.values())


def test_nothing_gives_an_empty_table():
    assert ratings(strengths(PAIR_SCORES.empty_table())).equals(RATINGS.empty_table())


@settings(deadline=None)
@given(score_lists)
def test_the_other_way_round_the_ratings_are_mirrored(found):
    there = by_model([won(*pair, n, 4 - n, order=1) for pair, n in found])
    back = by_model([won(*pair, 4 - n, n, order=-1) for pair, n in found])
    for model, row in there.items():
        assert back[model]["rating"] == pytest.approx(3000 - row["rating"], abs=0.01)
        assert back[model]["high"] - back[model]["low"] == pytest.approx(row["high"] - row["low"], rel=1e-3)


@settings(deadline=None)
@given(score_lists)
def test_rows_of_a_pair_add_up_and_the_mean_is_1500(found):
    rows = [won(*pair, n, 4 - n) for pair, n in found]
    summed = {}
    for pair, n in found:
        wins, games = summed.get(pair, (0, 0))
        summed[pair] = wins + n, games + 4
    apart, together = by_model(rows), by_model([won(*pair, n, games - n) for pair, (n, games) in summed.items()])
    assert np.mean([row["rating"] for row in apart.values()]) == pytest.approx(1500, abs=1e-6)
    for model, row in apart.items():
        assert [together[model][name] for name in ("rating", "low", "high")] == (
            pytest.approx([row[name] for name in ("rating", "low", "high")], abs=0.05)
        )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3), st.integers(1, 3))
def test_one_more_win_never_lowers_a_rating(wins, more):
    rest = [won("b", "c", 2, 2), won("a", "c", 2, 1)]
    fewer, better = ([won("a", "b", n, 3), *rest] for n in (wins, wins + more))
    assert by_model(better)["a"]["rating"] > by_model(fewer)["a"]["rating"]


@pytest.mark.parametrize(
    "shares",
    [lambda p, n, chance: chance.binomial(1, p, n), lambda p, n, chance: chance.beta(4 * p, 4 - 4 * p, n)],
    ids=["wins", "margins"],
)
def test_intervals_hold_the_truth_about_as_often_as_they_say(shares):
    chance, held = np.random.default_rng(7), []
    for _ in range(60):
        truth = chance.normal(0, 1, 6)
        rows = []
        for i, j in zip(*np.triu_indices(6, 1), strict=True):
            drawn = shares(expit(truth[i] - truth[j]), 4, chance)
            rows.append((str(i), str(j), 0, 4, float(drawn.sum()), float((drawn**2).sum())))
        found = by_model(rows)
        wanted = 1500 + POINTS_PER_LOGIT * (truth - truth.mean())
        held += [found[str(i)]["low"] <= wanted[i] <= found[str(i)]["high"] for i in range(6)]
    assert 0.92 < np.mean(held) < 0.98


def test_scores_out_of_range_are_refused():
    with pytest.raises(ValueError, match="shares"):
        strengths(table([("a", "b", 0, 2, 3.0, 3.0)]))
    with pytest.raises(ValueError, match="prior_sd"):
        strengths(table([won("a", "b", 1, 1)]), prior_sd=0)
    with pytest.raises(ValueError, match="level"):
        ratings(strengths(table([won("a", "b", 1, 1)])), level=95)
