"""Which sentences say most for their length: weighted coverage of terms, with diminishing returns.

A term weighs its inverse document frequency (Spärck Jones 1972). The worth of a selection is the sum over terms of
weight times the square root of how often it is covered: a monotone submodular function, so that saying the same again
is worth less, and the greedy selection by worth per token is near the best one (Lin & Bilmes, "A Class of Submodular
Functions for Document Summarization", ACL 2011). Worth only falls, so a stale value in a heap is an upper bound and
most sentences are never looked at again (Minoux 1978, "Accelerated greedy algorithms").
"""

import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

SLACK = 0.1
"""Share by which a sentence may be worth less than the best one and still be next. Each time that one is put back its
worth has fallen by this share, so the work is near-linear where frequent words touch every sentence (Badanidiyuru &
Vondrák, "Fast algorithms for maximizing submodular functions", SODA 2014)."""

_WORD = re.compile(r"\w+")


class Coverage:
    """The terms of some sentences, and how often a selection of them covers each."""

    def __init__(self, texts: Sequence[str]) -> None:
        counted = CountVectorizer(analyzer=_terms, binary=True).fit_transform(texts or [""]).tocsr()
        frequency = np.bincount(counted.indices, minlength=counted.shape[1])
        self._weights = np.log((1 + len(texts)) / frequency)
        self._bounds: NDArray[np.int32] = counted.indptr
        self._terms: NDArray[np.int32] = counted.indices
        self._covered = np.zeros(counted.shape[1])

    def gain(self, place: int) -> float:
        """Return what the sentence at this place would add to the selection."""
        terms = self._of(place)
        covered = self._covered[terms]
        return float(self._weights[terms] @ (np.sqrt(covered + 1) - np.sqrt(covered)))

    def take(self, place: int) -> None:
        """Add the sentence to the selection."""
        self._covered[self._of(place)] += 1

    def _of(self, place: int) -> NDArray[np.int32]:
        return self._terms[self._bounds[place] : self._bounds[place + 1]]


def by_worth(coverage: Coverage, places: Iterable[int], cost: Callable[[int], int]) -> Iterator[int]:
    """Yield places by gain per token at the time, to within `SLACK`; the caller takes what it selects.

    `cost` gives a sentence's tokens (0 counts as 1); what changes meanwhile counts from the next look at the sentence.
    """

    def worth_of(place: int) -> float:
        return -coverage.gain(place) / max(1, cost(place))

    heap = [(worth_of(place), place) for place in places]
    heapq.heapify(heap)
    while heap:
        _, place = heapq.heappop(heap)
        now = worth_of(place)
        if heap and now > (1 - SLACK) * heap[0][0]:
            heapq.heappush(heap, (now, place))
        else:
            yield place


def _terms(text: str) -> list[str]:
    return _WORD.findall(text.lower()) or [text]
