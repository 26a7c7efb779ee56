"""The words that topics are made of, and documents as weighted vectors over them.

Document frequencies add up, so that they can be counted in parts: `Vocabulary.choose` needs only their sum.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

MIN_DOCUMENTS = 5
"""A word in fewer documents says too little about what it stands together with."""

MAX_SHARE = 0.5
"""A word in a larger share of the documents tells none apart."""

MAX_WORDS = 20_000

_WORD = re.compile(r"[^\W\d_](?:[\w'-]*\w)?")


def tokens(text: str) -> list[str]:
    """Return the words of a plain text, in order and in lower case, without numbers, single letters and stop words."""
    return [word for word in _WORD.findall(text.lower().replace("\u2019", "'")) if _tells(word)]


def document_limits(total: int) -> tuple[int, float]:
    """Return in how many of `total` documents a word must be at least, and may be at most, to be chosen.

    A small corpus asks for less: one document of fewer than 20, two of fewer than 40, and so on to `MIN_DOCUMENTS`.
    """
    return min(MIN_DOCUMENTS, 1 + total // 20), MAX_SHARE * total


def document_frequencies(texts: Iterable[Sequence[str]]) -> Counter[str]:
    """Count in how many texts each word occurs. Counters of the parts of a corpus add up to that of the whole."""
    return Counter(chain.from_iterable(map(set, texts)))


@dataclass(frozen=True)
class Vocabulary:
    """The `words` in alphabetical order and the number of `documents` that have each, out of `total`."""

    words: tuple[str, ...]
    documents: NDArray[np.int64]
    total: int

    @classmethod
    def choose(
        cls,
        frequencies: Mapping[str, int],
        total: int,
        min_documents: int = MIN_DOCUMENTS,
        max_share: float = MAX_SHARE,
        max_words: int = MAX_WORDS,
    ) -> "Vocabulary":
        """Take the words in at least `min_documents` and at most `max_share` of the `total` documents.

        Of more than `max_words` the most frequent stay, in alphabetical order where they are equally frequent.
        """
        fit = [word for word, n in frequencies.items() if min_documents <= n <= max_share * total]
        kept = sorted(sorted(fit, key=lambda word: (-frequencies[word], word))[:max_words])
        return cls(tuple(kept), np.array([frequencies[word] for word in kept], dtype=np.int64), total)

    def seen_in(self, texts: Iterable[Sequence[str]]) -> "Vocabulary":
        """Return the words that some of the texts have, with their frequencies of the whole corpus."""
        seen = set(chain.from_iterable(texts))
        kept = np.array([word in seen for word in self.words], dtype=bool)
        return Vocabulary(tuple(word for word in self.words if word in seen), self.documents[kept], self.total)

    @cached_property
    def places(self) -> dict[str, int]:
        """The column of each word."""
        return {word: place for place, word in enumerate(self.words)}

    @property
    def idf(self) -> NDArray[np.float64]:
        """Inverse document frequency of each word, log((total + 1) / documents) (Spärck Jones 1972).

        The 1 keeps words of all documents from weighing nothing where there are no others.
        """
        return np.asarray(np.log((self.total + 1) / self.documents), dtype=np.float64)

    def counts(self, texts: Sequence[Sequence[str]]) -> sparse.csr_matrix:
        """Count the known words of each text: a row per text, a column per word."""
        columns = [[self.places[word] for word in text if word in self.places] for text in texts]
        ends = np.concatenate([[0], np.cumsum([len(row) for row in columns], dtype=np.int64)])
        flat = np.fromiter(chain.from_iterable(columns), np.int64, int(ends[-1]))
        found = sparse.csr_matrix((np.ones(flat.size), flat, ends), shape=(len(texts), len(self.words)))
        found.sum_duplicates()
        return found

    def weigh(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """Turn counts into tf-idf vectors of length 1, of length 0 for a text without a known word.

        tf is 1 + log(count): a word said ten times is not ten times as telling (Salton & Buckley 1988). The idf has no
        1 added, so that words of nearly every document weigh nearly nothing.
        """
        dampened = counts.copy()
        dampened.data = 1 + np.log(dampened.data)
        weighted = sparse.csr_matrix(dampened @ sparse.diags(self.idf))
        lengths = np.sqrt(np.asarray(weighted.power(2).sum(axis=1)).ravel())
        return sparse.csr_matrix(sparse.diags(1 / np.where(lengths > 0, lengths, 1)) @ weighted)


def _tells(word: str) -> bool:
    """Tell words from stop words, shortened ones (it's, don't) included."""
    return len(word) > 1 and not word.endswith("n't") and word.partition("'")[0] not in ENGLISH_STOP_WORDS
