"""The topic model: non-negative matrix factorisation of tf-idf vectors, and the topics of any document under it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize, sparse
from sklearn.decomposition import NMF

from helix_pipeline.domain.topics.vocabulary import Vocabulary

MAX_ITERATIONS = 400

_RIDGE = 1e-10
"""Relative to the topics' mean squared length; keeps the solution unique where two topics are alike."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TopicModel:
    """Topics over a vocabulary.

    `words` (topics x words) are non-negative and sum to 1 in each row: P(word | topic). `prior` (topics) are the
    topics' shares of the training documents; they sum to 1. Topics are ordered by falling prior.
    """

    vocabulary: Vocabulary
    words: Floats
    prior: Floats

    def knows(self, weighted: sparse.csr_matrix) -> NDArray[np.bool_]:
        """Tell which documents (rows of `Vocabulary.weigh`) have a word that any topic has."""
        return np.asarray((weighted @ self.words.sum(axis=0)) > 0)

    def documents(self, weighted: sparse.csr_matrix) -> Floats:
        """Return the topics' shares of each document (rows of `Vocabulary.weigh`): documents x topics, rows sum to 1.

        Non-negative least squares (Lawson & Hanson 1974) of each document for itself, so that the result does not
        depend on how documents are cut into batches. A document with no known word, or none that any topic has, gets
        the prior: nothing speaks for another topic.
        """
        loads = _loads(self.words, weighted)
        mass = loads.sum(axis=1, keepdims=True)
        return np.where(mass > 0, loads / np.where(mass > 0, mass, 1), self.prior)


def most_topics(weighted: sparse.csr_matrix) -> int:
    """Return how many topics documents (rows of `Vocabulary.weigh`) allow: one each, and a word each."""
    return int(min((weighted.getnnz(axis=1) > 0).sum(), weighted.shape[1]))


def without_words(vocabulary: Vocabulary) -> TopicModel:
    """Return the model of documents without a known word: a single topic that has all of them."""
    return TopicModel(vocabulary, np.zeros((1, len(vocabulary.words))), np.ones(1))


def fit(vocabulary: Vocabulary, weighted: sparse.csr_matrix, topics: int, seed: int = 0) -> TopicModel:
    """Learn `topics` topics from documents (rows of `Vocabulary.weigh`); equal input and seed give an equal model.

    Lee & Seung (1999) with coordinate descent and the NNDSVD start of Boutsidis & Gallopoulos (2008); the seed only
    enters by the randomised SVD of that start. Topics that end up empty, as in a corpus of fewer different documents,
    are left out. Raises ValueError where there are fewer documents with a known word, or fewer words, than topics.
    """
    known = weighted[weighted.getnnz(axis=1) > 0]
    if not 1 <= topics <= min(known.shape):
        raise ValueError(f"{topics} topics from {known.shape[0]} documents with {known.shape[1]} known words")
    found = NMF(topics, init="nndsvd", max_iter=MAX_ITERATIONS, random_state=seed).fit(known).components_
    used = found[found.sum(axis=1) > 0]
    words = used / used.sum(axis=1, keepdims=True)
    loads = _loads(words, known)
    prior = loads.sum(axis=0) / loads.sum()
    order = np.argsort(-prior, kind="stable")
    return TopicModel(vocabulary, words[order], prior[order])


def _loads(words: Floats, weighted: sparse.csr_matrix) -> Floats:
    """Solve min |x - w·words| over w >= 0 for each row x, in the space of topics (by the Cholesky factor)."""
    if not words.any():
        return np.zeros((weighted.shape[0], len(words)))
    gram = words @ words.T
    factor = linalg.cholesky(gram + _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram)), lower=True)
    targets = linalg.solve_triangular(factor, (weighted @ words.T).T, lower=True).T
    return np.array([optimize.nnls(factor.T, target)[0] for target in targets]).reshape(-1, len(words))
