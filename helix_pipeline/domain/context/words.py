"""The words of a text: their lower case, their stems, and which of them are names."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.context.cues import CUES, STOP_WORDS
from helix_pipeline.domain.context.text import Text

NAME_SHARE = 0.8
"""Share of a word's occurrences that must be capitalised for it to be a name."""

_SUFFIXES = ("ingly", "edly", "ings", "ing", "ies", "ied", "ed", "es", "ly", "s")


def stem(word: str) -> str:
    """Return a word in lower case without its ending, so that its forms count as one."""
    bare = word.lower().lstrip("'")
    for suffix in _SUFFIXES:
        if bare.endswith(suffix) and len(bare) - len(suffix) >= 3:
            bare = bare.removesuffix(suffix) + ("i" if suffix in ("ies", "ied") else "")
            break
    bare = bare.removesuffix("e") if len(bare) > 3 else bare
    return f"{bare[:-1]}i" if len(bare) > 2 and bare.endswith("y") else bare


class Words:
    """The vocabulary of a text, and what it says about each occurrence of a piece."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self.lower = [piece.lower() for piece in text.vocabulary]
        self.is_word = np.array([piece[-1].isalnum() for piece in text.vocabulary], bool)
        self.is_number = np.array([piece.isdecimal() for piece in text.vocabulary], bool)

    def among(self, words: frozenset[str] | set[str]) -> NDArray[np.bool_]:
        """Return which pieces of the vocabulary are one of some words, bool[vocabulary]."""
        return np.fromiter((word in words for word in self.lower), bool, len(self.lower))

    @cached_property
    def stems(self) -> list[str]:
        """The stem of each piece, as `stem` gives it."""
        return [stem(word) for word in self.lower]

    @cached_property
    def form(self) -> NDArray[np.int64]:
        """The number of each piece's lower-case form, int64[vocabulary]."""
        numbers: dict[str, int] = {}
        return np.fromiter((numbers.setdefault(word, len(numbers)) for word in self.lower), np.int64, len(self.lower))

    @cached_property
    def opens(self) -> NDArray[np.bool_]:
        """Whether each occurrence is the first word of its sentence, which has a capital in any case, bool[pieces]."""
        sentence = self._text.piece_sentence
        first = np.diff(sentence, prepend=-1) > 0
        after_mark = np.concatenate([[False], (first & ~self.is_word[self._text.piece])[:-1]])
        return first | after_mark & ~first

    @cached_property
    def named(self) -> NDArray[np.bool_]:
        """Whether each occurrence is part of a name, bool[pieces]."""
        piece, size = self._text.piece, len(self.lower)
        capital = np.fromiter((word != low for word, low in zip(self._text.vocabulary, self.lower, strict=True)), bool)
        times = np.bincount(piece, minlength=size)
        of_form = np.bincount(self.form, times, size)[self.form]
        capitalised = np.bincount(self.form, times * capital, size)[self.form]
        inside = np.bincount(piece[~self.opens], minlength=size) > 0
        plain = ~self.among(STOP_WORDS | CUES["reaction"] | CUES["month"] | CUES["weekday"])
        name = (capital & self.is_word & plain & inside & (capitalised >= NAME_SHARE * of_form))[piece]
        return np.asarray(
            name | (capital & self.is_word & plain)[piece] & ~self.opens & _beside(name, self._text.piece_sentence)
        )


def _beside(name: NDArray[np.bool_], sentence: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which occurrences stand before or after one that is a name, in the same sentence, bool[pieces]."""
    same = np.diff(sentence) == 0
    after = np.concatenate([[False], name[:-1] & same])
    before = np.concatenate([name[1:] & same, [False]])
    return np.asarray((after | before)[: len(name)])
