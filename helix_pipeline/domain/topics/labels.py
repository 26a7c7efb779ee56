"""The words that stand for a topic: a short list that hangs together, and a label.

A topic's heaviest words are not its best description: words of many topics crowd in. So the candidates are ranked by
relevance, and those that share the fewest documents with the others are left out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from helix_pipeline.domain.topics.model import TopicModel

WORDS = 10
CANDIDATES = 15
"""Words per topic that the list is chosen from: half as many again."""

SHRINKAGE = 0.3
"""Added to the squared length of each word's column: about that of a word which a dozen news articles have."""

LABEL_WORDS = 3

Floats = NDArray[np.float64]


def relevance(model: TopicModel) -> Floats:
    """Return how well each word stands for each topic: P(word | topic) · sqrt(P(topic | word)), topics x words.

    Ranks the words of a topic as the relevance of Sievert & Shirley, "LDAvis" (2014), with lambda = 2/3 (people judged
    about 0.6 best): how much a topic uses a word, weighed with how exclusively it does.
    """
    joint = model.words * model.prior[:, None]
    total = joint.sum(axis=0)
    owned = np.divide(joint, total, out=np.zeros_like(joint), where=total > 0)
    return np.asarray(model.words * np.sqrt(owned), dtype=np.float64)


def top_words(model: TopicModel, weighted: sparse.csr_matrix) -> list[list[str]]:
    """Return at most `WORDS` words of each topic, most relevant first; fewer only where a topic has fewer.

    Of the `CANDIDATES` most relevant words the one that shares the least documents with the others is left out again
    and again: by the cosine of the words' columns in the documents `weighted`, which may be a sample of those that the
    model was learnt from. The cosine is shrunk for rare words, whose company in few documents may be chance.
    """
    scores = relevance(model)
    candidates = [_heaviest(row, CANDIDATES) for row in scores]
    used = np.unique(np.concatenate(candidates))
    alike = _likeness(weighted[:, used])
    kept = [_coherent(alike, np.searchsorted(used, row)) for row in candidates]
    return [[model.vocabulary.words[place] for place in used[row]] for row in kept]


def class_tf_idf(counts: NDArray[np.int64] | Floats) -> Floats:
    """Weigh the words of classes (counts, classes x words): share within the class · log(1 + A / f).

    f is the word's count over all classes and A the mean number of words per class (Grootendorst, "BERTopic", 2022,
    eq. 2, with the shares of its implementation). A class without words and a word never seen weigh 0.
    """
    sizes, totals = counts.sum(axis=1, keepdims=True), counts.sum(axis=0)
    shares = np.divide(counts, sizes, out=np.zeros(counts.shape), where=sizes > 0)
    rarity = np.log1p(np.divide(sizes.mean(), totals, out=np.zeros(totals.shape), where=totals > 0))
    return np.asarray(shares * rarity, dtype=np.float64)


def labels(counts: NDArray[np.int64] | Floats, words: Sequence[str], count: int = LABEL_WORDS) -> list[str]:
    """Return a label for each class of documents: its `count` best words by c-TF-IDF, joined by ` · `.

    `counts` (classes x words) are of the documents whose first topic it is; a class without words has an empty label.
    """
    return [" · ".join(words[place] for place in _heaviest(row, count)) for row in class_tf_idf(counts)]


def _heaviest(row: Floats, count: int) -> NDArray[np.int64]:
    order = np.argsort(-row, kind="stable")[:count]
    return np.asarray(order[row[order] > 0])


def _likeness(columns: sparse.csr_matrix) -> Floats:
    products = (columns.T @ columns).toarray()
    lengths = np.sqrt(products.diagonal() + SHRINKAGE)
    np.fill_diagonal(products, 0.0)
    return np.asarray(products / np.outer(lengths, lengths), dtype=np.float64)


def _coherent(alike: Floats, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drop the place least like the others until `WORDS` are left; of equals the later goes."""
    while len(places) > WORDS:
        likeness = alike[np.ix_(places, places)].sum(axis=1)
        places = np.delete(places, len(places) - 1 - int(np.argmin(likeness[::-1])))
    return places
