"""Vectors of words: the static embedding that ships with the project.

It has one vector for each word piece of a sentence model, distilled by training/distill_embedding.py
(weights/MODEL_CARD.md); a word that is no piece is the sum of its pieces.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Vectors = NDArray[np.float32]

WEIGHTS = "static.npz"
CONTINUES = "##"
"""Before a piece that does not begin a word."""

LONGEST_WORD = 64
"""Letters of a word that are looked at: what is longer is no word, and would cost its length squared."""


@dataclass(frozen=True)
class StaticEmbedding:
    """A vector for each word piece, `quantised` int8[pieces, size] times `scales` float32[pieces]."""

    pieces: dict[str, int]
    quantised: NDArray[np.int8]
    scales: NDArray[np.float32]

    def words(self, words: Sequence[str]) -> Vectors:
        """Return the vector of each word, longer for rarer ones, 0 where no piece fits: float32[words, size]."""
        cut = [self._cut(word) for word in words]
        bounds = np.cumsum([0, *map(len, cut)])
        numbers = np.fromiter(chain.from_iterable(cut), np.int64, bounds[-1])
        vectors = self.quantised[numbers].astype(np.float32)
        of_word = sparse.csr_matrix((self.scales[numbers], np.arange(len(numbers)), bounds), (len(words), len(numbers)))
        return np.asarray(of_word @ vectors, np.float32)

    def _cut(self, word: str) -> list[int]:
        """Return the pieces of a word, longest first from its beginning (WordPiece); none where a letter is unknown."""
        whole = self.pieces.get(word)
        if whole is not None:
            return [whole]
        bare = _unaccented(word.lower())[:LONGEST_WORD]
        found, start = [], 0
        while start < len(bare):
            before = CONTINUES if start else ""
            ends = range(len(bare), start, -1)
            end = next((end for end in ends if before + bare[start:end] in self.pieces), 0)
            if not end:
                return []
            found.append(self.pieces[before + bare[start:end]])
            start = end
        return found


@lru_cache(maxsize=1)
def static_embedding() -> StaticEmbedding:
    """Return the embedding that ships with the project; read once, 8 MB."""
    with resources.files(__package__).joinpath("weights", WEIGHTS).open("rb") as file, np.load(file) as stored:
        pieces = stored["pieces"].tobytes().decode().split("\n")
        return StaticEmbedding(dict(zip(pieces, range(len(pieces)), strict=True)), stored["vectors"], stored["scales"])


def unit(vectors: Vectors) -> Vectors:
    """Return vectors of length 1 in the same directions; 0 stays 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _unaccented(word: str) -> str:
    if word.isascii():
        return word
    return "".join(one for one in unicodedata.normalize("NFD", word) if unicodedata.category(one) != "Mn")
