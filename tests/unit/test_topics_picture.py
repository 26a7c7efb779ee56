"""The picture of topics: valid, equal for equal input, every label in it, no bubble over another."""

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix_pipeline.domain.topics.picture import apart, svg

LABELS = ["goal · match", "bank · a<b&c · $x$", "", "naïve · 東京"]
POSITIONS = np.array([[0.5, 0], [-0.5, 0.1], [0, 0], [0, 0]])
COHERENCE = np.array([0.3, np.nan, -1, 1])


def drawn() -> bytes:
    return svg(POSITIONS, [500, 20, 0, 3], LABELS, COHERENCE, "Topics of <all>")


def test_every_label_is_in_the_picture_as_text():
    texts = {(node.text or "").strip() for node in ElementTree.fromstring(drawn()).iter()}
    assert {word for label in LABELS for word in label.split(" · ")} | {"Topics of <all>"} <= texts


def test_equal_input_gives_equal_bytes_without_a_date():
    assert drawn() == drawn()
    assert b"<dc:date>" not in drawn()


def test_a_topic_alone_can_be_drawn():
    picture = svg(np.zeros((1, 2)), [0], [""], np.array([np.nan]), "title")
    assert ElementTree.fromstring(picture).tag.endswith("svg")


def test_two_circles_part_by_half_of_what_they_overlap():
    found = apart(np.array([[-1.0, 0], [1, 0]]), np.array([2.0, 1.0]))
    assert found == pytest.approx(np.array([[-1.5, 0], [1.5, 0]]), abs=2e-3)


def test_circles_that_do_not_overlap_stay():
    places = np.array([[-1.0, 0], [1, 0], [0, 9]])
    assert apart(places, np.array([1.0, 0.5, 3])) == pytest.approx(places, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.floats(0.1, 1)), min_size=2, max_size=30))
def test_no_circle_is_left_over_another(circles):
    radii = np.array([radius for *_, radius in circles])
    found = apart(np.array([place for *place, _ in circles], dtype=float), radii)
    distances = np.linalg.norm(found[:, None] - found[None], axis=2)
    overlap = (radii[:, None] + radii - distances)[np.triu_indices(len(radii), 1)]
    assert overlap.max() < 0.02
