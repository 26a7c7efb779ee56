"""Keeps the vectors of the words seen last, so that a word is computed once, not each time that it is said."""

from collections.abc import Callable, Sequence
from threading import Lock

import numpy as np

from helix_pipeline.domain.entities.recognition.features import Vectors

WORDS_KEPT = 1 << 16
"""Words whose vectors are remembered: tens of megabytes at most."""


class WordVectors:
    """The vectors of at most `WORDS_KEPT` words; safe to share between threads.

    `compute` gives the vectors of words, float32[words, size].
    """

    def __init__(self, compute: Callable[[Sequence[str]], Vectors], size: int) -> None:
        self._compute = compute
        self._lock = Lock()
        self._numbers: dict[str, int] = {}
        self._vectors = np.zeros((0, size), np.float32)

    def of(self, words: Sequence[str]) -> Vectors:
        """Return the vectors of words, float32[words, size]."""
        if len(words) > WORDS_KEPT:
            return self._compute(words)
        with self._lock:
            fresh = [word for word in dict.fromkeys(words) if word not in self._numbers]
            if len(self._numbers) + len(fresh) > WORDS_KEPT:
                self._numbers, self._vectors, fresh = {}, self._vectors[:0], list(dict.fromkeys(words))
            if fresh:
                self._add(fresh)
            return self._vectors[[self._numbers[word] for word in words]]

    def _add(self, words: Sequence[str]) -> None:
        known = len(self._numbers)
        if known + len(words) > len(self._vectors):
            longer = np.zeros((min(WORDS_KEPT, 2 * (known + len(words))), self._vectors.shape[1]), np.float32)
            longer[:known] = self._vectors[:known]
            self._vectors = longer
        self._vectors[known : known + len(words)] = self._compute(words)
        self._numbers.update(zip(words, range(known, known + len(words)), strict=True))
