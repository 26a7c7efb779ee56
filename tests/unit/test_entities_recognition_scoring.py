"""Scores of spans: worked by hand, with the conventions of conlleval."""

import pytest

from helix_pipeline.domain.entities.recognition.scoring import (
    NONE,
    calibration_error,
    confusion,
    score,
    score_by_label,
    tagged_spans,
)


@pytest.mark.parametrize(
    ("tags", "spans"),
    [
        ("", []),
        ("O O", []),
        ("B-a I-a O B-b", [(0, 2, "a"), (3, 4, "b")]),
        ("B-a B-a", [(0, 1, "a"), (1, 2, "a")]),
        ("O I-a I-a", [(1, 3, "a")]),
        ("B-a I-b I-b", [(0, 1, "a"), (1, 3, "b")]),
        ("I-a O I-a", [(0, 1, "a"), (2, 3, "a")]),
    ],
)
def test_tags_are_read_as_conlleval_reads_them(tags, spans):
    assert tagged_spans(tags.split()) == spans


TRUE = [[(0, 1, "a"), (2, 4, "b")], [(0, 2, "a")], []]
FOUND = [[(0, 1, "a"), (2, 4, "a")], [(0, 1, "a")], [(5, 6, "b")]]


def test_spans_count_where_bounds_and_label_are_right():
    total = score(TRUE, FOUND)
    assert (total.right, total.found, total.true) == (1, 4, 3)
    assert total.precision == pytest.approx(1 / 4)
    assert total.recall == pytest.approx(1 / 3)
    assert total.f1 == pytest.approx(2 / 7)


def test_each_label_has_its_own_score():
    by_label = score_by_label(TRUE, FOUND)
    assert (by_label["a"].right, by_label["a"].found, by_label["a"].true) == (1, 3, 2)
    assert (by_label["b"].right, by_label["b"].found, by_label["b"].true) == (0, 1, 1)


def test_confusion_pairs_spans_of_the_same_bounds():
    assert confusion(TRUE, FOUND) == {("a", "a"): 1, ("b", "a"): 1, ("a", NONE): 1, (NONE, "a"): 1, (NONE, "b"): 1}


def test_nothing_at_all_scores_nothing():
    total = score([], [])
    assert (total.precision, total.recall, total.f1) == (0, 0, 0)


def test_calibration_error_is_the_distance_of_confidence_from_what_is_right():
    # Bin [.9, 1): 2 spans of .95, one right: |1.9 - 1| = .9. Bin [.2, .3): one of .25, right: .75. (.9 + .75) / 3
    assert calibration_error([0.95, 0.95, 0.25], [True, False, True]) == pytest.approx(0.55)
    assert calibration_error([1.0, 1.0], [True, True]) == 0
    assert calibration_error([], []) == 0
