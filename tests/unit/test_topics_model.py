"""The topic model: planted topics are found, every document has one, and nothing depends on batches or chance."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from helix_pipeline.domain.topics.model import TopicModel, fit, without_words
from helix_pipeline.domain.topics.selection import Trial, best, number_of_topics, trials
from helix_pipeline.domain.topics.vocabulary import Vocabulary, document_frequencies

THEMES = ("goal match team player coach", "bank rate loan share profit", "film actor scene star movie")


def planted(documents: int = 60, seed: int = 0) -> list[list[str]]:
    """Documents of four of five words of one theme each, and a word that all themes share."""
    random = np.random.default_rng(seed)
    themes = [theme.split() for theme in THEMES]
    return [[*random.choice(themes[n % 3], 4, replace=False).tolist(), "year"] for n in range(documents)]


def learnt(texts: list[list[str]], topics: int = 3, seed: int = 0) -> tuple[TopicModel, sparse.csr_matrix]:
    vocabulary = Vocabulary.choose(document_frequencies(texts), len(texts), min_documents=1, max_share=1)
    weighted = vocabulary.weigh(vocabulary.counts(texts))
    return fit(vocabulary, weighted, topics, seed), weighted


def test_planted_topics_are_found():
    texts = planted()
    model, weighted = learnt(texts)
    heads = [{model.vocabulary.words[n] for n in np.argsort(-row)[:5]} for row in model.words]
    assert sorted(map(sorted, heads)) == sorted(sorted(theme.split()) for theme in THEMES)
    chosen = model.documents(weighted).argmax(axis=1)
    assert all(set(text) - {"year"} <= heads[topic] for text, topic in zip(texts, chosen, strict=True))


def test_topics_are_ordered_by_size():
    assert (np.diff(learnt(planted(seed=1), topics=6)[0].prior) < 0).all()


def test_shares_are_distributions():
    texts = planted(30) + planted(60)[::3]
    model, weighted = learnt(texts)
    assert model.words.sum(axis=1) == pytest.approx(np.ones(3))
    assert model.documents(weighted).sum(axis=1) == pytest.approx(np.ones(len(texts)))
    assert model.prior.sum() == pytest.approx(1)
    assert (model.words >= 0).all()


def test_shares_by_hand():
    """Two topics of one word each: the shares are the proportions of the tf-idf weights."""
    vocabulary = Vocabulary.choose({"a": 1, "b": 1}, 2, min_documents=1)
    model = TopicModel(vocabulary, np.eye(2), np.array([0.7, 0.3]))
    weighted = sparse.csr_matrix([[0.6, 0.2], [0, 0.9]])
    assert model.documents(weighted) == pytest.approx(np.array([[0.75, 0.25], [0, 1]]))


def test_overlapping_topics_are_told_apart():
    vocabulary = Vocabulary.choose({"a": 1, "b": 1, "c": 1}, 3, min_documents=1)
    model = TopicModel(vocabulary, np.array([[0.5, 0.5, 0], [0, 0.5, 0.5]]), np.array([0.5, 0.5]))
    weighted = sparse.csr_matrix(0.3 * model.words[:1] + 0.1 * model.words[1:])
    assert model.documents(weighted) == pytest.approx(np.array([[0.75, 0.25]]))


def test_a_document_without_a_known_word_has_the_shares_of_the_corpus():
    model, _ = learnt(planted())
    weighted = model.vocabulary.weigh(model.vocabulary.counts([[], ["zebra"], ["goal"]]))
    shares = model.documents(weighted)
    assert shares[0].tolist() == shares[1].tolist() == model.prior.tolist()
    assert shares[2].max() > 0.9


def test_words_of_no_topic_leave_the_prior():
    vocabulary = Vocabulary.choose({"a": 1, "b": 1}, 2, min_documents=1)
    model = TopicModel(vocabulary, np.array([[1.0, 0.0]]), np.array([1.0]))
    assert model.documents(sparse.csr_matrix([[0.0, 1.0]])).tolist() == [[1.0]]


def test_documents_with_a_word_of_a_topic_are_known():
    vocabulary = Vocabulary.choose({"a": 1, "b": 1}, 2, min_documents=1)
    model = TopicModel(vocabulary, np.array([[1.0, 0.0]]), np.array([1.0]))
    assert model.knows(vocabulary.weigh(vocabulary.counts([["a", "b"], ["b"], []]))).tolist() == [True, False, False]


@pytest.mark.parametrize("frequencies", [{}, {"a": 1}])
def test_without_words_a_single_topic_has_all_documents(frequencies):
    vocabulary = Vocabulary.choose(frequencies, 2, min_documents=1)
    weighted = vocabulary.weigh(vocabulary.counts([["a"], []]))
    model = without_words(vocabulary)
    assert model.documents(weighted).tolist() == [[1.0], [1.0]]
    assert model.knows(weighted).tolist() == [False, False]


def test_no_documents_have_no_topics():
    model, weighted = learnt(planted())
    assert model.documents(weighted[:0]).shape == (0, 3)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=4))
def test_shares_do_not_depend_on_how_documents_are_batched(cuts):
    model, weighted = learnt(planted())
    bounds = [0, *sorted(cuts), 60]
    parts = [model.documents(weighted[start:end]) for start, end in pairwise(bounds)]
    assert np.concatenate(parts) == pytest.approx(model.documents(weighted), abs=1e-12)


def test_equal_seeds_give_equal_models():
    first, again = learnt(planted(), seed=5)[0], learnt(planted(), seed=5)[0]
    assert np.array_equal(first.words, again.words)
    assert np.array_equal(first.prior, again.prior)


def test_documents_without_a_known_word_do_not_change_the_model():
    texts = planted()
    vocabulary = Vocabulary.choose(document_frequencies(texts), len(texts), min_documents=1, max_share=1)
    models = [fit(vocabulary, vocabulary.weigh(vocabulary.counts(t)), 3) for t in (texts, [[], *texts, ["zebra"]])]
    assert np.array_equal(models[0].words, models[1].words)


@pytest.mark.parametrize(("documents", "topics"), [(0, 1), (2, 3), (60, 17), (60, 0)])
def test_more_topics_than_documents_or_words_are_refused(documents, topics):
    with pytest.raises(ValueError, match=f"{topics} topics from {documents} documents"):
        learnt(planted(documents), topics)


def test_identical_documents_make_a_single_topic():
    model, weighted = learnt([["a", "b"], ["c", "d"], ["a", "b"], ["c", "d"]], topics=3)
    assert model.documents(weighted).sum(axis=1) == pytest.approx(np.ones(4))
    assert np.isfinite(model.words).all()


def test_the_planted_number_of_topics_is_chosen():
    texts = planted(90)
    vocabulary = Vocabulary.choose(document_frequencies(texts), len(texts), min_documents=1, max_share=0.9)
    found = trials(vocabulary, texts, (1, 2, 3, 6))
    assert [len(trial.model.prior) for trial in found] == [1, 2, 3, 6]
    assert len(best(found).model.prior) == 3


def test_topics_of_a_single_word_are_the_worst():
    texts = [["a"], ["b"], ["c"]]
    vocabulary = Vocabulary.choose(document_frequencies(texts), 3, min_documents=1, max_share=1)
    assert [(trial.npmi, trial.quality) for trial in trials(vocabulary, texts, (3,))] == [(-1, 0)]


def test_of_equal_trials_the_one_with_fewer_topics_is_best():
    model = learnt(planted())[0]
    many, few = Trial(model, [["a"], ["b"]], 0.5, 0.5), Trial(model, [["a"]], 0.5, 0.5)
    assert best([many, few]) is best([few, many]) is few
    with pytest.raises(ValueError, match="empty"):
        best([])


def test_numbers_beyond_the_corpus_are_tried_as_its_largest():
    texts = [["a", "b"], ["c", "d"], ["e", "f"]]
    vocabulary = Vocabulary.choose(document_frequencies(texts), 3, min_documents=1, max_share=1)
    assert [len(trial.model.prior) for trial in trials(vocabulary, texts, (2, 50, 60))] == [2, 3]
    assert trials(vocabulary, [], (2,)) == trials(vocabulary, [["zebra"]], (2,)) == []


def test_the_number_wanted_is_taken_as_far_as_the_texts_allow():
    texts = planted(90)
    vocabulary = Vocabulary.choose(document_frequencies(texts), len(texts), min_documents=1, max_share=0.9)
    assert number_of_topics(vocabulary, texts, 7) == 7
    assert number_of_topics(vocabulary, texts, 500) == len(vocabulary.words) == 15
    assert number_of_topics(vocabulary, texts) == len(best(trials(vocabulary, texts)).words)
    assert number_of_topics(vocabulary, [["zebra"]]) == number_of_topics(vocabulary, [["zebra"]], 3) == 0
