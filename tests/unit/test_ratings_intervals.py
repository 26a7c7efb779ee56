"""Wilson intervals: published examples, scipy's for whole numbers, and what must hold for all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from helix_pipeline.domain.ratings.intervals import quantile, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_limits_are_those_of_newcombe(successes, trials, low, high):
    """Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998)."""
    assert np.round(wilson(successes, trials), 4) == pytest.approx([low, high])


@settings(deadline=None)
@given(st.integers(1, 10**6), st.data(), st.floats(0.5, 0.999))
def test_limits_are_those_of_scipy(trials, data, level):
    successes = data.draw(st.integers(0, trials))
    wanted = binomtest(successes, trials).proportion_ci(level, method="wilson")
    assert wilson(successes, trials, level) == pytest.approx([wanted.low, wanted.high], abs=1e-9)


@settings(deadline=None)
@given(st.floats(0, 1), st.integers(1, 1000))
def test_the_interval_holds_its_proportion_and_mirrors_its_complement(share, trials):
    low, high = wilson(share * trials, trials)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    assert wilson(trials - share * trials, trials) == pytest.approx([1 - high, 1 - low])


def test_no_trials_say_nothing():
    assert wilson(0, 0) == pytest.approx((0, 1))


def test_arrays_are_taken_element_by_element():
    low, high = wilson([0, 10, 0], [10, 10, 0])
    assert low == pytest.approx([0, 0.7225, 0], abs=1e-4)
    assert high == pytest.approx([0.2775, 1, 1], abs=1e-4)
    assert [limit.shape for limit in wilson([], [])] == [(0,), (0,)]


def test_more_trials_and_a_lower_level_make_it_narrower():
    widths = [np.subtract(*reversed(wilson(n / 4, n, level))) for n, level in ((8, 0.95), (80, 0.95), (80, 0.8))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (np.nan, 3)])
def test_impossible_counts_are_refused(successes, trials):
    with pytest.raises(ValueError, match="between 0 and trials"):
        wilson(successes, trials)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_impossible_levels_are_refused(level):
    with pytest.raises(ValueError, match="level"):
        quantile(level)
