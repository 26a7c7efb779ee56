"""The logistic regression of shares: closed forms, and the equation that every optimum solves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.special import expit, logit

from helix_pipeline.domain.ratings.fractional_logit import Prior, fit

WIDE = 1e-9


def fitted(design, shares, counts=None, mean=None, precision=WIDE):
    matrix = np.array(design, float)
    width = matrix.shape[1]
    prior = Prior(np.zeros(width) if mean is None else np.array(mean, float), np.full(width, float(precision)))
    weights = np.ones(len(shares)) if counts is None else np.array(counts, float)
    return fit(csr_array(matrix), np.array(shares, float), weights, prior)


def test_a_constant_is_the_log_odds_of_the_mean():
    assert fitted([[1]] * 4, [0, 1, 0.5, 0.9]) == pytest.approx([logit(0.6)], abs=1e-6)


def test_two_groups_have_their_own_log_odds():
    shares, groups = [0, 1, 1, 1, 0.2, 0.4], [[1, 0]] * 4 + [[0, 1]] * 2
    assert fitted(groups, shares) == pytest.approx(logit([0.75, 0.3]), abs=1e-6)


def test_a_count_is_as_good_as_repeated_rows():
    once = fitted([[1, 0], [1, 1]], [0.25, 0.5], [4, 2], precision=0.1)
    assert once == pytest.approx(fitted([[1, 0]] * 4 + [[1, 1]] * 2, [0, 0, 0, 1, 0, 1], precision=0.1), abs=1e-6)


def test_without_rows_the_prior_mean_stays():
    assert fit(csr_array((0, 2)), np.array([]), np.array([]), Prior(np.array([1.0, -2.0]), np.ones(2))) == (
        pytest.approx([1, -2])
    )


def test_the_narrower_the_prior_the_nearer_to_its_mean():
    found = [fitted([[1]] * 3, [1, 1, 1], mean=[-1], precision=precision)[0] for precision in (0.01, 1, 100, 1e6)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 2
    assert found[-1] == pytest.approx(-1, abs=1e-4)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 1), st.integers(1, 50)), min_size=1),
    st.floats(-2, 2),
    st.floats(0.01, 10),
)
def test_the_slope_of_the_posterior_is_zero(rows, mean, precision):
    design, shares, counts = np.array(rows)[:, :2], np.array(rows)[:, 2], np.array(rows)[:, 3]
    found = fitted(design, shares, counts, [mean, mean], precision)
    slope = design.T @ (counts * (expit(design @ found) - shares)) + precision * (found - mean)
    assert slope / counts.sum() == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize(
    ("share", "count", "precision", "reason"),
    [(1.1, 1, 1, "shares"), (np.nan, 1, 1, "shares"), (0.5, 0, 1, "counts"), (0.5, 1, 0, "precisions")],
)
def test_values_out_of_range_are_refused(share, count, precision, reason):
    with pytest.raises(ValueError, match=reason):
        fitted([[1]], [share], [count], precision=precision)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_design_that_is_not_finite_is_an_error():
    with pytest.raises(ArithmeticError, match="no optimum"):
        fitted([[np.nan]], [0.5])
