"""Texts in sentences and pieces, as columns: what every later step counts, weighs and looks up.

A piece is what a byte-pair encoding cuts a text into first: a word with an apostrophe before it, a run of digits, of
punctuation or of line ends. All work is on arrays over the whole conversation; what costs Python's time is done once
for each different piece, of which there are few (Heaps' law).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.domain.context.pieces import Pieces, find_pieces
from helix_pipeline.domain.context.tokens import piece_cost

_SENTENCE_END = "([.!?…]+[\"'”’)\\]]*\\s+|[。！？]+\\s*|\\s*\\n\\s*)"  # noqa: RUF001 - full stops of Chinese and Japanese
_SEPARATORS = ["\x1e", *map(chr, range(0xE000, 0xF900))]
"""Characters that texts hardly have: the first that is in none of them goes between sentences for a moment."""

STRETCH = 1 << 19
"""Characters that are taken apart at a time: the arrays over single characters stay within the cache's reach."""


@dataclass(frozen=True)
class Text:
    """The sentences and pieces of some texts, in order.

    `sentences` keep the white space after them: joined, those of a text are the text. `text_of` says which text each is
    in, int64[sentences]. `piece` is the number of each piece in `vocabulary`, `piece_sentence` the sentence that it is
    in, both int64[pieces]. `tokens` is the estimate of each sentence's tokens, int64[sentences].
    """

    sentences: pa.StringArray
    text_of: NDArray[np.int64]
    piece: NDArray[np.int64]
    piece_sentence: NDArray[np.int64]
    vocabulary: list[str]
    tokens: NDArray[np.int64]


def analyse(texts: pa.StringArray) -> Text:
    """Cut texts into sentences and pieces.

    A sentence ends with `.`, `!`, `?` or `…` before a space, with their East Asian forms, or at a line's end. An empty
    text has no sentence.
    """
    return _taken_apart(*split_sentences(texts))


def count_tokens(texts: pa.StringArray) -> NDArray[np.int64]:
    """Return the estimate of each text's tokens, int64[texts], as `tokens.count` gives it."""
    return _taken_apart(texts, np.arange(len(texts))).tokens


def _taken_apart(sentences: pa.StringArray, text_of: NDArray[np.int64]) -> Text:
    lengths = pc.utf8_length(sentences).to_numpy(zero_copy_only=False).astype(np.int64)
    spelling: dict[int, str] = {}
    hashes, places = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    for first, last in _stretches(lengths):
        joined, after = "".join(sentences[first:last].to_pylist()), np.cumsum(lengths[first:last])
        found = find_pieces(joined, after)
        hashes.append(found.hashes)
        places.append(first + np.searchsorted(after, found.starts, side="right"))
        spelling |= _spelling(joined, found)
    numbered = pa.array(np.concatenate(hashes)).dictionary_encode()
    piece, piece_sentence = numbered.indices.to_numpy().astype(np.int64), np.concatenate(places)
    vocabulary = [spelling[one] for one in numbered.dictionary.to_pylist()]
    costs = np.array([piece_cost(one) for one in vocabulary], np.int64)
    tokens = np.bincount(piece_sentence, costs[piece], len(sentences)).astype(np.int64)
    return Text(sentences, text_of, piece, piece_sentence, vocabulary, tokens)


def split_sentences(texts: pa.StringArray) -> tuple[pa.StringArray, NDArray[np.int64]]:
    """Return the sentences of the texts, with the white space after each, and the place of each one's text."""
    separator = next(one for one in _SEPARATORS if not pc.any(pc.match_substring(texts, one)).as_py())
    marked = pc.replace_substring_regex(texts, _SENTENCE_END, f"\\1{separator}")
    parts = pc.split_pattern(marked, separator)
    sentences, text_of = parts.flatten(), pc.list_parent_indices(parts)
    some = pc.greater(pc.binary_length(sentences), 0)
    return sentences.filter(some), text_of.filter(some).to_numpy()


def _stretches(lengths: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the first sentence of each stretch of at least `STRETCH` characters, and the one after its last."""
    number = np.cumsum(lengths) // STRETCH
    bounds = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(lengths)]
    yield from pairwise(bounds)


def _spelling(joined: str, pieces: Pieces) -> dict[int, str]:
    """Return how each different piece is written, by its hash."""
    numbered = pa.array(pieces.hashes).dictionary_encode()
    number = numbered.indices.to_numpy()
    first = np.flatnonzero(np.diff(np.maximum.accumulate(number), prepend=-1))
    bounds = zip(pieces.starts[first].tolist(), pieces.ends[first].tolist(), strict=True)
    return dict(zip(numbered.dictionary.to_pylist(), (joined[start:end] for start, end in bounds), strict=True))
