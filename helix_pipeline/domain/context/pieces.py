"""Where the pieces of a text are, and which of them are equal: `tokens.PIECE` over arrays of characters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SEED = 20260601
_SPACE, _LETTER, _DIGIT, _MARK, _UNDERSCORE, _NEWLINE = range(6)


@dataclass(frozen=True)
class Pieces:
    """The pieces of a text in order: where they start and end in it, in characters, and a hash of each.

    All int64[pieces], the hash uint64. Equal pieces have equal hashes in every text; different ones differ but with a
    probability of about the square of their number over 2^64.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    hashes: NDArray[np.uint64]


def find_pieces(text: str, breaks: NDArray[np.int64]) -> Pieces:
    """Return the pieces of a text; none goes past a break, a place between two characters."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    kinds = _kinds(codes)
    before, after = np.concatenate([[_SPACE], kinds[:-1]]), np.concatenate([kinds[1:], [_SPACE]])
    before[breaks[breaks < len(codes)]] = _SPACE
    after[breaks[breaks > 0] - 1] = _SPACE
    opens_word = (codes == ord("'")) & (before != _MARK) & (after == _LETTER)
    follows_opening = np.concatenate([[False], opens_word[:-1]])
    begins = (kinds != _SPACE) & (kinds != before) & ~follows_opening
    finishes = (kinds != _SPACE) & (np.concatenate([begins[1:], [True]]) | (after == _SPACE))
    starts, ends = np.flatnonzero(begins), np.flatnonzero(finishes) + 1
    return Pieces(starts, ends, _hashes(codes, starts, ends))


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return the kind of each character."""
    other = np.unique(codes[codes > 127])
    table = np.array([_kind(chr(code)) for code in [*range(128), *other.tolist()]], np.uint8)
    return table[np.where(codes > 127, 128 + np.searchsorted(other, codes), codes) if len(other) else codes]


def _kind(character: str) -> int:
    if character.isspace():
        return _NEWLINE if character == "\n" else _SPACE
    if character.isalnum():
        return _DIGIT if character.isdecimal() else _LETTER
    return _UNDERSCORE if character == "_" else _MARK


def _hashes(codes: NDArray[np.uint32], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a multilinear hash of each piece over random words (Carter & Wegman 1979)."""
    if not len(starts):
        return np.zeros(0, np.uint64)
    lengths = ends - starts
    words = np.random.PCG64(_SEED).random_raw(int(lengths.max())) | np.uint64(1)
    begin = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    inside = np.arange(int(lengths.sum())) - np.repeat(begin, lengths)
    letters = codes[np.repeat(starts, lengths) + inside].astype(np.uint64)
    return np.add.reduceat((letters + np.uint64(1)) * words[inside], begin)
