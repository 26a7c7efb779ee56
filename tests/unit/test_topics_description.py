"""What is told of topics: words with weights, labels, coherence, and nothing but defaults where there are no words."""

import numpy as np
import pytest

from helix_pipeline.domain.topics.description import describe
from helix_pipeline.domain.topics.model import TopicModel, without_words
from helix_pipeline.domain.topics.quality import c_v, npmi
from helix_pipeline.domain.topics.vocabulary import Vocabulary

TEXTS = [["goal", "match"], ["bank", "rate"], ["goal", *["of"] * 12, "match", "rate"], ["bank", "rate"]]
VOCABULARY = Vocabulary.choose({"bank": 2, "goal": 2, "match": 2, "rate": 3}, 4, min_documents=1, max_share=1)
MODEL = TopicModel(VOCABULARY, np.array([[0.6, 0, 0, 0.4], [0, 0.7, 0.3, 0]]), np.array([0.5, 0.5]))
SHARES = np.array([[0, 1], [1, 0], [0.2, 0.8], [1, 0]])


def test_words_come_with_their_weights_and_labels_with_the_documents():
    told = describe(MODEL, TEXTS, SHARES)
    assert told.words == [["bank", "rate"], ["goal", "match"]]
    assert told.weights == [[0.6, 0.4], [0.7, 0.3]]
    assert told.labels == ["bank · rate", "goal · match · rate"]
    assert told.diversity == 4 / 20
    assert told.positions.shape == (2, 2)


def test_coherence_is_counted_over_known_words():
    told = describe(MODEL, TEXTS, SHARES)
    """Words that are not known would stand between the others and move them into different windows."""
    known = [[word for word in text if word != "of"] for text in TEXTS]
    assert told.npmi.tolist() == npmi(told.words, known).tolist()
    assert told.c_v.tolist() == c_v(told.words, known).tolist()


def test_a_topic_that_is_first_nowhere_is_called_by_its_words():
    told = describe(MODEL, TEXTS, np.array([[1.0, 0]] * 4))
    assert told.labels[1] == "goal · match"


def test_a_topic_of_one_word_has_no_coherence():
    model = TopicModel(VOCABULARY, np.array([[0.6, 0, 0, 0.4], [0, 1.0, 0, 0]]), np.array([0.5, 0.5]))
    told = describe(model, TEXTS, SHARES)
    assert told.words[1] == ["goal"]
    assert np.isfinite(told.npmi).tolist() == np.isfinite(told.c_v).tolist() == [True, False]


@pytest.mark.parametrize("texts", [[], [["zebra"]]])
def test_a_topic_without_words_has_neither_label_nor_coherence(texts):
    told = describe(without_words(VOCABULARY), texts, np.ones((len(texts), 1)))
    assert (told.words, told.weights, told.labels, told.diversity) == ([[]], [[]], [""], 0.0)
    assert np.isnan(told.npmi).all()
    assert np.isnan(told.c_v).all()
