"""How good topics are: coherence (NPMI and C_v) and diversity of their top words.

Computed the way OCTIS does, so that figures compare with published ones: coherence as gensim's `CoherenceModel` counts
it over the texts that the topics were learnt from, diversity as the share of different words among all top words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

TOP = 10
"""Words per topic that count (OCTIS' default)."""

NPMI_WINDOW, C_V_WINDOW = 10, 110
"""Sizes of the sliding window in words (Röder et al. 2015, table 8; gensim's defaults)."""

_EPSILON = 1e-12

Topics = Sequence[Sequence[str]]
"""The words of each topic, most important first."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """In how many of `total` windows two words occur together; the diagonal has the windows of each word."""

    places: dict[str, int]
    together: NDArray[np.int64]
    total: int

    def npmi(self, words: Sequence[str]) -> Floats:
        """Return the normalised pointwise mutual information of each pair of words: symmetric, in [-1, 1].

        1 for words that only occur together, near -1 for words that never meet (Bouma 2009); -1 also for words of
        every window, where the measure is undefined. Raises ValueError for a word that no text has.
        """
        missing = [word for word in words if word not in self.places or not self.together[(self.places[word],) * 2]]
        if missing:
            raise ValueError(f"no text has the topic word {missing[0]!r}")
        at = [self.places[word] for word in words]
        joint = self.together[np.ix_(at, at)] / self.total
        single = joint.diagonal()
        ratio = np.log((joint + _EPSILON) / np.outer(single, single))
        return np.asarray(ratio / -np.log(joint + _EPSILON), dtype=np.float64)


def count_windows(texts: Iterable[Sequence[str]], words: Iterable[str], size: int) -> WindowCounts:
    """Count in which windows of `size` successive words the given words occur; a shorter text is one window.

    A window "has" a word as gensim 4's `WordOccurrenceAccumulator` sees it: a word that slides out at the left is
    gone until it comes in again at the right, although another copy may still stand inside. Published figures carry
    this, so it is kept.
    """
    places = {word: place for place, word in enumerate(dict.fromkeys(words))}
    together = np.zeros((len(places), len(places)), dtype=np.int64)
    total = 0
    for text in texts:
        total += max(len(text) - size, 0) + 1
        ids = np.array([places.get(word, -1) for word in text], dtype=np.int64)
        positions = np.flatnonzero(ids >= 0)
        if positions.size:
            found, columns = np.unique(ids[positions], return_inverse=True)
            seen = _presence(positions, columns, size, max(len(text) - size, 0) + 1).astype(np.float64)
            together[np.ix_(found, found)] += np.rint(seen.T @ seen).astype(np.int64)
    return WindowCounts(places, together, total)


def _presence(positions: NDArray[np.int64], columns: NDArray[np.int64], size: int, windows: int) -> NDArray[np.bool_]:
    """Return which windows (rows) of a text have which words (columns): those that came in after they last left."""
    moments = np.arange(windows)[:, None]
    entered = np.full((windows, columns.max() + 1), -2)
    left = np.full_like(entered, -1)
    enters, leaves = np.maximum(positions - size + 1, 0), positions + 1
    entered[enters, columns] = moments[enters, 0]
    gone = leaves < windows
    left[leaves[gone], columns[gone]] = leaves[gone]
    return np.asarray(np.maximum.accumulate(entered) >= np.maximum.accumulate(left))


def npmi(topics: Topics, texts: Iterable[Sequence[str]], top: int = TOP) -> Floats:
    """Return the coherence of each topic: the mean NPMI of all pairs of its `top` words, in [-1, 1].

    The measure c_npmi of Röder, Both & Hinneburg, "Exploring the Space of Topic Coherence Measures" (WSDM 2015), after
    Aletras & Stevenson (2013). A topic of one word has no pair and gives NaN. Raises ValueError as `WindowCounts.npmi`.
    """
    heads = _heads(topics, top)
    counts = count_windows(texts, chain.from_iterable(heads), NPMI_WINDOW)
    return np.array([_pair_mean(counts.npmi(words)) for words in heads], dtype=np.float64)


def c_v(topics: Topics, texts: Iterable[Sequence[str]], top: int = TOP) -> Floats:
    """Return the C_v coherence of each topic, at most 1.

    The mean cosine between each word's vector of NPMI with all `top` words and the sum of these vectors (Röder et al.
    2015, one-set segmentation, gamma 1). Raises ValueError as `WindowCounts.npmi`.
    """
    heads = _heads(topics, top)
    counts = count_windows(texts, chain.from_iterable(heads), C_V_WINDOW)
    return np.array([_cosine_mean(counts.npmi(words)) for words in heads], dtype=np.float64)


def diversity(topics: Topics, top: int = TOP) -> float:
    """Return the share of different words among the `top` words of all topics, in (0, 1]; NaN without topics.

    Dieng, Ruiz & Blei, "Topic Modeling in Embedding Spaces" (TACL 2020); they take 25 words, OCTIS 10. A topic with
    fewer words lowers the share, as in OCTIS the denominator is `top` times the number of topics.
    """
    if not topics:
        return float("nan")
    return len(set(chain.from_iterable(_heads(topics, top)))) / (top * len(topics))


def _heads(topics: Topics, top: int) -> list[Sequence[str]]:
    return [words[:top] for words in topics]


def _pair_mean(pairs: Floats) -> float:
    upper = pairs[np.triu_indices(len(pairs), 1)]
    return float(upper.mean()) if upper.size else float("nan")


def _cosine_mean(pairs: Floats) -> float:
    whole = pairs.sum(axis=0)
    cosines = pairs @ whole / (np.linalg.norm(pairs, axis=1) * np.linalg.norm(whole))
    return float(cosines.mean())
