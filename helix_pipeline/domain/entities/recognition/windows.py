"""Lays texts out for the encoder: windows of words, as arrays of a few fixed lengths.

What is computed for a text depends on its own windows alone: windows of different lengths never share a batch, so
that no text is padded to the length of another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.entities.recognition.pieces import FORMS, LETTERS, Pieces, forms, letters
from helix_pipeline.domain.entities.recognition.tokens import Tokens

Numbers = NDArray[np.int64]

SIZE = 160
"""Pieces of a window, at most, with the marks at its ends."""

STEP = 8
"""The length of a window is rounded up to a multiple of this."""

BATCH = 1024
"""Pieces of a batch, at most; what bounds the memory that a batch takes."""

ROWS = 8
"""Words of a batch are rounded up to a multiple of this: a product with one row is summed in another order."""

_ENDS = frozenset(".!?:;")


@dataclass(frozen=True)
class Window:
    """The tokens `first` to `last` (exclusive) of one text, and their pieces: from `start` to `end` is each token's."""

    first: int
    last: int
    pieces: list[int]
    start: Numbers
    end: Numbers


@dataclass(frozen=True)
class Batch:
    """Some windows as arrays; 0 fills what is shorter.

    `pieces`, `mask`, `owner` int64[windows, pieces]: number, 1 where there is one, and the row of its word in
    `letters`; `letters` int64[words, LETTERS] and `forms` int64[words, FORMS], the first row is of no word; `first`,
    `last`, `word` int64[windows, tokens]: the token's first and last piece in its window, and its row in `letters`.
    """

    windows: list[Window]
    pieces: Numbers
    mask: Numbers
    owner: Numbers
    letters: Numbers
    forms: Numbers
    first: Numbers
    last: Numbers
    word: Numbers


def windows(tokens: Tokens, pieces: Pieces) -> list[Window]:
    """Return the windows of the tokens of some texts; a text that fits is one, a longer one is cut after a sentence."""
    cut = [pieces.cut(word) for word in tokens.words]
    sizes = np.array([len(found) for found in cut], np.int64)[tokens.word]
    bounds = [*np.flatnonzero(np.diff(tokens.row, prepend=-1)).tolist(), len(tokens)]
    return [
        _window(tokens, cut, begin, end, pieces)
        for first, last in pairwise(bounds)
        for begin, end in _cuts(tokens, sizes, first, last)
    ]


def batches(found: Sequence[Window], tokens: Tokens, most: int = BATCH) -> Iterator[Batch]:
    """Yield the windows as batches of at most `most` pieces (a longer window is alone), the short ones first."""
    spelt = np.array([[0] * (LETTERS + FORMS), *(letters(word) + forms(word) for word in tokens.words)], np.int64)
    for length, group in groupby(sorted(found, key=_length), key=_length):
        alike, count = list(group), max(1, most // length)
        for at in range(0, len(alike), count):
            yield _batch(alike[at : at + count], length, tokens, spelt)


def _length(window: Window) -> int:
    return -(-len(window.pieces) // STEP) * STEP


def _cuts(tokens: Tokens, sizes: Numbers, first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield where the windows of a text begin and end: each is as long as fits, and ends a sentence if it can."""
    ends = np.cumsum(sizes[first:last])
    begin, used = first, 0
    while ends[-1] - used > SIZE - 2:
        fits = first + int(np.searchsorted(ends, used + SIZE - 2, side="right"))
        halfway = (begin + fits) // 2
        end = next((at for at in range(fits, halfway, -1) if tokens.words[tokens.word[at - 1]][-1] in _ENDS), fits)
        yield begin, end
        begin, used = end, int(ends[end - first - 1])
    yield begin, last


def _window(tokens: Tokens, cut: list[list[int]], first: int, last: int, pieces: Pieces) -> Window:
    parts = [cut[word] for word in tokens.word[first:last]]
    ends = np.cumsum([1, *map(len, parts)])
    return Window(first, last, [pieces.open, *chain.from_iterable(parts), pieces.close], ends[:-1], ends[1:])


def _batch(found: list[Window], length: int, tokens: Tokens, spelt: Numbers) -> Batch:
    size = max(window.last - window.first for window in found)
    size += -size % ROWS
    words = np.unique(np.concatenate([tokens.word[window.first : window.last] for window in found]))
    pieces, mask, owner = (np.zeros((len(found), length), np.int64) for _ in range(3))
    first, last, word = (np.zeros((len(found), size), np.int64) for _ in range(3))
    for row, window in enumerate(found):
        count, used = len(window.pieces), window.last - window.first
        pieces[row, :count], mask[row, :count] = window.pieces, 1
        word[row, :used] = np.searchsorted(words, tokens.word[window.first : window.last]) + 1
        first[row, :used], last[row, :used] = window.start, window.end - 1
        owner[row, 1 : count - 1] = np.repeat(word[row, :used], window.end - window.start)
    rows = np.concatenate([[0], words + 1])
    read = spelt[np.pad(rows, (0, -len(rows) % ROWS))]
    return Batch(found, pieces, mask, owner, read[:, :LETTERS], read[:, LETTERS:], first, last, word)
