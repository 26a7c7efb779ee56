"""Association and direction of pairs: values worked by hand, and scipy's own tests as the oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

from helix_pipeline.domain.relationships import association, direction


@st.composite
def tables(draw):
    """Counts (both, a, b, total) that can be: both at most a and b, and a + b - both at most total."""
    both, only_a, only_b, neither = (draw(st.integers(0, 30)) for _ in range(4))
    return both, both + only_a, both + only_b, max(1, both + only_a + only_b + neither)


def test_worked_values():
    # 4 of 10 contexts name both, 5 name a, 4 name b: lift = .4 / (.5 * .4) = 2, NPMI = ln 2 / -ln .4.
    counts = (4, 5, 4, 10)
    assert association.lift(*counts) == pytest.approx(2.0)
    assert association.npmi(*counts) == pytest.approx(0.756471, abs=1e-6)
    # All four b among the five a: C(5, 4) of C(10, 4) = 5 / 210.
    assert association.p_value(*counts) == pytest.approx(5 / 210)


def test_limits():
    both, a, b = [0, 3, 2, 10], [5, 3, 5, 10], [5, 3, 4, 10]
    assert association.npmi(both, a, b, 10).tolist() == pytest.approx([-1.0, 1.0, 0.0, 1.0])
    assert association.lift(both, a, b, 10).tolist() == pytest.approx([0.0, 10 / 3, 1.0, 1.0])
    assert association.p_value(both, a, b, 10)[[0, 3]].tolist() == pytest.approx([1.0, 1.0])


@given(tables())
def test_the_p_value_is_fishers(counts):
    both, a, b, total = counts
    table = [[both, a - both], [b - both, max(0, total - a - b + both)]]
    expected = fisher_exact(table, alternative="greater").pvalue
    assert association.p_value(*counts) == pytest.approx(expected, rel=1e-7)


@given(tables())
def test_npmi_lies_between_its_limits_and_has_the_sign_of_the_association(counts):
    both, a, b, total = counts
    if a and b:
        value = float(association.npmi(*counts))
        assert -1 <= value <= 1 + 1e-12
        if 0 < both < total:
            assert np.sign(round(value, 9)) == np.sign(round(float(association.lift(*counts)) - 1, 9))


def test_overlapping_contexts_count_once():
    # Each message in three windows: 12, 15, 12 of 30 are 4, 5, 4 of 10; 14 together are still 4, 13 with b are 5.
    assert association.p_value(12, 15, 12, 30, 3) == pytest.approx(5 / 210)
    assert association.p_value(14, 15, 14, 30, 3) == association.p_value(4, 5, 5, 10)


def test_arrays_are_measured_as_their_elements():
    counts = np.array([[4, 5, 4, 10], [1, 5, 4, 10], [0, 1, 1, 3]])
    for measure in (association.lift, association.npmi, association.p_value):
        assert measure(*counts.T).tolist() == [float(measure(*row)) for row in counts]


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_direction_is_a_binomial_test(a_first, b_first):
    expected = binomtest(a_first, a_first + b_first).pvalue if a_first + b_first else 1.0
    assert direction.p_value(a_first, b_first) == pytest.approx(expected)
    assert direction.p_value([b_first], [a_first])[0] == direction.p_value(a_first, b_first)
