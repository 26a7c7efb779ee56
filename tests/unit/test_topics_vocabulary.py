"""Words and weights of documents: which words are known, and tf-idf worked by hand."""

from collections import Counter
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix_pipeline.domain.topics.vocabulary import Vocabulary, document_frequencies, document_limits, tokens

texts = st.lists(st.lists(st.sampled_from("abcd"), max_size=6), max_size=6)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The Bank raised RATES.", ["bank", "raised", "rates"]),
        ("It's a state-of-the-art phone", ["state-of-the-art", "phone"]),
        ("I don\u2019t know O\u2019Brien", ["know", "o'brien"]),
        ("Plan B", ["plan"]),
        ("Zürich, Größe 42 km2", ["zürich", "größe", "km2"]),
        ("", []),
        ("12 34 . !", []),
    ],
)
def test_words_of_a_text(text, wanted):
    assert tokens(text) == wanted


@given(texts, texts)
def test_document_frequencies_add_up(left, right):
    assert document_frequencies(left) + document_frequencies(right) == document_frequencies(left + right)
    assert document_frequencies([["a", "a"], ["a", "b"]]) == {"a": 2, "b": 1}


def test_rare_and_common_words_are_left_out():
    frequencies = {"rare": 1, "few": 2, "half": 5, "most": 6}
    assert Vocabulary.choose(frequencies, 10, min_documents=2, max_share=0.5).words == ("few", "half")


def test_the_most_frequent_words_stay_and_ties_go_by_the_alphabet():
    frequencies = {"d": 3, "c": 2, "b": 2, "a": 1}
    chosen = Vocabulary.choose(frequencies, 10, min_documents=1, max_words=2)
    assert chosen.words == ("b", "d")
    assert chosen.documents.tolist() == [2, 3]


@given(texts)
def test_counts_are_those_of_a_counter(found):
    vocabulary = Vocabulary.choose({"a": 1, "b": 1, "d": 1}, 4, min_documents=1)
    wanted = [[Counter(text)[word] for word in "abd"] for text in found]
    assert vocabulary.counts(found).toarray().tolist() == wanted


def test_weights_by_hand():
    vocabulary = Vocabulary.choose({"a": 1, "b": 2}, 4, min_documents=1)
    weighted = vocabulary.weigh(vocabulary.counts([["a", "b", "b", "x"], ["x"]])).toarray()
    a, b = log(5), (1 + log(2)) * log(5 / 2)
    assert weighted == pytest.approx(np.array([[a, b], [0, 0]]) / sqrt(a * a + b * b))


def test_weighing_leaves_the_counts_as_they_are():
    vocabulary = Vocabulary.choose({"a": 1}, 4, min_documents=1)
    counts = vocabulary.counts([["a", "a"]])
    vocabulary.weigh(counts)
    assert counts.toarray().tolist() == [[2]]


def test_words_of_all_documents_weigh_something():
    vocabulary = Vocabulary.choose({"a": 1}, 1, min_documents=1, max_share=1)
    assert vocabulary.weigh(vocabulary.counts([["a"]])).toarray().tolist() == [[1.0]]


def test_words_that_no_text_has_are_left_out():
    vocabulary = Vocabulary.choose({"a": 1, "b": 2, "c": 3}, 9, min_documents=1).seen_in([["c", "x"], ["a"], []])
    assert (vocabulary.words, vocabulary.documents.tolist(), vocabulary.total) == (("a", "c"), [1, 3], 9)


@pytest.mark.parametrize(("total", "wanted"), [(1, (1, 0.5)), (19, (1, 9.5)), (20, (2, 10)), (1000, (5, 500))])
def test_a_small_corpus_asks_for_less(total, wanted):
    assert document_limits(total) == wanted


def test_an_empty_corpus_has_an_empty_vocabulary():
    vocabulary = Vocabulary.choose(document_frequencies([]), 0)
    assert vocabulary.words == ()
    assert vocabulary.weigh(vocabulary.counts([["a"], []])).shape == (2, 0)
    assert vocabulary.weigh(vocabulary.counts([])).shape == (0, 0)
