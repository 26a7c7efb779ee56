"""What a word says by itself about being an entity: its spelling as hashed features, its traits, its static vector.

All is computed once for each different word of a batch, on arrays over the letters of all words at once. Hashes are
polynomials modulo 2^64 (Karp & Rabin 1987): the same in every process and on every machine. Digits count as one digit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from helix_pipeline.domain.context.retrieval.embedding import static_embedding, unit
from helix_pipeline.domain.entities import gazetteer

Hashes = NDArray[np.uint64]
Letters = NDArray[np.uint32]
Vectors = NDArray[np.float32]

BUCKETS = 1 << 15
"""Rows of the table that hashed features share."""

HALF = 14
"""Letters looked at from either end of a word: a longer one is cut in its middle."""

TRAITS = 14
STATIC = 256
DENSE = STATIC + TRAITS
"""Columns of `Features.dense`: the static vector, then the traits."""

_NGRAMS, _AFFIXES = (3, 4), (1, 2, 3, 4)
_STATIC_LENGTH = np.float32(4)
_FACTOR = 0x9E3779B97F4A7C15
_POWERS = np.array([pow(_FACTOR, power, 1 << 64) for power in range(max(_NGRAMS) + 2)], np.uint64)
_OPEN, _CUT, _CLOSE = "\x02", "\x04", "\x03"
_ZERO, _UPPER, _LOWER, _OTHER = b"0Aau"


@dataclass(frozen=True)
class Features:
    """Features of some words: `hashed` csr[words, BUCKETS] of weights, `dense` float32[words, DENSE]."""

    hashed: sparse.csr_matrix
    dense: Vectors


def features(words: Sequence[str]) -> Features:
    """Return the features of words, none of which is empty. Each word's are its own, whatever the others are."""
    cut = [word if len(word) <= 2 * HALF else word[:HALF] + _CUT + word[-HALF:] for word in words]
    lower = [word.lower() for word in cut]
    letters, lengths = _letters(cut)
    framed, framed_lengths = _letters([_OPEN + word + _CLOSE for word in lower])
    one_each = [*_spelled(framed, framed_lengths), *_shaped(letters, lengths), _listed(lower)]
    grams, owner = _ngrams(framed, framed_lengths)
    return Features(_bags(np.stack(one_each, axis=1), grams, owner), _dense(words, letters, lengths))


