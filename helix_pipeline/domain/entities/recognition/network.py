"""The network of the fast recogniser: from the words of texts to scores of tags, in plain arrays.

A word's vector depends on the word alone; it is computed once and kept. Convolutions over the vectors of a text
(dilated, residual; Strubell et al. 2017) see its neighbours, and each head scores the tags of one tag set. The texts of
a batch lie behind one another with room between them, so that nothing is computed for padding.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from helix_pipeline.domain.entities.recognition.crf import Chain
from helix_pipeline.domain.entities.recognition.features import Vectors, features
from helix_pipeline.domain.entities.recognition.tokens import Numbers

STRETCH = 2048
"""Tokens that go through the convolutions at a time: their vectors stay in the processor's cache."""

_EPSILON = np.float32(1e-5)


@dataclass(frozen=True)
class Convolution:
    """One layer: `weights` float32[taps, in, out], what is added, and the gain and the shift of its normalisation."""

    weights: Vectors
    bias: Vectors
    gain: Vectors
    shift: Vectors
    dilation: int

    @property
    def reach(self) -> int:
        """Tokens to either side that the layer sees."""
        return len(self.weights) // 2 * self.dilation


@dataclass(frozen=True)
class Head:
    """Scores of the tags of one tag set: `of_word`, `of_context` and `of_text` float32[size, tags], and their chain."""

    of_word: Vectors
    of_context: Vectors
    of_text: Vectors
    bias: Vectors
    chain: Chain


@dataclass(frozen=True)
class Network:
    """`table` float32[BUCKETS, hashed] embeds features; `mix` float32[hashed + DENSE, size] makes vectors of them."""

    table: Vectors
    mix: Vectors
    bias: Vectors
    layers: Sequence[Convolution]
    heads: Mapping[str, Head]

    def word_vectors(self, words: Sequence[str]) -> Vectors:
        """Return what each word says by itself, float32[words, size]."""
        found = features(words)
        mixed = np.concatenate([found.hashed @ self.table, found.dense], axis=1) @ self.mix
        return np.asarray(np.maximum(mixed + self.bias, 0), np.float32)

    def emissions(self, vectors: Vectors, word: Numbers, lengths: Numbers) -> dict[str, Vectors]:
        """Return the scores float32[tokens, tags] that each head gives the tokens of some texts.

        `vectors` are those of different words, `word` int64[tokens] says which one each token is, and `lengths`
        int64[texts] how many tokens each text has.
        """
        scores = {name: self._alone(head, vectors, word, lengths) for name, head in self.heads.items()}
        if self.layers and len(word):
            self._add_context(vectors, word, lengths, scores)
        return scores

    def _alone(self, head: Head, vectors: Vectors, word: Numbers, lengths: Numbers) -> Vectors:
        """Return what each token scores by its word, and by the mean of its text's words: by what the text is about."""
        shape = len(lengths), len(vectors)
        said = sparse.csr_matrix((np.ones(len(word), np.float32), word, np.cumsum([0, *lengths])), shape)
        means = said @ vectors / lengths[:, None].astype(np.float32)
        scores = (vectors @ head.of_word)[word] + np.repeat(means @ head.of_text + head.bias, lengths, axis=0)
        return np.asarray(scores, np.float32)

    def _add_context(self, vectors: Vectors, word: Numbers, lengths: Numbers, scores: dict[str, Vectors]) -> None:
        """Add what each token scores by its neighbours: the texts lie behind one another, with nothing (-1) between."""
        around, room = sum(layer.reach for layer in self.layers), max(layer.reach for layer in self.layers)
        place = np.arange(len(word)) + room * np.repeat(np.arange(len(lengths)), lengths)
        laid_out = np.full(int(place[-1]) + STRETCH + 2 * around, -1)
        laid_out[place + around] = word
        known = np.concatenate([vectors, np.zeros((1, vectors.shape[1]), np.float32)])
        taps = [known @ weights for weights in self.layers[0].weights]
        for low in range(0, int(place[-1]) + 1, STRETCH):
            begin, end = np.searchsorted(place, [low, low + STRETCH])
            context = self._context(known, taps, laid_out[low : low + STRETCH + 2 * around])[place[begin:end] - low]
            for name, head in self.heads.items():
                scores[name][begin:end] += context @ head.of_context

    def _context(self, known: Vectors, taps: Sequence[Vectors], index: Numbers) -> Vectors:
        """Return the last layer's vectors of the words of `index`, without as many at either end as the layers see.

        The first layer's products with the vectors, `taps`, are taken once for each different word.
        """
        first = self.layers[0]
        there = _inner(first, (index >= 0)[:, None])
        seen = sum((tap[part] for tap, part in zip(taps, _shifted(first, index), strict=True)), first.bias)
        context = _normal(first, known[_inner(first, index)], seen) * there
        for layer in self.layers[1:]:
            there = _inner(layer, there)
            parts = (part @ weights for part, weights in zip(_shifted(layer, context), layer.weights, strict=True))
            context = _normal(layer, _inner(layer, context), sum(parts, layer.bias)) * there
        return np.asarray(context, np.float32)


def _shifted(layer: Convolution, values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield for each tap the values that it sees, from the first token whose neighbours are all there."""
    for tap in range(len(layer.weights)):
        yield values[tap * layer.dilation : len(values) - 2 * layer.reach + tap * layer.dilation]


def _inner(layer: Convolution, values: NDArray[Any]) -> NDArray[Any]:
    return values[layer.reach : len(values) - layer.reach]


def _normal(layer: Convolution, before: Vectors, seen: Vectors) -> Vectors:
    """Return what was there with what was seen, normalised for each token (Ba, Kiros & Hinton 2016)."""
    changed = before + np.maximum(seen, 0)
    changed -= changed.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.einsum("ij,ij->i", changed, changed) / changed.shape[1] + _EPSILON)
    changed /= deviation[:, None]
    return np.asarray(changed * layer.gain + layer.shift, np.float32)
