"""What texts are about, as vectors of the static embedding that ships with the project."""

import re
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from helix_pipeline.domain.context.retrieval.embedding import static_embedding, unit

Vectors = NDArray[np.float32]

_WORD = re.compile(r"\w+")


def vectors(texts: Sequence[str]) -> Vectors:
    """Return the sum of the vectors of each text's words, of length 1: float32[texts, size]; 0 where it has none."""
    words = [_WORD.findall(text) for text in texts]
    distinct = sorted(set(chain.from_iterable(words)))
    place = {word: number for number, word in enumerate(distinct)}
    bounds = np.cumsum([0, *map(len, words)])
    numbers = np.fromiter((place[word] for said in words for word in said), np.int64, bounds[-1])
    counts = sparse.csr_matrix((np.ones(len(numbers), np.float32), numbers, bounds), (len(texts), len(distinct)))
    return unit(np.asarray(counts @ static_embedding().words(distinct), np.float32))
