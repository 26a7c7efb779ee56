"""Bradley-Terry ratings of models, with intervals, from the scores of pairs.

The log-odds that one model beats another are the difference of their strengths, plus an effect of speaking first:
Bradley & Terry, "Rank analysis of incomplete block designs", Biometrika 39 (1952); Davidson & Beaver, "On extending
the Bradley-Terry model to incorporate within-pair order effects", Biometrics 33 (1977). Ties and margins come in as
shares of a win. Ratings are on the scale of Elo: 400 points are odds of ten to one, the mean of all models is 1500.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from helix_pipeline.domain.ratings.fractional_logit import Floats, Prior, fit
from helix_pipeline.domain.ratings.intervals import quantile
from helix_pipeline.domain.ratings.matchups import PAIR_SCORES

MEAN_RATING = 1500.0
POINTS_PER_LOGIT = 400 / np.log(10)

PRIOR_SD = 5.0
"""Of a strength, in logits. So wide (870 points) that it decides only what the scores leave open: how far ahead a
model is that has won all or lost all, and how models compare that no chain of matchups connects."""

RATINGS = pa.schema(
    [
        pa.field("model", pa.string()),
        pa.field("matchups", pa.int64()),
        pa.field("rating", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Strengths:
    """Estimated strengths of k models in logits, with mean 0, and their covariance (k x k).

    `order_effect` is the advantage of speaking first, in logits; 0 where every matchup was held in both orders.
    """

    models: tuple[str, ...]
    matchups: NDArray[np.int64]
    logits: Floats
    covariance: Floats
    order_effect: float


def strengths(scores: pa.Table, prior_sd: float = PRIOR_SD) -> Strengths:
    """Estimate the strengths of all models in a table of `PAIR_SCORES`; rows of the same pair add up.

    Raises ValueError for scores out of range (`points` not within 0 to `n`, `n` or `prior_sd` not above 0).
    """
    if not prior_sd > 0:
        raise ValueError(f"prior_sd must be above 0: {prior_sd}")
    order, n, points, squares = (scores[name].to_numpy().astype(np.float64) for name in PAIR_SCORES.names[2:])
    sides = scores["first"].to_pylist(), scores["second"].to_pylist()
    models, places = np.unique(np.array([*sides[0], *sides[1]], dtype=object), return_inverse=True)
    first, second = places.reshape(2, -1)
    design = _design(first, second, order, len(models))
    precision = np.full(design.shape[1], prior_sd**-2.0)
    coefficients = fit(design, points / n, n, Prior(np.zeros(len(precision)), precision))
    covariance = _covariance(design, _Sums(n, points, squares), expit(design @ coefficients), precision)
    return Strengths(
        models=tuple(models),
        matchups=np.bincount(places, np.tile(n, 2), len(models)).astype(np.int64),
        logits=coefficients[:-1],
        covariance=_about_the_mean(covariance[:-1, :-1]),
        order_effect=float(coefficients[-1]),
    )


def ratings(found: Strengths, level: float = 0.95) -> pa.Table:
    """Return the ratings as a table of `RATINGS`, best first, with confidence limits of the given level.

    Raises ValueError unless 0 < level < 1.
    """
    rating = MEAN_RATING + POINTS_PER_LOGIT * found.logits
    half = quantile(level) * POINTS_PER_LOGIT * np.sqrt(np.diagonal(found.covariance))
    columns = [pa.array(found.models, pa.string()), found.matchups, rating, rating - half, rating + half]
    table = pa.table(dict(zip(RATINGS.names, columns, strict=True)), schema=RATINGS)
    return table.sort_by([("rating", "descending"), ("model", "ascending")])


@dataclass(frozen=True, slots=True)
class _Sums:
    n: Floats
    points: Floats
    squares: Floats


def _design(first: NDArray[np.intp], second: NDArray[np.intp], order: Floats, models: int) -> csr_array:
    """Rows with 1 for the first model, -1 for the second, and the order in the last column."""
    pair = np.arange(len(order))
    columns = np.concatenate([first, second, np.full(len(order), models)])
    values = np.concatenate([np.ones(len(order)), -np.ones(len(order)), order])
    return csr_array((values, (np.tile(pair, 3), columns)), shape=(len(order), models + 1))


def _covariance(design: csr_array, sums: _Sums, expected: Floats, precision: Floats) -> Floats:
    """Return the covariance of the coefficients under the quasi-likelihood.

    With the variance of a win or a loss times the dispersion: McCullagh & Nelder, Generalized Linear Models, 2nd
    edition (1989), chapter 9. The prior has the variance that it claims.
    """
    variance = sums.n * expected * (1 - expected)
    information = (design.T @ (design * variance[:, None])).toarray()
    bread = np.linalg.inv(information + np.diag(precision))
    fitted = float(np.trace(bread @ information))
    meat = _dispersion(sums, expected, fitted) * information + np.diag(precision)
    return np.asarray(bread @ meat @ bread, np.float64)


def _dispersion(sums: _Sums, expected: Floats, fitted: float) -> float:
    """Return how much shares vary about what is expected, as a part, up to 1, of what wins and losses would.

    `fitted` is the number of parameters that the scores decide. One matchup is added that varies as a win or a loss
    would, so that a handful of equal shares do not seem exact.
    """
    matchups = sums.n.sum()
    unit = sums.n @ (expected * (1 - expected)) / max(matchups, 1)
    residual = np.sum(sums.squares - 2 * expected * sums.points + sums.n * expected**2)
    free = max(matchups - fitted, 0) + 1
    return float(np.clip((residual + unit) / (free * unit), 0, 1)) if unit > 0 else 1.0


def _about_the_mean(covariance: Floats) -> Floats:
    """Return the covariance of the strengths less their mean: where all of them lie is convention, not an estimate."""
    models = len(covariance)
    contrast = np.eye(models) - 1 / max(models, 1)
    return np.asarray(contrast @ covariance @ contrast, np.float64)
