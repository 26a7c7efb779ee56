"""How good a compressed context is held to be: `quality_score`, and the warning where it is below what was asked for.

Without a query it is the share of salient facts that survive. A fact is what a sentence states (`facts`), or the
sentence as such where it states none, and weighs the questions that are expected about its sentence (`importance`). It
survives where its sentence, or another of the same wording, is kept.
With a query it is the estimated share of the evidence kept: each message weighs by how relevant it is.
"""

import numpy as np
from numpy.typing import NDArray

from helix_pipeline.domain.context.facts import Facts
from helix_pipeline.domain.context.layout import Layout
from helix_pipeline.domain.context.request import CompressionRequest
from helix_pipeline.domain.context.selection import Choice
from helix_pipeline.domain.context.worth import within_messages

Floats = NDArray[np.float64]

SHARPNESS = 1.75
"""Power of a relevance. The probabilities of the many messages that are hardly relevant would add up to too much."""

OVERHEAD = 1.1
"""What dates, gaps and the newest messages add to the tokens of the best sentences; measured on LoCoMo."""


def kept_shares(layout: Layout, choice: Choice) -> Floats:
    """Return how much of each sentence is kept: 1, 0, or the part before a cut, float64[sentences]."""
    shares = np.isin(layout.same, layout.same[choice.kept]).astype(np.float64)
    for place, length in choice.cut.items():
        shares[place] = length / len(layout.text.sentences[place].as_py())
    return shares


def fact_weights(facts: Facts, importance: Floats) -> Floats:
    """Return what the facts of each sentence weigh: the questions expected about it (`importance`) for each of them.

    float64[sentences], as `importance`; a sentence that states none counts as one fact.
    """
    return np.asarray(importance * np.maximum(1, np.bincount(facts.sentence, minlength=len(importance))))


def evidence_weights(relevance: Floats, importance: Floats, layout: Layout) -> Floats:
    """Return what each sentence weighs as evidence for a query, float64[sentences].

    `relevance` float64[messages] in [0, 1] is the probability that a message is evidence.
    """
    return np.asarray((relevance**SHARPNESS)[layout.text.text_of] * within_messages(importance, layout))


def share_kept(weights: Floats, shares: Floats) -> float:
    """Return the share of some weights that is kept, with `shares` of each, in [0, 1]; 1 where all weigh nothing."""
    return float(1 - weights @ (1 - shares) / weights.sum()) if weights.any() else 1.0


def ratio_for(quality: float, weights: Floats, layout: Layout) -> float:
    """Return the share of the tokens at which a selection should reach a quality, at most 1."""
    density = weights / np.maximum(1, layout.tokens)
    order = np.argsort(-density, kind="stable")
    gained = np.cumsum(weights[order])
    if not len(gained) or not gained[-1]:
        return 1.0
    place = min(int(np.searchsorted(gained, quality * gained[-1])), len(gained) - 1)
    opened = np.unique(layout.text.text_of[order[: place + 1]])
    tokens = layout.tokens[order[: place + 1]].sum() + layout.opening[opened].sum()
    return float(min(1.0, OVERHEAD * tokens / layout.original))


def warning(quality: float, request: CompressionRequest, needed: float) -> str | None:
    """Return what to say about a quality below the one asked for; `needed` is the ratio expected to reach it."""
    if quality >= request.min_quality:
        return None
    remedy = f"a ratio of about {needed:.2f}" if needed < 1 else "only the whole conversation"
    query = "" if request.query else "; a query, where it is known what is looked for, brings that in"
    return f"quality {quality:.2f} is below the minimum of {request.min_quality:g}: {remedy} would reach it{query}"
