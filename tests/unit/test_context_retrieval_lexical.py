"""Terms and BM25: worked by hand, and what holds for any counts."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from helix_pipeline.domain.context.retrieval.lexical import LENGTH, SATURATION, bm25, rarity, unseen_rarity
from helix_pipeline.domain.context.retrieval.terms import terms
from helix_pipeline.domain.context.text import analyse
from helix_pipeline.domain.context.words import Words


def words(text: str) -> Words:
    return Words(analyse(pa.array([text], pa.string())))


def test_terms_are_stems_without_marks_stop_words_and_names():
    found = terms(words("Anna's painting and the Paintings, painted in 2023!"), {"anna"})
    assert found.stems == ["paint", "2023"]
    assert found.words == ["painting", "2023"]
    assert [found.stems[number] if number >= 0 else None for number in found.of_piece] == [
        *(None, None, "paint", None, None, "paint", None, "paint", None, "2023", None),
    ]


def test_the_word_of_a_term_has_no_apostrophe_before_it():
    assert terms(words("rock 'n'roll 'tis")).words == ["rock", "n", "roll", "tis"]


def test_a_text_without_words_has_no_terms():
    assert terms(words("?! …")).stems == []


def test_weights_are_those_worked_by_hand():
    # Two messages of 1 and 3 terms, 2 on average; the first term is in both, the second in one.
    counts = sparse.csc_matrix(np.array([[1, 0], [1, 2]], np.float32))
    rare, common = np.log1p(1.5 / 1.5), np.log1p(0.5 / 2.5)
    assert rarity(counts) == pytest.approx([common, rare])
    short, long = SATURATION * (1 - LENGTH + LENGTH * 0.5), SATURATION * (1 - LENGTH + LENGTH * 1.5)
    gain = SATURATION + 1
    expected = [[common * gain / (1 + short), 0], [common * gain / (1 + long), rare * 2 * gain / (2 + long)]]
    assert bm25(counts).toarray() == pytest.approx(np.array(expected))


def test_a_term_that_nobody_said_is_rarer_than_any():
    counts = sparse.csc_matrix(np.eye(4, 3, dtype=np.float32))
    assert unseen_rarity(4) == pytest.approx(np.log(10))
    assert unseen_rarity(4) > rarity(counts).max()


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 2), (2, 2)])
def test_nothing_said_has_no_weights(shape):
    assert bm25(sparse.csc_matrix(shape, dtype=np.float32)).nnz == 0


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=1, max_size=8))
def test_saying_a_term_again_weighs_more_but_never_beyond_its_bound(rows):
    counts = sparse.csc_matrix(np.array(rows, np.float32))
    weights = bm25(counts).toarray()
    bounds = (SATURATION + 1) * rarity(counts)
    assert ((weights > 0) == (np.array(rows) > 0)).all()
    assert (weights <= bounds * 1.0001).all()
