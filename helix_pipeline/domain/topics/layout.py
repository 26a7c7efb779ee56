"""Where topics lie in a picture: alike topics near each other."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform


def positions(words: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a point in the plane for each topic (rows of P(word | topic)): topics x 2, centred on the origin.

    Principal coordinates (Gower 1966) of the topics' Jensen-Shannon distances, in sqrt(nat), as in LDAvis (Sievert &
    Shirley 2014): the best plane for the squared distances. The sign of an axis is free and is set so that its point
    furthest out is positive.
    """
    if len(words) < 2:
        return np.zeros((len(words), 2))
    squared = squareform(pdist(words, "jensenshannon")) ** 2
    centre = np.eye(len(words)) - 1 / len(words)
    values, vectors = np.linalg.eigh(-centre @ squared @ centre / 2)
    axes = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0))
    furthest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    return np.asarray(axes * np.where(furthest < 0, -1.0, 1.0), dtype=np.float64)
