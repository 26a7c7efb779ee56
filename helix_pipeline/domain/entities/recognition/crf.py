"""Linear-chain conditional random fields (Lafferty, McCallum & Pereira 2001): how likely each span of a text is.

Forward-backward runs over all texts side by side, in probabilities that are normalised at each token (Rabiner 1989).
Given the whole text, the tags are a Markov chain; so the probability of a span is that of its first tag, times those of
going on, times that of not going on at its end. This is exact, and needs no search for a best path.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float32]
Numbers = NDArray[np.int64]

_TINY = np.float32(1e-30)


@dataclass(frozen=True)
class Chain:
    """Scores of tags beside one another, for the tags `O`, `B-` and `I-` of label 0, `B-` and `I-` of label 1, ...

    `first` float32[tags] is of a text's first tag, `transitions` float32[tags, tags] of one tag (row) before another.
    """

    first: Scores
    transitions: Scores


@dataclass(frozen=True)
class Candidates:
    """Spans that texts may have: tokens [start, end), a label's number, the probability of just this span."""

    start: Numbers
    end: Numbers
    label: Numbers
    probability: Scores


@dataclass(frozen=True)
class _Posterior:
    """Probabilities given the whole text, float32[tokens, labels]: a span begins here; it goes on after its first token
    here; it goes on after a later token here."""

    begins: Scores
    goes_on_first: Scores
    goes_on: Scores


def candidates(emissions: Scores, lengths: Numbers, chain: Chain, least: float) -> Candidates:
    """Return the spans whose probability is at least `least` (above 0), by label and length, in no other order.

    `emissions` float32[tokens, tags] are the scores of each token's tags; `lengths` int64[texts], none of them 0, says
    how many tokens each text has.
    """
    if not len(lengths):
        return _joined([])
    posterior = _posterior(emissions, lengths, chain)
    first, label = np.nonzero(posterior.begins >= least)
    until, goes_on = posterior.begins[first, label], posterior.goes_on_first
    start, end = first, first
    found: list[tuple[Numbers, Numbers, Numbers, Scores]] = []
    while len(start):
        further = goes_on[end, label]
        probability = until * (1 - further)
        kept = probability >= least
        found.append((start[kept], end[kept] + 1, label[kept], probability[kept]))
        until, goes_on = until * further, posterior.goes_on
        open_ = until >= least
        start, end, label, until = start[open_], end[open_] + 1, label[open_], until[open_]
    return _joined(found)


def _joined(found: list[tuple[Numbers, Numbers, Numbers, Scores]]) -> Candidates:
    nothing = np.zeros(0, np.int64)
    parts = [(nothing, nothing, nothing, np.zeros(0, np.float32)), *found]
    return Candidates(*map(np.concatenate, zip(*parts, strict=True)))


def _posterior(emissions: Scores, lengths: Numbers, chain: Chain) -> _Posterior:
    order, active = _side_by_side(lengths)
    likely = np.exp(emissions - emissions.max(axis=1, keepdims=True))[order]
    bounds = np.cumsum([0, *active])
    forward = _forward(likely, bounds, chain)
    backward, goes_on_first, goes_on = _backward(likely, bounds, chain)
    both = forward * backward
    begins = both[:, 1::2] / both.sum(axis=1, keepdims=True)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return _Posterior(begins[back], goes_on_first[back], goes_on[back])


def _side_by_side(lengths: Numbers) -> tuple[Numbers, Numbers]:
    """Return the tokens by their place in their text, longer texts first; and how many texts have each place."""
    rank = np.empty_like(lengths)
    rank[np.argsort(-lengths, kind="stable")] = np.arange(len(lengths))
    ends = np.cumsum(lengths)
    place = np.arange(int(lengths.sum())) - np.repeat(ends - lengths, lengths)
    return np.lexsort((np.repeat(rank, lengths), place)), np.bincount(place)


def _forward(likely: Scores, bounds: Numbers, chain: Chain) -> Scores:
    step = np.exp(chain.transitions)
    forward = np.empty_like(likely)
    now = np.exp(chain.first - chain.first.max()) * likely[: bounds[1]]
    for low, high in pairwise(bounds.tolist()):
        if low:
            now = (now[: high - low] @ step) * likely[low:high]
        now = now / (now.sum(axis=1, keepdims=True) + _TINY)
        forward[low:high] = now
    return forward


def _backward(likely: Scores, bounds: Numbers, chain: Chain) -> tuple[Scores, Scores, Scores]:
    """Return the backward probabilities, and those of going on after the first and after a later token of a span."""
    step = np.exp(chain.transitions)
    begin, inside = np.arange(1, len(step), 2), np.arange(2, len(step), 2)
    backward = np.ones_like(likely)
    goes_on_first = np.zeros((len(likely), len(begin)), np.float32)
    goes_on = np.zeros_like(goes_on_first)
    for number in range(len(bounds) - 2, 0, -1):
        low, high = bounds[number], bounds[number + 1]
        ahead = likely[low:high] * backward[low:high]
        before = ahead @ step.T + _TINY
        here = slice(bounds[number - 1], bounds[number - 1] + high - low)
        goes_on_first[here] = ahead[:, inside] * step[begin, inside] / before[:, begin]
        goes_on[here] = ahead[:, inside] * step[inside, inside] / before[:, inside]
        backward[here] = before / before.sum(axis=1, keepdims=True)
    return backward, goes_on_first, goes_on
