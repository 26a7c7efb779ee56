"""Logistic regression of shares: outcomes anywhere between 0 (lost) and 1 (won), with a normal prior per coefficient.

The Bernoulli quasi-likelihood needs the mean of a share only, not its distribution: Papke & Wooldridge, "Econometric
methods for fractional response variables", Journal of Applied Econometrics 11 (1996). For shares of 0 and 1 it is
plain logistic regression. scikit-learn's takes neither shares nor a prior mean per coefficient, hence this one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array
from scipy.special import expit

Floats = NDArray[np.float64]

_SEARCH = {"maxiter": 10_000, "maxfun": 100_000, "maxcor": 30, "ftol": 1e-15, "gtol": 1e-9}
_LARGEST_GRADIENT = 1e-6
"""Per observation; the search ends far below it unless something in the input is not finite."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Independent normal priors: `mean` and `precision` (1 / variance, above 0) of each of k coefficients."""

    mean: Floats
    precision: Floats


def fit(design: csr_array, shares: Floats, counts: Floats, prior: Prior) -> Floats:
    """Return the k coefficients of the highest posterior density.

    `design` is n x k; each of the n `shares`, in [0, 1], is the mean of as many observations as `counts` says (above
    0). Raises ValueError for values out of range and ArithmeticError where the search finds no optimum.
    """
    _check(shares, counts, prior)
    total = max(counts.sum(), 1.0)
    transposed = design.T.tocsr()

    def loss(coefficients: Floats) -> tuple[float, Floats]:
        logits, off = design @ coefficients, coefficients - prior.mean
        value = counts @ (np.logaddexp(0, logits) - shares * logits) + prior.precision @ off**2 / 2
        gradient = transposed @ (counts * (expit(logits) - shares)) + prior.precision * off
        return value / total, gradient / total

    found = minimize(loss, prior.mean, jac=True, method="L-BFGS-B", options=_SEARCH)
    if not np.all(np.abs(found.jac) <= _LARGEST_GRADIENT):
        raise ArithmeticError(f"no optimum found: {found.message}")
    return np.asarray(found.x, np.float64)


def _check(shares: Floats, counts: Floats, prior: Prior) -> None:
    if not np.all((shares >= 0) & (shares <= 1)):
        raise ValueError("shares must lie between 0 and 1")
    if not np.all(counts > 0):
        raise ValueError("counts must be above 0")
    if not np.all(prior.precision > 0):
        raise ValueError("precisions must be above 0: without a prior an estimate may be infinite")
