"""The terms of a text: stems of its words, without stop words, as numbers by piece."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.context.cues import STOP_WORDS
from helix_pipeline.domain.context.words import Words


@dataclass(frozen=True)
class Terms:
    """Terms by number: `stems`, and a `word` for each as it was first written, in lower case.

    `of_piece` is the term of each piece of the vocabulary, -1 for marks and left-out words, int64[vocabulary].
    """

    stems: list[str]
    words: list[str]
    of_piece: NDArray[np.int64]


def terms(words: Words, left_out: Iterable[str] = ()) -> Terms:
    """Return the terms of a vocabulary, without stop words and the words `left_out` (lower case), such as names."""
    counts = words.is_word & ~words.among(STOP_WORDS.union(left_out))
    numbers: dict[str, int] = {}
    first: list[str] = []
    of_piece = np.full(len(words.lower), -1, np.int64)
    for piece in np.flatnonzero(counts).tolist():
        of_piece[piece] = number = numbers.setdefault(words.stems[piece], len(numbers))
        if number == len(first):
            first.append(words.lower[piece].lstrip("'"))
    return Terms(list(numbers), first, of_piece)