def _letters(words: Sequence[str]) -> tuple[Letters, NDArray[np.int64]]:
    """Return the letters of words, uint32[words, longest], 0 after their ends, digits as `0`; and their lengths."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    width = int(lengths.max(initial=1))
    points = np.array(words, f"=U{width}").view(np.uint32).reshape(len(words), width)
    return np.where((points >= _ZERO) & (points < _ZERO + 10), np.uint32(_ZERO), points), lengths


def _rolling(letters: NDArray[np.unsignedinteger]) -> Hashes:
    """Return the hash of every beginning of each word, uint64[words, longest + 1]: column k is of k letters."""
    hashes = np.zeros((len(letters), letters.shape[1] + 1), np.uint64)
    for place in range(letters.shape[1]):
        hashes[:, place + 1] = hashes[:, place] * _POWERS[1] + letters[:, place] + np.uint64(1)
    return hashes


def _mixed(hashes: Hashes, kind: int) -> Hashes:
    """Return hashes of their own for a kind of feature, spread over all bits (the finaliser of xxHash64)."""
    mixed = hashes + np.uint64(kind * 0x517CC1B727220A95 % (1 << 64))
    mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xC2B2AE3D27D4EB4F)
    return (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x165667B19E3779F9) >> np.uint64(16)


def _spelled(framed: Letters, lengths: NDArray[np.int64]) -> list[Hashes]:
    """Return hashes of each word in lower case and of its first and last letters, marked as such."""
    rolling, row = _rolling(framed), np.arange(len(framed))
    whole = rolling[row, lengths]
    found = [_mixed(whole, 1)]
    for size in _AFFIXES:
        taken = np.minimum(size + 1, lengths)
        found.append(_mixed(rolling[row, taken], 10 + size))
        found.append(_mixed(whole - rolling[row, lengths - taken] * _POWERS[taken], 20 + size))
    return found


def _shaped(letters: Letters, lengths: NDArray[np.int64]) -> list[Hashes]:
    """Return hashes of each word as it is written, of its shape, and of its shape without repeats (`Aa0`)."""
    row = np.arange(len(letters))
    shape = _shapes()[np.minimum(letters, 256)]
    changes = np.diff(shape, axis=1, prepend=np.uint8(0)) != 0
    short = np.zeros(len(letters), np.uint64)
    for place in range(letters.shape[1]):
        added = short * _POWERS[1] + shape[:, place] + np.uint64(1)
        short = np.where(changes[:, place] & (shape[:, place] > 0), added, short)
    first = _rolling(shape[:, :8])[row, np.minimum(lengths, min(8, letters.shape[1]))]
    return [_mixed(_rolling(letters)[row, lengths], 2), _mixed(first, 3), _mixed(short, 4)]


@cache
def _shapes() -> NDArray[np.uint8]:
    """Return what a code point looks like: `0`, `A`, `a`, itself where it is a mark, `u` from 256 on; 0 stays 0."""
    shapes = np.arange(257, dtype=np.uint8)
    for point in range(256):
        letter = chr(point)
        if letter.isalnum():
            shapes[point] = _ZERO if letter.isdigit() else _UPPER if letter.isupper() else _LOWER
    shapes[256] = _OTHER
    return shapes


def _listed(lower: Sequence[str]) -> Hashes:
    kinds = _kinds()
    return _mixed(np.fromiter((kinds.get(word, 0) for word in lower), np.uint64, len(lower)), 5)


@cache
def _kinds() -> Mapping[str, int]:
    """Return a number for the type and sub-type that the gazetteer gives each form in lower case."""
    return {
        surface.lower(): crc32(f"{entry.type}/{entry.subtype}".encode())
        for entry in gazetteer.load().entries.values()
        for _, surface in entry.forms
    }


def _ngrams(framed: Letters, lengths: NDArray[np.int64]) -> tuple[Hashes, NDArray[np.int64]]:
    """Return hashes of all runs of 3 and 4 letters, and the word that each is of."""
    rolling = _rolling(framed)
    hashes, owners = [], []
    for size in _NGRAMS:
        if framed.shape[1] < size:
            continue
        runs = rolling[:, size:] - rolling[:, :-size] * _POWERS[size]
        inside = np.arange(size, framed.shape[1] + 1) <= lengths[:, None]
        hashes.append(_mixed(runs[inside], 30 + size))
        owners.append(np.nonzero(inside)[0])
    return np.concatenate(hashes), np.concatenate(owners)


def _bags(one_each: Hashes, grams: Hashes, owner: NDArray[np.int64]) -> sparse.csr_matrix:
    """Return csr[words, BUCKETS]: weight 1 for the features that each word has, a root's share for its n-grams."""
    words, fixed = one_each.shape
    share = (1 / np.sqrt(np.maximum(np.bincount(owner, minlength=words), 1))).astype(np.float32)
    weights = np.concatenate([np.ones(words * fixed, np.float32), share[owner]])
    columns = np.concatenate([one_each.ravel(), grams]) % np.uint64(BUCKETS)
    rows = np.concatenate([np.repeat(np.arange(words), fixed), owner])
    return sparse.csr_matrix((weights, (rows, columns.astype(np.int64))), (words, BUCKETS))


def _dense(words: Sequence[str], letters: Letters, lengths: NDArray[np.int64]) -> Vectors:
    embedding, lower = static_embedding(), [word.lower() for word in words]
    vectors = unit(embedding.words(lower)) * _STATIC_LENGTH
    ranks = np.fromiter((embedding.pieces.get(word, -1) for word in lower), np.float32, len(lower))
    return np.concatenate([vectors, _traits(letters, lengths, ranks)], axis=1)


def _traits(letters: Letters, lengths: NDArray[np.int64], ranks: Vectors) -> Vectors:
    """Return what is seen at a glance: how common and how long a word is, its capitals, digits and marks."""
    shape = _shapes()[np.minimum(letters, 256)]
    upper, low, digit = (shape == kind for kind in (_UPPER, _LOWER, _ZERO))
    mark = (shape > 0) & ~(upper | low | digit | (shape == _OTHER))
    columns = [
        ranks < 0,
        np.log2(ranks + 2) / 15,
        np.minimum(lengths, 20) / 20,
        upper[:, 0] & ~upper[:, 1:].any(axis=1),
        upper.any(axis=1) & ~low.any(axis=1),
        upper[:, 1:].any(axis=1) & low.any(axis=1),
        digit.any(axis=1),
        digit.any(axis=1) & ~(upper | low).any(axis=1),
        mark.sum(axis=1) == lengths,
        mark.any(axis=1),
        *((letters == ord(one)).any(axis=1) for one in "_(./"),
    ]
    return np.stack(columns, axis=1).astype(np.float32)
