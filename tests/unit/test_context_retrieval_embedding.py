"""The static embedding: pieces and vectors worked by hand, and what the shipped one knows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.context.retrieval.embedding import StaticEmbedding, static_embedding, unit

SMALL = StaticEmbedding(
    {"play": 0, "##ing": 1, "##s": 2, "p": 3},
    np.array([[10, 0], [0, 10], [0, 20], [1, 1]], np.int8),
    np.array([0.1, 0.2, 0.1, 1.0], np.float32),
)


@pytest.mark.parametrize(
    ("word", "vector"),
    [
        ("play", [1, 0]),
        ("playing", [1, 2]),
        ("plays", [1, 2]),
        ("playings", [1, 4]),
        ("PLÁYS", [1, 2]),
        ("ping", [1, 3]),
        ("player", [0, 0]),
        ("ing", [0, 0]),
        ("", [0, 0]),
    ],
)
def test_a_word_is_the_sum_of_its_longest_pieces(word, vector):
    assert SMALL.words([word])[0] == pytest.approx(vector)


def test_words_come_back_in_order_and_none_give_no_rows():
    assert SMALL.words(["??", "play", "plays"]) == pytest.approx(np.array([[0, 0], [1, 0], [1, 2]]))
    assert SMALL.words([]).shape == (0, 2)


def test_vectors_of_length_one_keep_their_direction_and_nothing_stays_nothing():
    assert unit(np.array([[3, 4], [0, 0]], np.float32)) == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))


def test_the_shipped_embedding_is_small_and_knows_what_is_related():
    known = static_embedding()
    assert known.quantised.nbytes + known.scales.nbytes < 8 << 20
    dog, puppy, cat, invoice = unit(known.words(["dog", "puppy", "cat", "invoice"]))
    assert dog @ puppy > dog @ cat > dog @ invoice
    assert dog @ puppy > 0.5 > 0.3 > dog @ invoice


def test_rare_words_count_more():
    common, rare = np.linalg.norm(static_embedding().words(["good", "violin"]), axis=1)
    assert rare > 1.2 * common


@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_unicode_has_a_finite_vector(words):
    found = static_embedding().words(words)
    assert found.shape == (len(words), 256)
    assert np.isfinite(found).all()
