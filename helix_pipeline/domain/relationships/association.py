"""How strongly two entities belong together, and whether that could be chance; vectorised over pairs.

All functions take counts of contexts (messages, or windows of messages): `both` that name both entities, `a` and `b`
that name the one and the other, out of `total`. Arrays broadcast.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import hypergeom

Floats = NDArray[np.float64]


def lift(both: ArrayLike, a: ArrayLike, b: ArrayLike, total: ArrayLike) -> Floats:
    """Return how many times as often the two occur together as independent ones would: 0 and up, 1 for those."""
    return _floats(both) * _floats(total) / (_floats(a) * _floats(b))


def npmi(both: ArrayLike, a: ArrayLike, b: ArrayLike, total: ArrayLike) -> Floats:
    """Return the normalised pointwise mutual information (Bouma 2009): -1 never, 0 independent, 1 always together."""
    share = _floats(both) / _floats(total)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(lift(both, a, b, total)) / -np.log(share)
    return np.where(share == 0, -1.0, np.where(share == 1, 1.0, found))


def p_value(both: ArrayLike, a: ArrayLike, b: ArrayLike, total: ArrayLike, overlap: int = 1) -> Floats:
    """Return the probability of occurring together so often by chance: Fisher's exact test, one-sided.

    It takes contexts as independent draws (Fisher 1935; the tail of the hypergeometric distribution). Where each
    message lies in `overlap` contexts they are not: the counts are first divided by it, `both` rounded down and the
    others up.
    """
    together = np.asarray(both) // overlap
    margins = [-(-np.asarray(count) // overlap) for count in (total, a, b)]
    return _floats(hypergeom.sf(together - 1, *margins))


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float64)
