"""Words and labels: relevance and c-TF-IDF by hand, the odd word left out, and BBC News at the promised figures."""

import csv
import json
from math import log, sqrt

import numpy as np
import pytest
from scipy import sparse

from helix_pipeline.domain.topics.labels import class_tf_idf, labels, relevance, top_words
from helix_pipeline.domain.topics.model import TopicModel, fit
from helix_pipeline.domain.topics.quality import diversity, npmi
from helix_pipeline.domain.topics.vocabulary import Vocabulary, document_frequencies


def model(words: np.ndarray, prior: list[float]) -> TopicModel:
    names = {f"w{n:02}": 1 for n in range(words.shape[1])}
    return TopicModel(Vocabulary.choose(names, 100, min_documents=1), words, np.array(prior))


def test_relevance_by_hand():
    """The second word is half of both topics, the first topic three times as large."""
    found = relevance(model(np.array([[0.5, 0.5, 0], [0, 0.5, 0.5]]), [0.75, 0.25]))
    wanted = [[0.5, 0.5 * sqrt(0.75), 0], [0, 0.5 * sqrt(0.25), 0.5]]
    assert found == pytest.approx(np.array(wanted))


def test_a_word_of_no_topic_has_no_relevance():
    assert relevance(model(np.array([[1.0, 0.0]]), [1.0])).tolist() == [[1.0, 0.0]]


def test_the_word_that_shares_no_document_with_the_others_is_left_out():
    """Eleven words, the most relevant of which stands alone in its documents."""
    weights = np.linspace(2, 1, 11)[None, :]
    documents = np.vstack([np.eye(11)[:1], np.r_[0, np.ones(10)][None, :]])
    words = top_words(model(weights / weights.sum(), [1.0]), sparse.csr_matrix(documents))
    assert words == [[f"w{n:02}" for n in range(1, 11)]]


def test_of_words_equally_alike_the_least_relevant_is_left_out():
    weights = np.linspace(2, 1, 12)[None, :]
    words = top_words(model(weights / weights.sum(), [1.0]), sparse.csr_matrix(np.ones((3, 12))))
    assert words == [[f"w{n:02}" for n in range(10)]]


def test_company_in_a_single_document_counts_less_than_in_many():
    """Six words meet in one document, five in twenty: by the plain cosine the five have less company."""
    rare, common = np.r_[np.ones(6), np.zeros(5)] * 0.2, np.r_[np.zeros(6), np.ones(5)] * 0.2
    weights = np.linspace(2, 1, 11)[None, :]
    words = top_words(model(weights / weights.sum(), [1.0]), sparse.csr_matrix(np.vstack([rare] + [common] * 20)))
    assert words == [[f"w{n:02}" for n in range(11) if n != 5]]


def test_documents_that_a_word_has_for_itself_are_no_company():
    """w09 hardly meets the others but has five documents of its own; w10 is rare but always with them."""
    together, alone = np.r_[np.ones(9), 0.2, 0.1], np.r_[np.zeros(9), 1, 0]
    weights = np.linspace(2, 1, 11)[None, :]
    words = top_words(model(weights / weights.sum(), [1.0]), sparse.csr_matrix(np.vstack([together] + [alone] * 5)))
    assert words == [[f"w{n:02}" for n in range(11) if n != 9]]


def test_a_topic_of_few_words_lists_only_these():
    words = top_words(model(np.array([[0.5, 0.3, 0.2, 0]]), [1.0]), sparse.csr_matrix(np.ones((2, 4))))
    assert words == [["w00", "w01", "w02"]]


def test_class_tf_idf_by_hand():
    """Ten words in two classes, five on average; the first word is in both."""
    found = class_tf_idf(np.array([[2, 4, 0], [2, 0, 2]]))
    wanted = [
        [2 / 6 * log(1 + 5 / 4), 4 / 6 * log(1 + 5 / 4), 0],
        [2 / 4 * log(1 + 5 / 4), 0, 2 / 4 * log(1 + 5 / 2)],
    ]
    assert found == pytest.approx(np.array(wanted))


def test_a_class_without_words_and_a_word_never_seen_weigh_nothing():
    assert class_tf_idf(np.array([[2, 0], [0, 0]])).tolist() == [[log(1 + 1 / 2), 0], [0, 0]]


def test_labels_are_the_best_words_and_empty_for_a_class_without_words():
    counts = np.array([[2, 4, 0, 0], [2, 0, 2, 0], [0, 0, 0, 0]])
    assert labels(counts, ["year", "goal", "bank", "never"], 2) == ["goal · year", "bank · year", ""]


@pytest.mark.parametrize("topics", [10, 30])
def test_bbc_news_beats_every_published_model(data, topics):
    """The mean over 10 to 50 topics is bench/topics.py's; here two of them, each against the best published mean."""
    with (data / "topics" / "published_npmi.csv").open(encoding="utf-8") as rows:
        published = [row for row in csv.DictReader(rows) if row["dataset"] == "BBC News"]
    lines = (data / "topics" / "bbc_news.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"].split() for line in lines]
    vocabulary = Vocabulary.choose(document_frequencies(texts), len(texts), min_documents=1, max_share=1)
    weighted = vocabulary.weigh(vocabulary.counts(texts))
    found = top_words(fit(vocabulary, weighted, topics), weighted)
    assert npmi(found, texts).mean() > max(float(row["npmi"]) for row in published)
    assert diversity(found) > max(float(row["diversity"]) for row in published)
