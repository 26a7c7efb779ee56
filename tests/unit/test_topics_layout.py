"""The picture: distances known by hand, and the same picture however the axes happen to point."""

from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from helix_pipeline.domain.topics.layout import positions

FAR = sqrt(log(2))
"""The Jensen-Shannon distance of topics that share no word."""


def test_topics_without_a_common_word_are_equally_far_apart():
    assert pdist(positions(np.eye(3))) == pytest.approx([FAR, FAR, FAR])


def test_two_topics_lie_on_the_first_axis_about_the_origin():
    found = positions(np.eye(2))
    assert np.sort(found[:, 0]) == pytest.approx([-FAR / 2, FAR / 2])
    assert found[:, 1] == pytest.approx([0, 0], abs=1e-7)


def test_equal_topics_have_one_place():
    found = positions(np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]]))
    assert found[0] == pytest.approx(found[1], abs=1e-7)
    assert np.linalg.norm(found[0] - found[2]) == pytest.approx(FAR)


def test_a_topic_alone_is_at_the_origin_and_none_have_no_place():
    assert positions(np.array([[0.2, 0.8]])).tolist() == [[0, 0]]
    assert positions(np.zeros((0, 3))).shape == (0, 2)


@given(st.integers(0, 10_000))
def test_the_furthest_point_of_each_axis_is_positive_and_the_first_axis_is_the_longer(seed):
    found = positions(np.random.default_rng(seed).dirichlet(np.ones(6), 5))
    assert (found.max(axis=0) >= -found.min(axis=0) - 1e-9).all()
    assert np.linalg.norm(found[:, 0]) >= np.linalg.norm(found[:, 1])
    assert found.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
