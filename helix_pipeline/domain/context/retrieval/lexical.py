"""BM25 over any units of a conversation (messages, sessions): Robertson & Zaragoza, "The Probabilistic Relevance
Framework: BM25 and Beyond", Foundations and Trends in Information Retrieval 3 (2009)."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SATURATION = 0.9
"""k1: how fast a term that is said again adds less. Messages hardly repeat a term, so it is low."""

LENGTH = 0.4
"""b: how much a long unit pays for its length."""


def rarity(counts: sparse.csc_matrix) -> NDArray[np.float64]:
    """Return the inverse document frequency of each term, over 0, float64[terms]; counts are units x terms."""
    units, times = counts.shape[0], np.diff(counts.indptr)
    return np.asarray(np.log1p((units - times + 0.5) / (times + 0.5)), np.float64)


def unseen_rarity(units: int) -> float:
    """Return the inverse document frequency of a term that no unit has."""
    return float(np.log1p((units + 0.5) / 0.5))


def bm25(counts: sparse.csc_matrix) -> sparse.csc_matrix:
    """Return the BM25 weight of each term in each unit, float32[units, terms], of how often it is said there."""
    lengths = np.asarray(counts.sum(axis=1)).ravel()
    mean = max(float(lengths.mean()), 1.0) if len(lengths) else 1.0
    penalty = (SATURATION * (1 - LENGTH + LENGTH * lengths / mean)).astype(np.float32)
    of_term = np.repeat(rarity(counts).astype(np.float32), np.diff(counts.indptr))
    weights = of_term * counts.data * (SATURATION + 1) / (counts.data + penalty[counts.indices])
    return sparse.csc_matrix((weights, counts.indices, counts.indptr), counts.shape)
