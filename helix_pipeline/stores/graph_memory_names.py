"""Names and aliases of a snapshot's entities in memory: equal ones, and candidates for a search with typing errors.

Words with a typing error are looked for among those that share the most letter trigrams with the word (Ukkonen 1992,
q-gram filtering), by restricted Damerau-Levenshtein distance; so a million names take no scan.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from helix_pipeline.domain.knowledge.matching import EMOJI
from helix_pipeline.stores.graph_memory_tables import Index, Ints, Tables, indexed

NO_WORD = rf"[^\p{{L}}\p{{N}}_{EMOJI}]+"
"""What is between words, as RE2 reads it."""

MOST_ALIKE = 2_000
"""Words that are compared with a misspelt one."""

MOST_BEGUN = 1_000
"""Words that are taken for the completion of one that is begun."""

Floats = NDArray[np.float64]

_HASHES = 1 << 18
_PRIMES = np.array([73_856_093, 19_349_663, 83_492_791], np.uint32)
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class Names:
    """`names`, folded and sorted, and the entity of each; `words` of them, sorted, and the entities of each.

    `trigrams` leads from the hash of three letters to the words that have them.
    """

    names: pa.Array
    owners: Ints
    words: pa.Array
    named: Index
    trigrams: Index

    def equal(self, name: str) -> Ints:
        """Return the entities of this name or alias, ignoring case."""
        return self.owners[_range(self.names, fold(name), fold(name))]

    def begun(self, name: str) -> Ints:
        """Return the entities with a name or alias that begins so, ignoring case."""
        return self.owners[_range(self.names, fold(name), fold(name) + _LAST)]

    def with_word(self, word: str, edits: int, completed: bool) -> tuple[Ints, Floats]:
        """Return the entities with a word like this folded one, and how alike the most alike is, in (0, 1].

        Alike is the word itself, one that it begins where it may be `completed`, and one that at most so many typing
        errors make of it, each of which costs its share of the letters.
        """
        alike = {number: self._share(word, number) for number in self._equal_words(word, completed)}
        if edits:
            alike = dict(self._misspelt(word, edits)) | alike
        if not alike:
            return np.zeros(0, np.int32), np.zeros(0)
        rows, numbers = self.named.of_all(np.fromiter(alike, np.int32))
        order = np.lexsort([-np.vectorize(alike.__getitem__, otypes=[float])(numbers), rows])
        first = np.flatnonzero(np.diff(rows[order], prepend=-1))
        return rows[order][first], np.array([alike[n] for n in numbers[order][first].tolist()])

    def _equal_words(self, word: str, completed: bool) -> Iterable[int]:
        chosen = _range(self.words, word, word + _LAST if completed else word)
        return range(chosen.start, min(chosen.stop, chosen.start + MOST_BEGUN))

    def _share(self, word: str, number: int) -> float:
        return len(word) / len(self.words[number].as_py())

    def _misspelt(self, word: str, edits: int) -> Iterable[tuple[int, float]]:
        hashes = np.unique(_hashes(np.array([0, *map(ord, word), 0], np.uint32))).astype(np.int32)
        shared = np.bincount(self.trigrams.of_all(hashes)[0])
        near = np.flatnonzero(shared)
        if len(near) > MOST_ALIKE:
            near = near[np.argpartition(-shared[near], MOST_ALIKE)[:MOST_ALIKE]]
        texts = self.words.take(pa.array(near)).to_pylist()
        distances = [OSA.distance(word, text, score_cutoff=edits) for text in texts]
        found = zip(near.tolist(), distances, strict=True)
        return ((number, 1 - distance / len(word)) for number, distance in found if distance <= edits)


def fold(name: str) -> str:
    """Return a name as it is compared: NFKC, lower case, spaces as one."""
    text = " ".join(name.split()).encode(errors="replace").decode()
    folded: str = _folded(pa.array([text])).to_pylist()[0]
    return folded


def load_names(tables: Tables) -> Names:
    """Return the index of the names of a snapshot; an alias leads to the entity as it is, not to the canonical one."""
    entities = tables.entities
    aliases = entities["aliases"].combine_chunks()
    owners = np.concatenate([np.arange(len(entities)), pc.list_parent_indices(aliases).to_numpy()])
    names = _folded(pa.concat_arrays([entities["name"].combine_chunks(), aliases.flatten()]).cast(pa.large_string()))
    order = pc.sort_indices(names).to_numpy()
    words, named = _words(names, owners)
    return Names(names.take(pa.array(order)), owners[order].astype(np.int32), words, named, _trigrams(words))


def _folded(names: pa.Array) -> pa.Array:
    return pc.utf8_lower(pc.utf8_normalize(names, form="NFKC"))


def _range(texts: pa.Array, first: str, last: str) -> slice:
    """Return where the texts from the first to the last are, both included, in sorted ones."""
    start = bisect_left(texts, first, key=pa.LargeStringScalar.as_py)
    return slice(start, bisect_left(texts, last + "\0", lo=start, key=pa.LargeStringScalar.as_py))


def _words(names: pa.Array, owners: NDArray[np.int64]) -> tuple[pa.Array, Index]:
    """Return the words of names, sorted, and the entities of each."""
    cut = pc.split_pattern_regex(names, NO_WORD)
    flat, whose = cut.flatten(), owners[pc.list_parent_indices(cut).to_numpy()]
    some = pc.not_equal(flat, "")
    coded, whose = flat.filter(some).dictionary_encode(), whose[some.to_numpy(zero_copy_only=False)]
    order = pc.sort_indices(coded.dictionary)
    rank = np.empty(len(order), np.int64)
    rank[order.to_numpy()] = np.arange(len(order))
    keys = np.unique(rank[coded.indices.to_numpy()] * max(len(owners), 1) + whose)
    numbers, entities = np.divmod(keys, max(len(owners), 1))
    index = indexed(numbers.astype(np.int32), len(order))
    return coded.dictionary.take(order), Index(index.starts, entities[index.rows].astype(np.int32))


def _trigrams(words: pa.Array) -> Index:
    """Return the index of words by the hashes of their trigrams; a word has one end more on each side."""
    joined = "\0" + "\0".join(words.to_pylist()) + "\0"
    letters = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    whose, inside = np.cumsum(letters == 0)[1:-1] - 1, letters[1:-1] != 0
    found = indexed(_hashes(letters)[inside].astype(np.int32), _HASHES)
    return Index(found.starts, whose[inside][found.rows].astype(np.int32))


def _hashes(letters: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return a number below `_HASHES` for each three successive letters."""
    first, second, third = (letters[place : len(letters) - 2 + place] * prime for place, prime in enumerate(_PRIMES))
    mixed = first ^ second ^ third
    hashes: NDArray[np.uint32] = (mixed ^ (mixed >> np.uint32(15))) % np.uint32(_HASHES)
    return hashes
