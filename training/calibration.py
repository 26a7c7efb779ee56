"""Fits how a recogniser's probabilities are read: the threshold of the best F1, and the map to confidences.

The fit is on spans found in texts that the model had not seen: the probability of each, and whether it is right.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from helix_pipeline.domain.entities.recognition.decoding import Stored

LEAST = 0.1
"""Probability from which spans take part in the fit."""

CORNERS = np.linspace(LEAST, 1, 19)


def fitted(probability: Sequence[float], right: Sequence[bool], true: int) -> Stored:
    """Return how to read probabilities, given spans with `LEAST` or more, and how many true ones there are."""
    spans = np.array(probability, float)
    hits = np.array(right, float)
    rising = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(spans, hits)
    confidences = np.maximum.accumulate(rising.predict(CORNERS))
    return Stored(
        least=best_threshold(spans, hits, true),
        probabilities=CORNERS.round(4).tolist(),
        confidences=confidences.round(4).tolist(),
    )


def best_threshold(probability: NDArray[np.float64], right: NDArray[np.float64], true: int) -> float:
    """Return the probability from which spans are best reported, by F1, to two places."""
    thresholds = np.arange(LEAST, 0.6, 0.01)
    kept = probability >= thresholds[:, None]
    f1 = 2 * (kept * right).sum(axis=1) / (kept.sum(axis=1) + true)
    return round(float(thresholds[f1.argmax()]), 2)
