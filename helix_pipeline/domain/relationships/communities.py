"""Which entities form a community: clusters of the graph of related pairs, more tightly bound within than between."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from sknetwork.clustering import Louvain


def communities(a: Sequence[str], b: Sequence[str], weights: Sequence[float]) -> dict[str, int]:
    """Return the community of each entity of the pairs, numbered from 0: largest first, then by the smallest id.

    Modularity is maximised by the Louvain method (Blondel et al. 2008), which takes nodes in the order of their ids:
    the order of the pairs changes nothing. A pair without weight binds nobody; an entity of such pairs alone has no
    community. Raises ValueError where the arguments differ in length.
    """
    bound = [(*pair, weight) for *pair, weight in zip(a, b, weights, strict=True) if weight > 0]
    if not bound:
        return {}
    left, right, weight = zip(*bound, strict=True)
    names, places = np.unique(np.array([*left, *right], object), return_inverse=True)
    ends = places.reshape(2, -1)
    shape = len(names), len(names)
    half = coo_matrix((weight, (np.min(ends, axis=0), np.max(ends, axis=0))), shape).tocsr()
    found = Louvain(shuffle_nodes=False).fit_predict(half + half.T)
    return dict(zip(names.tolist(), _numbered(np.asarray(found)), strict=True))


def _numbered(labels: NDArray[np.int64]) -> list[int]:
    """Number labels anew: the most frequent first, then the one that comes first."""
    _, first, places, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    return [int(number) for number in np.argsort(order)[places]]
