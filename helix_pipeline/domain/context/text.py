"""Texts in sentences and pieces, as columns: what every later step counts, weighs and looks up.

A piece is what a byte-pair encoding cuts a text into first: a word with an apostrophe before it, a run of digits, of
punctuation or of line ends. All work is on arrays over the whole conversation; what costs Python's time is done once
for each different piece, of which there are few (Heaps' law).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from helix_pipeline.domain.context.tokens import piece_cost

_SENTENCE_END = "([.!?…]+[\"'”’)\\]]*\\s+|[。！？]+\\s*|\\s*\\n\\s*)"  # noqa: RUF001 - full stops of Chinese and Japanese
_SEPARATORS = ["\x1e", *map(chr, range(0xE000, 0xF900))]
"""Characters that texts hardly have: the first that is in none of them goes between sentences for a moment."""

_HASH_SEED = 20260601
_SPACE, _LETTER, _DIGIT, _MARK, _UNDERSCORE, _NEWLINE = range(6)


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
    sentences, text_of = split_sentences(texts)
    joined = "".join(sentences.to_pylist())
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    after = np.cumsum(pc.utf8_length(sentences).to_numpy(zero_copy_only=False))
    starts, ends = _pieces(codes, after)
    piece, first = _numbered(codes, starts, ends)
    vocabulary = [joined[start:end] for start, end in zip(starts[first].tolist(), ends[first].tolist(), strict=True)]
    piece_sentence = np.searchsorted(after, starts, side="right")
    costs = np.array([piece_cost(one) for one in vocabulary], np.int64)[piece] if vocabulary else piece
    tokens = np.bincount(piece_sentence, costs, len(sentences)).astype(np.int64)
    return Text(sentences, text_of, piece, piece_sentence, vocabulary, tokens)


def split_sentences(texts: pa.StringArray) -> tuple[pa.StringArray, NDArray[np.int64]]:
    """Return the sentences of the texts, with the white space after each, and the place of each one's text."""
    separator = next(one for one in _SEPARATORS if not pc.any(pc.match_substring(texts, one)).as_py())
    marked = pc.replace_substring_regex(texts, _SENTENCE_END, f"\\1{separator}")
    parts = pc.split_pattern(marked, separator)
    sentences, text_of = parts.flatten(), pc.list_parent_indices(parts)
    some = pc.greater(pc.binary_length(sentences), 0)
    return sentences.filter(some), text_of.filter(some).to_numpy()


def _pieces(codes: NDArray[np.uint32], breaks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each piece, as `tokens.PIECE` finds it, starts and ends, in characters; none goes past a break."""
    kinds = _kinds(codes)
    before, after = np.concatenate([[_SPACE], kinds[:-1]]), np.concatenate([kinds[1:], [_SPACE]])
    before[breaks[breaks < len(codes)]] = _SPACE
    after[breaks[breaks > 0] - 1] = _SPACE
    opens_word = (codes == ord("'")) & (before != _MARK) & (after == _LETTER)
    follows_opening = np.concatenate([[False], opens_word[:-1]])
    starts = (kinds != _SPACE) & (kinds != before) & ~follows_opening
    ends = (kinds != _SPACE) & np.concatenate([starts[1:], [True]]) | (kinds != _SPACE) & (after == _SPACE)
    return np.flatnonzero(starts), np.flatnonzero(ends) + 1


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the kind of each character."""
    other = np.unique(codes[codes > 127])
    table = np.array([_kind(chr(code)) for code in [*range(128), *other.tolist()]], np.uint8)
    return table[np.where(codes > 127, 128 + np.searchsorted(other, codes), codes)]


def _kind(character: str) -> int:
    if character.isspace():
        return _NEWLINE if character == "\n" else _SPACE
    if character.isalnum():
        return _DIGIT if character.isdecimal() else _LETTER
    return _UNDERSCORE if character == "_" else _MARK


def _numbered(
    codes: NDArray[np.uint32], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each piece's number, equal for equal pieces, and where each number comes first.

    Pieces are told apart by a multilinear hash of 64 bits over random words (Carter & Wegman 1979).
    """
    if not len(starts):
        return starts, starts
    lengths = ends - starts
    words = np.random.default_rng(_HASH_SEED).integers(1, 1 << 63, int(lengths.max()), np.uint64) | np.uint64(1)
    owner = np.repeat(np.arange(len(starts)), lengths)
    begin = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    inside = np.arange(len(owner)) - begin[owner]
    hashes = np.add.reduceat((codes[starts[owner] + inside].astype(np.uint64) + 1) * words[inside], begin)
    numbers = pa.array(hashes).dictionary_encode().indices.to_numpy().astype(np.int64)
    newest = np.concatenate([[-1], np.maximum.accumulate(numbers)[:-1]])
    return numbers, np.flatnonzero(numbers > newest)
