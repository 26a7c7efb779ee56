"""What each sentence is worth to a request: by its importance, or by how relevant its message is to the query."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from helix_pipeline.domain.context.layout import Layout

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MINOR = 0.5
"""What a sentence is worth in a message that is not important, beside one of the same importance in one that is."""

CONFIDENCE = 2.0
"""Power of a relevance. Over 1, what is surely relevant stays whole before anything is taken of what may be."""

BY_LENGTH = 0.5
"""Share of a message's relevance that its sentences have by their length; the rest they have by their importance."""


def ranks(importance: Floats, text_of: Ints, messages: int) -> Floats:
    """Return how important each message is beside the others: the share that is no more so, float64[messages]."""
    return np.asarray(rankdata(np.bincount(text_of, importance, messages), "max") / max(1, messages))


def unasked(importance: Floats, text_of: Ints, threshold: float) -> Floats:
    """Return the worth of each sentence where no query is known, float64[sentences].

    A message is important from a rank of `threshold` in [0, 1]; the sentences of the others are worth `MINOR` as much.
    """
    messages = int(text_of.max(initial=-1)) + 1
    important = ranks(importance, text_of, messages) >= threshold
    return importance * np.where(important, 1.0, MINOR)[text_of]


def asked(relevance: Floats, importance: Floats, layout: Layout, top: int) -> Floats:
    """Return the worth of each sentence to a query, float64[sentences].

    The neighbours of the `top` messages of most relevance, which may be what these answer, are worth as much as the
    last of them.
    """
    order = np.argsort(-relevance, kind="stable")[:top]
    worth = relevance**CONFIDENCE
    beside = np.clip(np.concatenate([order - 1, order + 1]), 0, len(relevance) - 1)
    worth[beside] = np.maximum(worth[beside], worth[order].min())
    return worth[layout.text.text_of] * within_messages(importance, layout)


def within_messages(importance: Floats, layout: Layout) -> Floats:
    """Return each sentence's share of its message's relevance, float64[sentences], of a message 1 together."""
    of, messages = layout.text.text_of, len(layout.opening)

    def share(parts: Floats) -> Floats:
        return parts / np.maximum(np.bincount(of, parts, messages), 1e-12)[of]

    return BY_LENGTH * share(layout.tokens.astype(float)) + (1 - BY_LENGTH) * share(importance)
