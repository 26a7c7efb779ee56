"""Confidence intervals of proportions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]


def wilson(successes: ArrayLike, trials: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the lower and upper Wilson score limits of each proportion, in [0, 1]; both broadcast.

    `successes` may be fractional, such as wins plus half the ties: a share in [0, 1] varies no more than a yes or no of
    the same mean, so that the interval is then too wide rather than too narrow. Without trials it is [0, 1]. Raises
    ValueError unless 0 <= successes <= trials and 0 < level < 1.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). scipy's
    `binomtest(…).proportion_ci` is the same for one pair of whole numbers.
    """
    x, n = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    if not np.all((x >= 0) & (x <= n)):
        raise ValueError("successes must lie between 0 and trials")
    z = quantile(level)
    centre = (x + z**2 / 2) / (n + z**2)
    # n * p * (1 - p) without dividing by n, which may be 0.
    spread = np.divide(x * (n - x), n, out=np.zeros(np.broadcast(x, n).shape), where=n > 0)
    half = z / (n + z**2) * np.sqrt(spread + z**2 / 4)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def quantile(level: float) -> float:
    """Return how many standard errors a two-sided normal interval of this level reaches: 1.96 for 0.95.

    Raises ValueError unless 0 < level < 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1: {level}")
    return float(norm.ppf((1 + level) / 2))
