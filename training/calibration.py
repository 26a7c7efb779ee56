"""Fits how a recogniser's probabilities are read: the threshold of the best F1, and the map to confidences.

The fit is on spans found in texts that the model had not seen: the probability of each, and whether it is right.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

sys.path.append(str(Path(__file__).parents[1] / "bench"))

from entity_data import Annotated, Sentence

from helix_pipeline.domain.entities.recognition.decoding import Stored
from helix_pipeline.domain.entities.recognition.labels import TAG_SETS, TagSet
from helix_pipeline.domain.entities.recognition.tagged import TaggedRecogniser

LEAST = 0.1
"""Probability from which spans take part in the fit."""

CORNERS = np.linspace(LEAST, 1, 19)

UNREAD = Stored(least=LEAST, probabilities=[0, 1], confidences=[0, 1])
"""How probabilities are read before they are calibrated: as they are."""


def calibrated(reader: TaggedRecogniser, unseen: Mapping[str, Sequence[Sentence]]) -> dict[str, Stored]:
    """Return how the scores of each tag set are read, by what a recogniser, `UNREAD`, finds in sentences unseen."""
    fields = {}
    for name, some in unseen.items():
        texts = [one.spaced() for one in some]
        probability, right = zip(*judged(reader, texts, TAG_SETS[name]), strict=True)
        fields[name] = fitted(probability, right, sum(len(one.spans) for one in texts))
    return fields


def judged(reader: TaggedRecogniser, texts: Sequence[Annotated], tags: TagSet) -> Iterator[tuple[float, bool]]:
    """Yield the probability of each span that a recogniser finds in texts, and whether it is right."""
    true = {(row, *span) for row, text in enumerate(texts) for span in text.spans}
    for *span, probability in reader.labelled([text.text for text in texts], tags):
        yield probability, tuple(span) in true


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
