"""Everything that is told of fitted topics: words, weights, labels, coherence, diversity and places in a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from helix_pipeline.domain.topics.labels import LABEL_WORDS, labels, top_words
from helix_pipeline.domain.topics.layout import positions
from helix_pipeline.domain.topics.model import TopicModel
from helix_pipeline.domain.topics.quality import c_v, diversity, npmi

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Description:
    """The topics of a model, in its order.

    `weights` are P(word | topic) of the `words`; `npmi` is in [-1, 1] and `c_v` at most 1, both NaN for a topic of
    fewer than two words; `positions` are topics x 2.
    """

    words: list[list[str]]
    weights: list[list[float]]
    labels: list[str]
    npmi: Floats
    c_v: Floats
    diversity: float
    positions: Floats


def describe(model: TopicModel, texts: Sequence[Sequence[str]], shares: Floats) -> Description:
    """Describe the topics of a model by documents: their words in order, and the topics' shares of each.

    Coherence is counted over the known words of the texts, as OCTIS' corpora hold no others. A label is of the
    documents whose first topic it is; a topic that is first nowhere is called by its words.
    """
    known = [[word for word in text if word in model.vocabulary.places] for text in texts]
    counts = model.vocabulary.counts(known)
    words = top_words(model, model.vocabulary.weigh(counts))
    named = labels(_class_counts(counts, shares), model.vocabulary.words)
    return Description(
        words,
        [
            [float(row[model.vocabulary.places[word]]) for word in topic]
            for topic, row in zip(words, model.words, strict=True)
        ],
        [label or " · ".join(topic[:LABEL_WORDS]) for label, topic in zip(named, words, strict=True)],
        _coherence(npmi, words, known),
        _coherence(c_v, words, known),
        diversity(words),
        positions(model.words),
    )


def _class_counts(counts: sparse.csr_matrix, shares: Floats) -> Floats:
    """Add up the word counts of the documents of each first topic: topics x words."""
    documents = np.arange(len(shares))
    first = sparse.csr_matrix(
        (np.ones(len(shares)), (shares.argmax(axis=1), documents)), (shares.shape[1], len(shares))
    )
    return np.asarray((first @ counts).todense(), dtype=np.float64)


def _coherence(measure: Callable[..., Floats], words: list[list[str]], texts: Sequence[Sequence[str]]) -> Floats:
    """Measure the topics that have a pair of words."""
    enough = np.array([len(topic) > 1 for topic in words])
    found = np.full(len(words), np.nan)
    found[enough] = measure([topic for topic in words if len(topic) > 1], texts)
    return found
