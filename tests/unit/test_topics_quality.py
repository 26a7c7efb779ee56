"""Coherence and diversity: values worked by hand, and gensim's own rules for windows."""

from itertools import pairwise
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.topics.quality import c_v, count_windows, diversity, npmi

words = st.sampled_from("abcde")
texts = st.lists(st.lists(words, max_size=9), min_size=1, max_size=5)


def value(joint: float, left: float, right: float) -> float:
    """NPMI by its definition."""
    return log(joint / (left * right)) / -log(joint)


def slid(text: list[str], size: int) -> list[set[str]]:
    """The model of a sliding window: leaving takes a word out, coming in puts it back."""
    seen = [set(text[:size])]
    windows = [text[start : start + size] for start in range(max(len(text) - size, 0) + 1)]
    for before, after in pairwise(windows):
        seen.append((seen[-1] - {before[0]}) | {after[-1]})
    return seen


@given(texts, st.integers(1, 5))
def test_windows_are_those_of_a_plain_loop(found, size):
    counts = count_windows(found, "abcd", size)
    seen = [window for text in found for window in slid(text, size)]
    wanted = [[sum({a, b} <= window for window in seen) for b in "abcd"] for a in "abcd"]
    assert counts.together.tolist() == wanted
    assert counts.total == len(seen)


def test_a_word_that_slides_out_is_gone_though_a_copy_is_inside():
    counts = count_windows([["a", "a", "b", "c"]], ["a", "b"], 3)
    assert counts.total == 2
    assert counts.together.tolist() == [[1, 1], [1, 2]]


def test_a_text_shorter_than_the_window_is_one_window_even_when_empty():
    counts = count_windows([["a", "b", "a"], []], ["a", "b"], 10)
    assert (counts.total, counts.together.tolist()) == (2, [[1, 1], [1, 1]])


def test_npmi_of_four_short_texts():
    found = [["a", "b"], ["a", "b"], ["a", "c"], ["d"]]
    a_b, a_c = value(1 / 2, 3 / 4, 1 / 2), value(1 / 4, 3 / 4, 1 / 4)
    apart = log(1e-12 / (1 / 2 * 1 / 4)) / -log(1e-12)
    wanted = [a_b, (a_b + a_c + apart) / 3]
    assert npmi([["a", "b"], ["a", "b", "c"]], found) == pytest.approx(wanted, abs=1e-9)


def test_words_always_together_have_npmi_one_and_words_never_together_nearly_minus_one():
    found = [["a", "b"], ["c"]]
    assert npmi([["a", "b"]], found)[0] == pytest.approx(1)
    assert npmi([["a", "c"]], found)[0] == pytest.approx(log(1e-12 * 4) / -log(1e-12))


def test_npmi_uses_windows_of_ten_words():
    apart = ["a", *"x" * 9, "b", *"x" * 9]
    near = ["a", *"x" * 8, "b", *"x" * 10]
    assert npmi([["a", "b"]], [apart])[0] < -0.9
    assert npmi([["a", "b"]], [near])[0] > -0.9


def test_only_the_top_words_count():
    found = [["a", "b"], ["a", "b"], ["c"]]
    assert npmi([["a", "b", "c"]], found, top=2)[0] == pytest.approx(1)
    assert c_v([["a", "b", "c"]], found, top=2)[0] == pytest.approx(1)
    assert diversity([["a", "b", "c"], ["d", "e", "c"]], top=2) == 1


def test_c_v_of_two_words():
    found = [["a", "b"], ["a", "b"], ["a"], ["c"]]
    x = value(1 / 2, 3 / 4, 1 / 2)
    vectors, whole = [(1, x), (x, 1)], (1 + x, 1 + x)
    cosine = sum(p * q for p, q in zip(vectors[0], whole, strict=True)) / (sqrt(1 + x * x) * sqrt(2) * (1 + x))
    assert c_v([["a", "b"]], found)[0] == pytest.approx(cosine, abs=1e-9)
    assert cosine == pytest.approx(0.9241, abs=1e-4)


def test_c_v_uses_windows_of_110_words():
    apart, near = ["a", *"x" * 109, "b", *"x" * 109], ["a", *"x" * 108, "b", *"x" * 110]
    assert c_v([["a", "b"]], [near])[0] > c_v([["a", "b"]], [apart])[0]


@given(texts)
def test_coherence_stays_in_its_range_and_ignores_the_order_of_words(found):
    known = sorted({word for text in found for word in text})
    if len(known) > 1:
        there, back = npmi([known], found), npmi([known[::-1]], found)
        assert abs(there[0]) <= 1 + 1e-9
        assert there == pytest.approx(back)


def test_a_word_of_no_text_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="'zebra'"):
        npmi([["a", "zebra"]], [["a"]])
    with pytest.raises(ValueError, match="'zebra'"):
        c_v([["a", "zebra"]], [["a"]])


def test_a_topic_of_one_word_has_no_coherence():
    assert np.isnan(npmi([["a"]], [["a"], ["b"]])).all()
    assert npmi([], [["a"]]).shape == (0,)


@pytest.mark.parametrize(
    ("topics", "wanted"),
    [
        ([["a", "b"], ["c", "d"]], 1),
        ([["a", "b"], ["b", "c"]], 3 / 4),
        ([["a", "b"], ["a", "b"]], 1 / 2),
        ([["a"], ["b", "c"]], 3 / 4),
    ],
)
def test_diversity_is_the_share_of_different_words(topics, wanted):
    assert diversity(topics, top=2) == wanted


def test_no_topics_have_no_diversity():
    assert np.isnan(diversity([]))
