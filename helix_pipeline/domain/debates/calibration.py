"""How good probabilities of a win are: accuracy, log-loss, Brier score and expected calibration error."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss

BINS = 10


def expected_calibration_error(won: NDArray[np.float64], chance: NDArray[np.float64], bins: int = BINS) -> float:
    """Return the mean distance of chance and frequency over bins of equal width, weighted by debates; in [0, 1].

    `won` is 1 or 0, `chance` in [0, 1], both of shape (n,). As in Naeini, Cooper and Hauskrecht (2015), for the
    probability of the positive class. Raises ValueError for no debate.
    """
    if not len(chance):
        raise ValueError("no debate to measure calibration on")
    place = np.minimum((chance * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(place, chance - won, bins)).sum() / len(chance))


def scores(won: NDArray[np.float64], chance: NDArray[np.float64]) -> dict[str, float | int]:
    """Return the number of debates, accuracy, log-loss (nats), Brier score and expected calibration error.

    `won` and `chance` as in `expected_calibration_error`; a chance of 1/2 counts as half right. Raises ValueError for
    no debate.
    """
    calibration_error = expected_calibration_error(won, chance)
    right = np.where(chance == 0.5, 0.5, (chance > 0.5) == (won > 0.5))
    return {
        "debates": len(won),
        "accuracy": float(right.mean()),
        "log_loss": float(log_loss(won, chance, labels=[0, 1])),
        "brier": float(brier_score_loss(won, chance, pos_label=1)),
        "calibration_error": calibration_error,
    }
