"""The words of turns as vectors, and how alike they are. Stateless: a turn has the same vector in every batch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

FEATURES = 2**18
"""Buckets for words; a debate has a few thousand, so that collisions do not matter."""

_CONTENT = HashingVectorizer(n_features=FEATURES, alternate_sign=False, norm=None, stop_words="english")


def vectors(texts: Sequence[str]) -> csr_array:
    """Return unit vectors (rows, `FEATURES`) of the content words, weighted 1 + ln(count).

    The sublinear weight is that of Manning, Raghavan and Schütze (2008), 6.4.1. A text without words is zero.
    """
    if not texts:
        return csr_array((0, FEATURES))
    counts = csr_array(_CONTENT.transform(texts))
    counts.data = 1.0 + np.log(counts.data)
    return csr_array(normalize(counts))


def cosines(rows: csr_array, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the cosine, in [0, 1], of each pair of rows `a[i]` and `b[i]` of unit vectors; 0 where one is zero."""
    if not len(a):
        return np.zeros(0)
    products = np.asarray(rows[a].multiply(rows[b]).sum(axis=1), float).ravel()
    return np.asarray(np.clip(products, 0.0, 1.0))


def likeness(rows: csr_array) -> NDArray[np.float64]:
    """Return the cosines, in [0, 1], of all pairs of n unit vectors: (n, n); for the turns of one debate."""
    return np.asarray(np.clip((rows @ rows.T).toarray(), 0.0, 1.0))


def words(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of words of each text: what whitespace separates."""
    return np.fromiter((len(text.split()) for text in texts), np.int64, len(texts))
