"""From scores of tags to spans with a confidence: which spans of a text are reported, and how sure they are.

A span is reported where its probability reaches a threshold; for the best F1 that threshold lies near half of the F1
(Lipton, Elkan & Narayanaswamy 2014). Probabilities of the model become confidences by a monotone map that was fitted
on texts that the model had not seen (isotonic regression).
"""

from dataclasses import dataclass
from typing import Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.entities.recognition.crf import Candidates, Chain, Scores, candidates
from helix_pipeline.domain.entities.recognition.tokens import Numbers, Tokens


@dataclass(frozen=True)
class Found:
    """Spans found in texts, by text and start: code points [start, end) of text `row`, label's number, confidence."""

    row: Numbers
    start: Numbers
    end: Numbers
    label: Numbers
    confidence: NDArray[np.float64]


class Stored(TypedDict):
    """How a decoder's fields are stored beside the weights."""

    least: float
    probabilities: list[float]
    confidences: list[float]


@dataclass(frozen=True)
class Decoder:
    """How the spans of one tag set are read from scores.

    `least` is the probability from which a span is reported; `probabilities` and `confidences` are the corners of the
    map from one to the other, both rising.
    """

    chain: Chain
    least: float
    probabilities: NDArray[np.float64]
    confidences: NDArray[np.float64]

    @classmethod
    def stored(cls, chain: Chain, fields: Stored) -> Self:
        """Return the decoder that was stored."""
        return cls(chain, fields["least"], np.array(fields["probabilities"]), np.array(fields["confidences"]))

    def found(self, tokens: Tokens, emissions: Scores) -> Found:
        """Return the spans of the tokens' texts, without overlaps, given scores float32[tokens, tags]."""
        lengths = np.bincount(tokens.row)
        spans = candidates(emissions, lengths[lengths > 0], self.chain, self.least)
        kept = disjoint(spans)
        first, last = spans.start[kept], spans.end[kept] - 1
        confidence = np.interp(spans.probability[kept], self.probabilities, self.confidences)
        return Found(tokens.row[first], tokens.start[first], tokens.end[last], spans.label[kept], confidence)


def disjoint(spans: Candidates) -> Numbers:
    """Return the numbers of the spans that overlap no more probable one that is kept, in order of their start."""
    taken: set[int] = set()
    kept = []
    for number in np.lexsort((spans.label, spans.end, spans.start, -spans.probability)).tolist():
        inside = range(spans.start[number], spans.end[number])
        if taken.isdisjoint(inside):
            taken.update(inside)
            kept.append(number)
    return np.array(sorted(kept, key=spans.start.__getitem__), np.int64)
