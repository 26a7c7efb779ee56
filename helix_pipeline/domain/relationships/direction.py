"""Whether one of two entities introduces the other: comes first where both are named; vectorised over pairs."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom


def p_value(a_first: ArrayLike, b_first: ArrayLike) -> NDArray[np.float64]:
    """Return how probable an imbalance of this size is if either comes first equally often: sign test, two-sided.

    The exact binomial test with probability 1/2 (Conover, Practical Nonparametric Statistics, section 3.4); arguments
    are numbers of conversations. No conversation gives 1.
    """
    fewer, more = np.minimum(a_first, b_first), np.maximum(a_first, b_first)
    return np.asarray(np.minimum(1.0, 2 * binom.cdf(fewer, fewer + more, 0.5)), np.float64)
