"""Which words are near enough to be worth a comparison, without comparing each with each.

Words that are one edit apart (a letter added, dropped, changed, or two swapped) become equal when one letter is left
out of each. So every word stands in the block of itself and of each of its deletions (Garbe 2012, SymSpell, for a
distance of one), as hashes: a polynomial modulo 2**64, of which a deletion follows from the sums before and after it.
Cost and memory grow with the number of words times their length.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

LARGEST_BLOCK = 64
"""Words of one block that are compared: a larger one, as of `user a`, `user b`, ... says nothing, and is left out."""
SHORTEST, LONGEST = 5, 40
"""Letters of a word that is compared."""

_Hashes = NDArray[np.uint64]
_BASE = 0x9E3779B97F4A7C15
_KIND = 0xC2B2AE3D27D4EB4F
_INVERSE = pow(_BASE, -1, 1 << 64)


def one_edit_apart(words: Sequence[str], kinds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of places of words of one kind that may be one edit apart, each once, the smaller place first.

    All such pairs with the same first letter are among them, and few others.
    """
    hashes, owners = _deletions(words, kinds)
    order = np.lexsort((owners, hashes))
    hashes, owners = hashes[order], owners[order]
    edges = np.flatnonzero(hashes[1:] != hashes[:-1]) + 1
    starts, ends = np.append(0, edges), np.append(edges, len(hashes))
    crowded = (ends - starts > 1) & (ends - starts <= LARGEST_BLOCK)
    yield from _pairs([owners[a:b] for a, b in zip(starts[crowded], ends[crowded], strict=True)])


def _pairs(blocks: Sequence[NDArray[np.int64]]) -> list[tuple[int, int]]:
    """Return each pair of different places within a block once, in order."""
    found: set[tuple[int, int]] = set()
    for block in blocks:
        places = sorted(set(block.tolist()))
        found.update((a, b) for i, a in enumerate(places) for b in places[i + 1 :])
    return sorted(found)


def _deletions(words: Sequence[str], kinds: Sequence[int]) -> tuple[_Hashes, NDArray[np.int64]]:
    """Return the hashes of the words and of their deletions but the first letter's, each with its word's place."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    hashes, owners = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for length in range(SHORTEST, LONGEST + 1):
        places = np.flatnonzero(lengths == length).tolist()
        if places:
            found = _hashed([words[place] for place in places], length)
            found ^= np.array([kinds[place] for place in places], np.uint64)[:, None] * np.uint64(_KIND)
            hashes.append(found.ravel())
            owners.append(np.repeat(places, found.shape[1]))
    return np.concatenate(hashes), np.concatenate(owners)


def _hashed(words: Sequence[str], length: int) -> _Hashes:
    """Return, for words of one length, the hash of each and of each without its second, third, ... letter."""
    letters = np.array(words).view(np.uint32).reshape(len(words), length).astype(np.uint64)
    powers = np.array([pow(_BASE, place, 1 << 64) for place in range(length)], np.uint64)
    sums = np.cumsum(letters * powers, axis=1, dtype=np.uint64)
    whole = sums[:, -1:]
    without = sums[:, :-1] + (whole - sums[:, 1:]) * np.uint64(_INVERSE)
    return np.concatenate([whole, without], axis=1) * np.uint64(_INVERSE | 1)
