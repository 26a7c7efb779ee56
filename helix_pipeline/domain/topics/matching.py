"""Which topics of this run are those of the previous run, so that a topic keeps its identifier from day to day."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.feature_extraction import DictVectorizer
from sklearn.metrics.pairwise import cosine_similarity

MIN_SIMILARITY = 0.3
"""Topics less alike than this are different topics."""

Weights = Mapping[str, float]
"""The weights of a topic's words; words that are missing weigh 0."""


def similarity(previous: Sequence[Weights], current: Sequence[Weights]) -> NDArray[np.float64]:
    """Return the cosine of each previous (rows) with each current topic (columns), 0 with a topic without words.

    The two runs may have different vocabularies.
    """
    if not any(previous) or not any(current):
        return np.zeros((len(previous), len(current)))
    vectors = DictVectorizer().fit_transform([dict(topic) for topic in (*previous, *current)])
    return np.asarray(cosine_similarity(vectors[: len(previous)], vectors[len(previous) :]), dtype=np.float64)


def match(
    previous: Sequence[Weights], current: Sequence[Weights], least: float = MIN_SIMILARITY
) -> list[tuple[int, int, float]]:
    """Return (previous, current, similarity) of the topics that go together, in order of the previous ones.

    One to one, with the largest sum of similarities (Kuhn 1955); only pairs of at least `least` count, so that a
    topic without a counterpart never takes that of another.
    """
    alike = similarity(previous, current)
    enough = np.where(alike >= least, alike, 0.0)
    rows, columns = linear_sum_assignment(enough, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column, float(alike[row, column])) for row, column in pairs if enough[row, column] > 0]


def identifiers(words: Sequence[Sequence[str]], kept: Mapping[int, str], known: Collection[str] = ()) -> list[str]:
    """Return an identifier for each topic: the one it has `kept` (by place), or a new one made from its words.

    New ones are 12 hexadecimal digits, and never one of those `known` from earlier runs or given to another topic.
    """
    given = dict(kept)
    taken = {*known, *kept.values()}
    for place, topic in enumerate(words):
        if place not in given:
            given[place] = next(name for name in _names(topic) if name not in taken)
            taken.add(given[place])
    return [given[place] for place in range(len(words))]


def _names(words: Sequence[str]) -> Iterator[str]:
    for attempt in count():
        yield blake2b("\n".join([*words, str(attempt)]).encode(), digest_size=6).hexdigest()
